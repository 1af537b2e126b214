"""Progress beacons: a process is alive when its loops make progress, not when it merely exists.

Every loop beats at least every `BEAT_SECONDS`, also while it waits and while the database is away. Nothing here does
I/O, so a probe costs nothing and a lost database never restarts the service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from acra_express_async.runtime.database_health import DatabaseHealth

BEAT_SECONDS = 10.0
"""The longest pause between two beats of a healthy loop."""
SILENCE_SECONDS = 60.0
"""Silence after which a loop counts as stuck: six missed beats, so that a slow machine is not taken for a fault."""


@dataclass(slots=True)
class Beacon:
    """When one loop last made progress; `allow` announces a step that may take longer than `SILENCE_SECONDS`."""

    clock: Callable[[], float]
    seen: float = 0.0
    allowance: float = SILENCE_SECONDS

    def beat(self) -> None:
        """The loop makes progress; its next beat comes within `SILENCE_SECONDS`."""
        self.seen = self.clock()
        self.allowance = SILENCE_SECONDS

    def allow(self, seconds: float) -> None:
        """The loop makes progress; its next step may take `seconds`."""
        self.seen = self.clock()
        self.allowance = max(seconds, SILENCE_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self.clock() - self.seen

    @property
    def stuck(self) -> bool:
        return self.age > self.allowance


@dataclass(slots=True)
class Health:
    """The state that /healthz and /readyz report; each field is set by the loop that it describes.

    `ends_by` is the moment of `clock` by which the stop sequence must be over, None until a stop is requested.
    `remarks` are sentences for people about what is wrong and keeps nothing from working, by the part that says them.
    """

    clock: Callable[[], float]
    beacons: dict[str, Beacon] = field(default_factory=dict)
    schema_checked: bool = False
    draining: bool = False
    ends_by: float | None = None
    listener_proven: bool = False
    remarks: dict[str, str] = field(default_factory=dict)
    database: DatabaseHealth = field(init=False)

    def __post_init__(self) -> None:
        self.database = DatabaseHealth(self.clock)

    def beacon(self, name: str) -> Beacon:
        """The beacon of one loop, with a first beat."""
        beacon = self.beacons.setdefault(name, Beacon(self.clock))
        beacon.beat()
        return beacon

    def remark(self, part: str, sentence: str | None) -> None:
        """Keep the part's sentence; None takes it back."""
        if sentence is None:
            self.remarks.pop(part, None)
        else:
            self.remarks[part] = sentence

    @property
    def stuck(self) -> list[str]:
        """Names of the loops that make no progress."""
        return sorted(name for name, beacon in self.beacons.items() if beacon.stuck)
