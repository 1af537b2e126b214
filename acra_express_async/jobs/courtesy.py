"""When to take nothing new: the nightly runs, quiet hours, too many of the server's connections are taken, or this host
is cut off from a provider that others reach.

It knows only what `saw` and `met_nightly` were last called with and does no I/O, so it can be asked as often as needed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acra_express_async import logs
from acra_express_async.jobs.attempts import NIGHTLY_RUNNING, QUIET_HOURS
from acra_express_async.metrics import Metrics
from acra_express_async.settings.quiet_hours import QuietHours

log = logs.logger("courtesy")

CONSOLE_ABOVE = 0.5
"""Part of the server's connections above which the console gives its own up, before any worker stands back."""
SHRINK_ABOVE = 0.6
"""Part of the server's connections above which only one worker may hold a job."""
PAUSE_ABOVE = 0.7
"""Part above which nothing is claimed (B15): the nightly uses no pool and opens up to nine connections at a time."""


class Courtesy:
    """Whether jobs may be claimed, and for how many workers.

    Args:
        stand_back: whether a running nightly job stops us.
        quiet: hours in which nothing is claimed and no new provider call starts.
        now: the wall clock in the time zone of `quiet`.
        workers: how many there are.
        cut_off: why this host cannot work on any company while others can; None while it can.
    """

    def __init__(
        self,
        *,
        stand_back: bool,
        quiet: QuietHours,
        now: Callable[[], datetime],
        workers: int,
        metrics: Metrics,
        cut_off: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.cut_off = cut_off
        self._was_cut_off = False
        self._stand_back = stand_back
        self._quiet = quiet
        self._now = now
        self._workers = workers
        self._metrics = metrics
        self._nightly_running = False
        self._stood_back = False
        self.connections = 0.0

    def saw(self, *, nightly_running: bool, connections: float) -> bool:
        """Record a new reading; True when more may be claimed than before it.

        Args:
            nightly_running: a job of the nightly is running.
            connections: part of the server's connections that are taken, by all clients together.
        """
        stood_back, room, was_cut_off = self._stood_back, self.room, self._was_cut_off
        self._nightly_running = nightly_running
        self.connections = connections
        if self.room < room:
            self._metrics.nightly_yields.labels("connections").inc()
            log.warning("connections.scarce", taken=round(connections, 2), workers=self.room)
        self._stood_back = self.stands_back() is not None
        self._was_cut_off = self.cut_off() is not None
        restored = was_cut_off and not self._was_cut_off
        return self.room > room or restored or (stood_back and not self._stood_back)

    def met_nightly(self) -> None:
        """A claim found a nightly job running: nothing more is taken until a reading says that it has ended."""
        self._nightly_running = True
        self._stood_back = self.stands_back() is not None

    @property
    def room(self) -> int:
        """How many workers may hold a job, as far as connections go."""
        if self.connections > PAUSE_ABOVE:
            return 0
        return 1 if self.connections > SHRINK_ABOVE else self._workers

    @property
    def console_may_connect(self) -> bool:
        """The console may hold a connection; its own counts among those that are taken."""
        return self.connections <= CONSOLE_ABOVE

    @property
    def scarce(self) -> bool:
        """Connections leave room for fewer workers than there are."""
        return self.room < self._workers

    @property
    def nightly_has_the_way(self) -> bool:
        """A nightly job is running, and the settings let it go first."""
        return self._stand_back and self._nightly_running

    @property
    def lets_nightly_first(self) -> bool:
        """The settings let a running nightly go first."""
        return self._stand_back

    @property
    def quiet_hours(self) -> QuietHours:
        """The configured ones."""
        return self._quiet

    @property
    def quiet(self) -> bool:
        """It is quiet hours now."""
        return self._quiet.hold(self._now())

    def stands_back(self) -> str | None:
        """Why no new provider call may start and workers snooze their jobs (a label of `nightly_yields_total`)."""
        if self.nightly_has_the_way:
            return NIGHTLY_RUNNING
        return QUIET_HOURS if self.quiet else None

    def jobs_allowed(self) -> int:
        """How many jobs this process may hold now, those at work included: 0 while it stands back or is cut off."""
        return self.room if self.stands_back() is None and self.cut_off() is None else 0

    def may_claim(self) -> bool:
        """Whether anything may be claimed now."""
        return self.jobs_allowed() > 0
