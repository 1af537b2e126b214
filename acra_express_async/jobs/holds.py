"""What holds back all work by rule: a pause, the nightly, quiet hours. Pure; the caller reads the facts.

A nightly that runs longer than usual is no rule any more: it is reported as what it is, work that does not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.jobs.attempts import NIGHTLY_RUNNING, QUIET_HOURS
from acra_express_async.settings.quiet_hours import QuietHours

PAUSED = "paused"
CONNECTIONS = "connections"
USUAL_FACTOR = 1.25
"""A job of the nightly may take a quarter longer than the longest of its latest ones."""
LEAST_USUAL = timedelta(minutes=30)
UNKNOWN_USUAL = timedelta(hours=2)
"""While no run of the nightly is known."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing new is taken.

    Attributes:
        reason: paused, nightly_running, quiet_hours or connections.
        text: a sentence for everybody: the status page needs no sign-in, so it names no person.
        until: when it ends; None where that is not known.
        named: the sentence for commands and the console, where it names the person who is the reason.
    """

    reason: str
    text: str
    until: datetime | None = None
    named: str | None = None

    @property
    def told(self) -> str:
        """The sentence with the person's name, where there is one."""
        return self.named or self.text


def usual_end(job: NightlyJob, usual: Mapping[str, timedelta]) -> datetime:
    """When a running job of the nightly should be over by the measure of its latest ones."""
    longest = usual.get(job.job_type)
    span = UNKNOWN_USUAL if longest is None else max(LEAST_USUAL, longest * USUAL_FACTOR)
    return min(job.started_at + span, job.holds_until)


def overlong(jobs: Sequence[NightlyJob], usual: Mapping[str, timedelta], now: datetime) -> NightlyJob | None:
    """The nightly's job that has been running for longer than usual, the most overdue one; None without one."""
    late = [job for job in jobs if usual_end(job, usual) < now]
    return min(late, key=lambda job: usual_end(job, usual)) if late else None


def hold_of(
    *,
    paused: tuple[str, datetime] | None,
    nightly: Sequence[NightlyJob],
    usual: Mapping[str, timedelta],
    quiet: QuietHours,
    now: datetime,
    connections_taken: float | None = None,
) -> Hold | None:
    """The rule that is in force; None when work may start.

    Args:
        paused: who paused claiming, and when.
        nightly: its running jobs; none where the settings do not let it go first.
        usual: how long its jobs take, by type.
        now: in the time zone of the quiet hours.
        connections_taken: part of the server's connections, where they leave no room for us.
    """
    if paused is not None:
        by, at = paused
        since = f"{at.astimezone(now.tzinfo):%m-%d %H:%M}"
        text = "claiming is paused: nothing starts until `acra-express resume`"
        return Hold(PAUSED, f"{text} (since {since})", named=f"{text} (by {by}, since {since})")
    if quiet.hold(now):
        until = quiet.ends(now)
        return Hold(QUIET_HOURS, f"quiet hours: nothing is started until {until:%H:%M}", until)
    if nightly and overlong(nightly, usual, now) is None:
        job = nightly[0]
        ends = max(usual_end(each, usual) for each in nightly).astimezone(now.tzinfo)
        since = f"{job.started_at.astimezone(now.tzinfo):%H:%M}"
        text = f"the nightly goes first: its job {job.job_id} has been running since {since}, usually no longer than"
        return Hold(NIGHTLY_RUNNING, f"{text} {ends:%H:%M}", ends)
    if connections_taken is not None:
        return Hold(CONNECTIONS, f"{connections_taken:.0%} of the server's connections are taken: nothing is claimed")
    return None
