"""The poller: claims a job for each free worker and puts it on the queue.

It clears the wake-up flag first and claims afterwards: a NOTIFY that arrives during the claim sets the flag again, so
it is not lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from datetime import timedelta
from typing import Protocol

from acra_express_async import logs
from acra_express_async.db.jobs.claims import Claimed
from acra_express_async.errors import AcraExpressError, NotNow
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.models import Job, Token
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.runtime.turn_loop import Loop, full_jitter

log = logs.logger("poller")

COOLDOWN_SECONDS = 0.1
"""Coalesces a storm of notifications: after one that brought no job, the next ones are combined for this long (5,000
became 12 claims). A notification that brings a job is always served at once."""
UNPROVEN_POLL_SECONDS = 30.0
"""How often the poller looks by itself while the listener is not proven to work."""
IDLE_POLL_SECONDS = 60.0
"""How often it looks when nothing woke it: a cheap query, and a claim that would fail is noticed within a minute."""
DOUBT_POLL_SECONDS = 5.0
"""How often it looks for claims that it does not know of, after a claim whose answer never came."""
AWAY_SECONDS = (0.5, 30.0)
"""First and largest limit of the full-jitter pause while the database is away."""


class Claims(Protocol):
    """What the poller asks of db/jobs/claims.py. A Protocol because a test counts what is asked, without a database."""

    async def claim_next(self, owner: str, lease: timedelta, *, nightly_first: bool) -> Claimed: ...
    async def give_back(self, owner: str, in_hand: Iterable[Token], abandoned: Iterable[Job]) -> int: ...


@dataclass(kw_only=True, eq=False, repr=False)
class Poller:
    """Feeds the queue; claims only as many jobs as can start at once.

    A claim that fails may have been made all the same: the server committed it, and the answer was lost. For one lease
    after such a failure, and after a worker had to abandon its job, the poller hands back every claim that the database
    holds under its name and that it does not know of.

    Args:
        owner: who claims, different for every start of every process: it identifies the poller's own claims.
        courtesy: how many jobs this process may hold now, and whether a claim must ask first if the nightly runs.
        until_idle: stop when nothing is due and nothing runs, and set `idle`.
    """

    jobs: Claims
    owner: str
    lease: timedelta
    courtesy: Courtesy
    until_idle: bool
    dispatch: Dispatch
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._health = context.health
        self._metrics = context.metrics
        self._random = context.random
        self._in_hand: set[Token] = set()
        self._abandoned: list[Job] = []
        self._doubt_until: float | None = None
        self._loop = Loop("poller", context, over=self.dispatch.draining.is_set)
        self._notified = False
        self._cooled_at = 0.0
        self._cooling: asyncio.TimerHandle | None = None
        self._fruitless = 0
        self._failures = 0

    def wake(self, reason: str) -> None:
        """Something may be due. Only sets a flag, so it is safe in the callback of a notification.

        Notifications within the cooldown are combined into one wake-up at its end; any other reason is served at once.
        """
        self._metrics.wakes.labels(reason).inc()
        if reason == "notify":
            self._notified = True
            loop = asyncio.get_running_loop()
            if loop.time() < self._cooled_at:
                self._cooling = self._cooling or loop.call_at(self._cooled_at, self._cooled)
                return
        self._loop.wake()

    def _cooled(self) -> None:
        self._cooling = None
        self._loop.wake()

    def worker_freed(self, job: Job, *, abandoned: bool = False) -> None:
        """A worker has ended its job; the next claim may take one more.

        Args:
            abandoned: the database was away, so the job could be neither ended nor handed back.
        """
        self._in_hand.discard(job.token)
        if abandoned:
            self._abandoned.append(job)
            self._doubt()
        self.wake("free")

    def has_jobs(self) -> bool:
        """A job of this process waits for a worker or is at one."""
        return bool(self._in_hand)

    @property
    def _out(self) -> int:
        """How many jobs wait for a worker or are at one."""
        return len(self._in_hand)

    async def run(self) -> None:
        """Claim until the service drains."""
        while not self.dispatch.draining.is_set():
            self._loop.beacon.beat()
            self._loop.woken.clear()
            notified, self._notified = self._notified, False
            # asked once per turn: if the answer changed during the turn, a skipped claim would look like an empty queue
            allowed = self.courtesy.jobs_allowed()
            asks = self._out < allowed
            try:
                await self._give_back()
                claimed, last = await self._claim(allowed)
                if notified and not claimed:
                    self._cooled_at = asyncio.get_running_loop().time() + COOLDOWN_SECONDS
            except NotNow as away:
                self._doubt()
                await self._step_aside(away)
                continue
            if asks:
                self._failures = 0
                self._health.database.claimed("job" if claimed else "empty")
            # woken since the flag was cleared: a worker may have inserted a job after this claim looked for one
            woken = self._loop.woken.is_set()
            empty = asks and not claimed and not last.nightly_running
            if self.until_idle and empty and self._out == 0 and not woken:
                self.dispatch.idle.set()
                return
            await self._wait(self._patience(last.due, claimed))

    async def _claim(self, allowed: int) -> tuple[list[Job], Claimed]:
        """One by one, up to `allowed` at work: the first job starts while the next one is still being looked for.

        Returns:
            The jobs, and what the last claim said; an empty answer if none was made.
        """
        claimed: list[Job] = []
        last = Claimed()
        nightly_first = self.courtesy.lets_nightly_first
        while self._out < allowed and not self.dispatch.draining.is_set():
            last = await self.jobs.claim_next(self.owner, self.lease, nightly_first=nightly_first)
            self._metrics.claims.labels("empty" if last.job is None else "job").inc()
            if last.nightly_running:
                self.courtesy.met_nightly()
            if last.job is None:
                break
            self._in_hand.add(last.job.token)
            self.dispatch.queue.put_nowait(last.job)
            claimed.append(last.job)
            await asyncio.sleep(0)  # lets the worker start before the next round trip is sent
        return claimed, last

    def _doubt(self) -> None:
        """A lost claim may appear late: a frozen server processes what it had received once it wakes up."""
        self._doubt_until = asyncio.get_running_loop().time() + self.lease.total_seconds()

    async def _give_back(self) -> None:
        if self._doubt_until is None:
            return
        given = await self.jobs.give_back(self.owner, self._in_hand, self._abandoned)
        self._abandoned.clear()
        if given:
            log.info("claims.given_back", jobs=given)
        if asyncio.get_running_loop().time() >= self._doubt_until:
            self._doubt_until = None

    def _patience(self, due: timedelta | None, claimed: list[Job]) -> tuple[float, str]:
        """How long to wait if nothing wakes us, and the reason that the wake-up then has."""
        seconds = IDLE_POLL_SECONDS if self._health.listener_proven else UNPROVEN_POLL_SECONDS
        if self._doubt_until is not None:
            seconds = min(seconds, DOUBT_POLL_SECONDS)
        if due is None:
            return seconds, "tick"
        # Overdue but not claimed: claiming is paused, the row is locked, or it was changed by hand. Look again, with
        # growing pauses.
        overdue = due <= timedelta(0) and not claimed
        self._fruitless = self._fruitless + 1 if overdue else 0
        floor = min(UNPROVEN_POLL_SECONDS, 0.25 * 2 ** min(self._fruitless, 10)) if overdue else 0.0
        return min(seconds, max(due.total_seconds(), floor)), "due"

    async def _wait(self, patience: tuple[float, str]) -> None:
        """Wait until something wakes us, a job falls due, or the listener has been unproven for too long."""
        seconds, reason = patience
        if not await self._loop.wait(seconds) and not self.dispatch.draining.is_set():
            self.wake(reason)

    async def _step_aside(self, away: AcraExpressError) -> None:
        self._metrics.claims.labels("error").inc()
        self._health.database.claim_failed(away)
        self._failures += 1
        first, most = AWAY_SECONDS
        seconds = full_jitter(self._random, self._failures, first=first, most=most)
        log.warning("poller.away", error=str(away), failures=self._failures, seconds=round(seconds, 1))
        await self._loop.sleep(seconds)
