"""Counts consecutive companies that fail in our own code, which means that the cause is not in the companies.

With a database encoding that cannot hold a page, no free file descriptors or a replaced library, each company would end
as `failed{internal_error}`, and a campaign of 300 would be lost within minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from acra_express_async.models import CompanyId

LONGEST_STREAK = 3
"""Different companies in a row. One alone may have a page of an unforeseen shape; two may be a coincidence."""


class FaultStreak:
    """Counts over all workers of the process; any company whose work succeeds ends the streak.

    Args:
        tell: called with every new length.
    """

    def __init__(self, tell: Callable[[float], object] = lambda _length: None) -> None:
        self._tell = tell
        self._broken: set[CompanyId] = set()

    def broke(self, company_id: CompanyId) -> bool:
        """Record that this company's work broke; True if the company is not to blame.

        The same company counts once, however often its job comes back.
        """
        self._broken.add(company_id)
        self._tell(len(self._broken))
        return len(self._broken) >= LONGEST_STREAK

    def went_well(self) -> None:
        """Record that the work of some company ended without a fault of ours, whatever its outcome."""
        if self._broken:
            self._broken.clear()
            self._tell(0)
