"""What a call to a provider knows of the job that it is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from acra_express_async.models import JobLimits, Usage


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the statement that charges for a call looks up first.

    If it finds something, nothing is charged, and the call ends with `CalledOff`.

    Args:
        asked: JSON that only db/ makes and understands.
    """

    asked: dict[str, Any]


class Scope(Protocol):
    """All that a provider call knows of the job it is made for: no job, no lease, no database.

    A Protocol because providers/ must not import jobs/.
    """

    @property
    def limits(self) -> JobLimits: ...

    @property
    def look(self) -> Lookup | None:
        """What is looked up before a charge."""
        ...

    def check(self) -> None:
        """Called right before every send.

        Raises:
            Draining: the service is stopping.
            LeaseLost: the job's lease may have expired; no paid call may start.
            StandBack: the nightly run is at work, or quiet hours have begun.
        """
        ...

    def spent(self, cost: Usage) -> None:
        """The provider clients report here what one send cost, so that `Outcome.usage` counts retries too."""
        ...


@dataclass(frozen=True, slots=True)
class Looking:
    """The scope of one call whose charge looks something up first."""

    scope: Scope
    look: Lookup

    @property
    def limits(self) -> JobLimits:
        return self.scope.limits

    def check(self) -> None:
        """See `Scope.check`."""
        self.scope.check()

    def spent(self, cost: Usage) -> None:
        """See `Scope.spent`."""
        self.scope.spent(cost)
