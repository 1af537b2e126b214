"""Companies that fail in our own code, one after the other: then the cause is not in the companies.

A database in an encoding that cannot hold a page, descriptors that are used up, a library that was replaced: each
company would end as `failed{internal_error}`, and a campaign of 300 would be used up within minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from acra_express_async.models import CompanyId

LONGEST_STREAK = 3
"""Different companies in a row. One that breaks alone has a page of an unforeseen shape; two are a coincidence."""


class FaultStreak:
    """Counts over all workers of the process; any company whose work does not break ends the streak.

    Args:
        tell: told of every new length.
    """

    def __init__(self, tell: Callable[[float], object] = lambda _length: None) -> None:
        self._tell = tell
        self._broken: set[CompanyId] = set()

    def broke(self, company_id: CompanyId) -> bool:
        """Note that this company's work broke; True when it is not to be held against the company.

        The same company counts once, however often its job comes back.
        """
        self._broken.add(company_id)
        self._tell(len(self._broken))
        return len(self._broken) >= LONGEST_STREAK

    def went_well(self) -> None:
        """Some company's work came to an end, whatever the outcome."""
        if self._broken:
            self._broken.clear()
            self._tell(0)
