"""Settlements of charges that ride along with the next statement of this process, instead of taking one for themselves.

An answer that was paid for is kept in the database at once, and the ledger learns in the same statement what it cost.
If another charge comes first, that one carries it: so no charge of this process is ever judged by an amount that is
known to be less. A settlement that never gets through counts in full, until the hold of its charge is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from acra_express_async.params import MAX_INT


@dataclass(frozen=True, slots=True)
class _Settlement:
    charge_id: int
    amounts: Mapping[str, int]
    written: Callable[[], None]

    def fields(self, owner: str | None) -> dict[str, Any]:
        amounts = {budget: min(amount, MAX_INT) for budget, amount in self.amounts.items()}
        fields: dict[str, Any] = {"charge_id": self.charge_id, "amounts": amounts}
        return fields if owner is None else fields | {"answered_by": owner}


class Settlements:
    """What waits to be settled in one process; shared by everything whose statements may carry it.

    Args:
        owner: this process, as its breakers name it: each settlement also notes that the provider has answered it.
    """

    def __init__(self, owner: str | None = None) -> None:
        self._owner = owner
        self._waiting: list[_Settlement] = []

    def add(self, charge_id: int, amounts: Mapping[str, int], written: Callable[[], None]) -> None:
        """Let it ride.

        Args:
            amounts: what the answer stated, by budget name.
            written: is called once the ledger has it.
        """
        self._waiting.append(_Settlement(charge_id, amounts, written))

    @contextmanager
    def carried(self) -> Iterator[list[dict[str, Any]]]:
        """The argument of `acra_express.settle_all` for the statement inside; after an error all of it waits again."""
        taken, self._waiting = self._waiting, []
        written = False
        try:
            yield [each.fields(self._owner) for each in taken]
            written = True
        finally:
            if not written:
                self._waiting = taken + self._waiting
        for each in taken:
            each.written()
