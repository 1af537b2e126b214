"""Work that should move and makes no progress: why, since when, and what comes next. Pure.

Work that waits by rule (the daily cap, quiet hours, a pause, the nightly within its usual time, a campaign's own limit)
is no stall; it is told with its end. Jobs that wait for their turn while companies of others end are no stall either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.alert_rows import BreakerLine
from acra_express_async.db.ops.progress_rows import LiveWork, Waiting
from acra_express_async.jobs.holds import Hold
from acra_express_async.metrics import STALL_CAUSES
from acra_express_async.models import Provider
from acra_express_async.records.reasons import refusal_in_words

WORTH_A_LOOK = timedelta(minutes=15)
"""No progress for this long is shown."""
CAUSES = STALL_CAUSES
"""What can stop work, the cause that explains the others first."""
_OF_ALL = ("budget", "running", "due")
"""Causes that are normal for one job as long as companies of others end."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Work that does not move.

    Attributes:
        cause: one of `CAUSES`.
        provider: the one that it waits for.
        what: what is the matter, one sentence.
        next: what comes next, or what a person can do.
        campaigns: the first few that it concerns.
    """

    cause: str
    provider: str | None
    since: datetime
    jobs: int
    what: str
    next: str
    campaigns: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Identifies it among the alerts."""
        return f"stalled:{self.cause}" + (f"/{self.provider}" if self.provider else "")

    def lasts(self, now: datetime) -> timedelta:
        return now - self.since

    def text(self, zone: tzinfo | None) -> str:
        """The sentence that is shown."""
        return f"{self.what} (since {self.since.astimezone(zone):%H:%M}); {self.next}"


def stalls(
    progress: LiveWork,
    *,
    hold: Hold | None,
    nightly: tuple[NightlyJob, datetime] | None,
    breakers: Sequence[BreakerLine],
    zone: tzinfo | None,
    least: timedelta = WORTH_A_LOOK,
) -> list[Stall]:
    """Everything that has made no progress for `least`, the cause that explains the others first.

    Args:
        hold: the rule that holds back all work now.
        nightly: the nightly's job that runs for longer than usual, and when it should have been over.
        breakers: those that are not closed.
        zone: in which moments are written.
    """
    if hold is not None:
        return []
    moved_at = progress.moved_at
    stands = moved_at is None or progress.now - moved_at >= least
    found = [] if nightly is None else _behind_nightly(progress, *nightly, zone)
    for waiting in progress.waiting:
        if waiting.kind not in CAUSES or (nightly is not None and waiting.kind in _OF_ALL):
            continue
        floors = [waiting.since, progress.held_at, moved_at if waiting.kind in _OF_ALL else None]
        since = max(moment for moment in floors if moment is not None)
        what = _what(waiting, stands=stands)
        next_ = _next(waiting, breakers, zone)
        found.append(Stall(waiting.kind, waiting.waits_for, since, waiting.jobs, what, next_, waiting.campaigns))
    lasting = [stall for stall in found if stall.lasts(progress.now) >= least]
    return sorted(lasting, key=lambda stall: (CAUSES.index(stall.cause), stall.since))


def waits_by_rule(
    progress: LiveWork, hold: Hold | None, zone: tzinfo | None, *, cap: tuple[int, int] | None = None
) -> list[str]:
    """Sentences about what waits by rule, with its end.

    Args:
        cap: slots of the daily cap that are used today, and the configured cap.
    """
    sentences = [hold.text] if hold is not None and progress.waiting else []
    for waiting in progress.waiting:
        if waiting.kind not in ("daily_cap", "own_limit") or waiting.next_at is None:
            continue
        why = waiting.said.removeprefix("deferred: ")
        if waiting.kind == "daily_cap" and cap is not None:
            used, limit = cap
            why = f"daily cap {used} of {limit}" if used >= limit else "a campaign's own daily cap is reached"
        sentences.append(f"{why}: {_jobs(waiting.jobs)} deferred to {deferred_to(waiting.next_at, zone)}")
    return sentences


def deferred_to(moment: datetime, zone: tzinfo | None) -> str:
    """``midnight``, or ``12-01 14:05``; jobs return a few seconds after the moment that they wait for."""
    at = moment.astimezone(zone)
    return "midnight" if (at.hour, at.minute) == (0, 0) else f"{at:%m-%d %H:%M}"


def _behind_nightly(progress: LiveWork, job: NightlyJob, usual: datetime, zone: tzinfo | None) -> list[Stall]:
    waiting = [each for each in progress.waiting if each.kind not in ("daily_cap", "own_limit", "scheduled")]
    jobs = sum(each.jobs for each in waiting)
    if not jobs:
        return []
    campaigns = tuple(sorted({number for each in waiting for number in each.campaigns})[:5])
    since = f"{job.started_at.astimezone(zone):%H:%M}"
    return [
        Stall(
            "nightly",
            None,
            usual,
            jobs,
            f"the nightly's job {job.job_id} ({job.job_type}) has been running since {since}, longer than usual:"
            f" {_jobs(jobs)} waiting",
            f"we wait for it until {job.holds_until.astimezone(zone):%H:%M} at most (runbook: Beside the nightly)",
            campaigns,
        )
    ]


def _what(waiting: Waiting, *, stands: bool) -> str:
    jobs = _jobs(waiting.jobs)

    def until(what: str) -> str:
        return f"nothing moves until {what}: {jobs} waiting" if stands else f"{jobs} waiting until {what}"

    match waiting.kind:
        case "outage":
            return until(f"{_name(waiting.waits_for)} answers")
        case "budget":
            return until(f"{_name(waiting.waits_for)}'s budget has room")
        case "service":
            return until("our own code is repaired, in which companies fail")
        case "lock":
            return until("another session releases its lock on the platform's tables")
        case "error":
            return f"job {waiting.first_job} fails again and again, {waiting.errors} errors so far" + _others(waiting)
        case "interrupted":
            return f"the database breaks off job {waiting.first_job} again and again" + _others(waiting)
        case "running":
            return f"job {waiting.first_job} is running, and no company has ended"
        case _:
            return f"{jobs} due, and no worker has taken one"


def _next(waiting: Waiting, breakers: Sequence[BreakerLine], zone: tzinfo | None) -> str:
    again = "now" if waiting.next_at is None else f"{waiting.next_at.astimezone(zone):%H:%M}"
    line = next((line for line in breakers if line.provider == waiting.waits_for), None)
    match waiting.kind:
        case "outage" if line is not None:
            probe = f"{line.open_until.astimezone(zone):%H:%M}"
            why = refusal_in_words(line.reason)
            return f"{why}; next probe {probe}, or now: acra-express breakers probe {line.provider}"
        case "budget":
            return f"next try {again}; the table of budgets says when it frees up"
        case "service":
            return f"next try {again}; the log says `company.broke` with the cause"
        case "error":
            return f"next try {again}; see acra-express jobs show {waiting.first_job} --batch"
        case "running":
            return "a call of a provider may hang; the table of workers says which job they have"
        case "due":
            return "see the workers, and the last claim"
        case _:
            return f"next try {again}"


def _others(waiting: Waiting) -> str:
    more = waiting.jobs - 1
    return f" (and {more} more job{'' if more == 1 else 's'})" if more else ""


def _name(provider: str | None) -> str:
    return Provider(provider).display_name if provider in set(Provider) else "the provider"


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"
