"""What this process knows of the database: its last answer, its last refusal, and the result of the last claim.

The loops report their results here, and nothing here queries the database. So probes and the page can name the cause at
any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

READY_SECONDS = 30.0
"""An answer, or a claim without an error, is expected within this time; the database is asked every 5 s."""
RECENT_SECONDS = 60.0
"""How long a refusal that has passed is still shown."""
CLAIM_REPEATED_SECONDS = 90.0
"""A failed claim is repeated within this time, unless nothing may be claimed at present."""


@dataclass(frozen=True, slots=True)
class DatabaseRefusal:
    """The sentence of an error, and its moment by `clock`."""

    why: str
    at: float


@dataclass(frozen=True, slots=True)
class Claim:
    """How a claim ended (``job``, ``empty`` or ``error``), when, and why it failed."""

    result: str
    at: float
    why: str | None = None


@dataclass(slots=True)
class DatabaseHealth:
    """See the module; `clock` gives monotonic seconds, and all moments are in them.

    `failing_since` is the first failed claim after the last successful one.
    """

    clock: Callable[[], float]
    answered_at: float | None = None
    refusal: DatabaseRefusal | None = None
    claim: Claim | None = None
    failing_since: float | None = None

    def answered(self) -> None:
        """Record that a server which accepts writes answered on a working session."""
        self.answered_at = self.clock()

    def refused(self, error: Exception) -> None:
        """Record that no session could be opened, or that one broke or met a fault of the server."""
        self.refusal = DatabaseRefusal(str(error), self.clock())

    def claimed(self, result: str) -> None:
        """Record a claim without an error, with or without a job."""
        self.claim = Claim(result, self.clock())
        self.failing_since = None
        self.answered()

    def claim_failed(self, error: Exception) -> None:
        """Record a failed claim; it will be repeated."""
        now = self.clock()
        self.claim = Claim("error", now, str(error))
        self.failing_since = now if self.failing_since is None else self.failing_since

    @property
    def age(self) -> float | None:
        """Seconds since the last answer; None before the first."""
        return None if self.answered_at is None else self.clock() - self.answered_at

    @property
    def is_silent(self) -> bool:
        """It has answered before, and now it is long past its time."""
        return self.age is not None and self.age >= READY_SECONDS

    @property
    def trouble(self) -> str | None:
        """One sentence with the cause while the database cannot serve us; None while it can."""
        age, now = self.age, self.clock()
        if age is None or age >= READY_SECONDS:
            why = self.refusal.why if self.refusal is not None else "it has given no reason"
            return f"the database has not answered for {age or 0:.0f} s: {why}"
        claim, since = self.claim, self.failing_since
        if claim is None or since is None or now - claim.at >= CLAIM_REPEATED_SECONDS:
            return None
        return f"no job could be claimed for {now - since:.0f} s: {claim.why}" if now - since >= READY_SECONDS else None

    @property
    def recent_refusal(self) -> DatabaseRefusal | None:
        """The last refusal if it is recent."""
        if self.refusal is None or self.clock() - self.refusal.at >= RECENT_SECONDS:
            return None
        return self.refusal
