"""Progress beacons: liveness is motion, not the existence of a process.

Every loop beats at least every `BEAT_SECONDS`, also while it waits or the database is away. Nothing here does I/O, so
a probe costs nothing and a lost database never restarts the service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BEAT_SECONDS = 10.0
"""Longest silence of a healthy loop."""
SILENCE_SECONDS = 60.0
"""Silence after which a loop counts as stuck (ops.md, Health)."""


@dataclass(slots=True)
class Beacon:
    """One loop's sign of life; `allow` declares a step that may take longer than `SILENCE_SECONDS`."""

    clock: Callable[[], float]
    seen: float = 0.0
    allowance: float = SILENCE_SECONDS

    def beat(self) -> None:
        """I am moving, and my next sign comes within `SILENCE_SECONDS`."""
        self.seen = self.clock()
        self.allowance = SILENCE_SECONDS

    def allow(self, seconds: float) -> None:
        """I am moving, and my next step may take `seconds`."""
        self.seen = self.clock()
        self.allowance = max(seconds, SILENCE_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the last sign of life."""
        return self.clock() - self.seen

    @property
    def stuck(self) -> bool:
        return self.age > self.allowance


@dataclass(slots=True)
class Health:
    """What /healthz and /readyz are answered from; every field is set by the loop it speaks of.

    `database_seen` is a moment of `clock`, None before the first time; `ends_by` the moment by which the stop sequence
    must be over, None while nobody asked to stop.
    """

    clock: Callable[[], float]
    beacons: dict[str, Beacon] = field(default_factory=dict)
    schema_checked: bool = False
    draining: bool = False
    ends_by: float | None = None
    database_seen: float | None = None
    listener_proven: bool = False

    def beacon(self, name: str) -> Beacon:
        """The beacon of one loop; it has just beaten."""
        beacon = self.beacons.setdefault(name, Beacon(self.clock))
        beacon.beat()
        return beacon

    def saw_database(self) -> None:
        """A statement of ours was answered just now."""
        self.database_seen = self.clock()

    @property
    def database_age(self) -> float | None:
        """Seconds since the database last answered; None when it never did."""
        return None if self.database_seen is None else self.clock() - self.database_seen

    @property
    def stuck(self) -> list[str]:
        """Names of the loops that do not move."""
        return sorted(name for name, beacon in self.beacons.items() if beacon.stuck)
