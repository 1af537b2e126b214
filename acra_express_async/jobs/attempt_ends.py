"""What becomes of a job: done, released, snoozed, retried later, or failed, by the error that ended the attempt."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from datetime import timedelta

from acra_express_async import logs
from acra_express_async.db.jobs.leases import SERVICE, Jobs
from acra_express_async.errors import (
    AcraExpressError,
    BudgetExhausted,
    CapReached,
    DatabaseAway,
    Draining,
    JobError,
    OwnFault,
    ProviderError,
    StandBack,
)
from acra_express_async.jobs.attempts import NIGHTLY_RUNNING, QUIET_HOURS, End, LockRetry
from acra_express_async.limits import CUT_OFF
from acra_express_async.models import Job, WaitReason
from acra_express_async.runtime.context import Context

log = logs.logger("worker")

BACKOFF_BASE = timedelta(seconds=30)
BACKOFF_CAP = timedelta(minutes=15)
"""Job backoff: full jitter on min(15 min, 30 s x 2^n) after the n-th error."""
INTERRUPTED_BASE = timedelta(seconds=5)
"""The same on min(15 min, 5 s x 2^n) after the database's n-th interruption in a row: a cut session is soon replaced,
but a statement that runs into its time-out every time must not be repeated without pause."""
OUTAGE_LIMIT = timedelta(hours=24)
"""After a day without a provider, the job's remaining companies end as failed{provider_unavailable}."""
_STANDING_BACK = {NIGHTLY_RUNNING: WaitReason.NIGHTLY, QUIET_HOURS: WaitReason.QUIET_HOURS}
"""Reasons of `StandBack` that are rules; all others are locks of somebody else."""
SNOOZE_JITTER = timedelta(seconds=5)
"""Spreads jobs that would otherwise all fall due at the same moment."""


@dataclass(kw_only=True, eq=False, repr=False)
class AttemptEnds:
    """Writes the end of an attempt.

    Every method raises LeaseLost when the job is no longer ours and DatabaseAway when the end could not be written.

    Args:
        lock_retry: repeats writes that gave way to a lock.
        max_errors: job-specific errors after which the job ends in `error`.
        max_crashes: crashes without progress after which it ends in `error`.
    """

    jobs: Jobs
    lock_retry: LockRetry
    max_errors: int
    max_crashes: int
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._random = context.random

    async def unfit(self, job: Job) -> End | None:
        """Checked before a job runs: end one whose row makes no sense, or that has crashed its process too often.

        Returns:
            None: the job may run.
        """
        if job.fault is not None:
            return await self._fail(job, job.fault, reason="job_error")
        if job.crashes < self.max_crashes:
            return None
        text = f"the process crashed {job.crashes} times while it held this job, without any progress"
        return await self._fail(job, text, reason="too_many_crashes")

    async def release(self, job: Job) -> End:
        """Hand the job back, due at once and free of charge."""
        await self.lock_retry.write(lambda: self.jobs.release(job))
        return End.RELEASED

    async def by(self, job: Job, error: AcraExpressError) -> End:
        """End the attempt with the move that `error` stands for (see errors.py)."""
        match error:
            case Draining():
                return await self.release(job)
            case JobError():
                return await self._fail(job, str(error), reason="job_error")
            case StandBack():
                self._metrics.nightly_yields.labels(error.reason).inc()
                reason = _STANDING_BACK.get(error.reason, WaitReason.LOCK)
                return await self._snooze(job, error, error.retry_after, reason=reason)
            case OwnFault():
                return await self._own_fault(job, error)
            case CapReached():
                return await self._snooze(job, error, error.retry_after, reason=WaitReason.DAILY_CAP)
            case BudgetExhausted():
                shared = None if error.by_job else error.provider
                reason = WaitReason.OWN_LIMIT if error.by_job else WaitReason.BUDGET
                delay = error.retry_after or BACKOFF_BASE
                return await self._snooze(job, error, delay, waits_for=shared, reason=reason)
            case ProviderError():
                return await self._outage(job, error)
            case _:
                return await self.unexpected(job, error)

    async def interrupted(self, job: Job, away: DatabaseAway) -> End:
        """The database could not serve this job: it is tried again for as long as that lasts, free of charge."""
        delay = self._jitter(min(BACKOFF_CAP, INTERRUPTED_BASE * 2 ** min(job.interruptions, 10)))
        await self.lock_retry.write(lambda: self.jobs.interrupt(job, delay, str(away)))
        log.warning("job.interrupted", seconds=round(delay.total_seconds(), 1), why=str(away))
        return End.RETRY

    async def unexpected(self, job: Job, error: Exception) -> End:
        """A job-specific error: it counts, and the job is retried until `max_errors`."""
        text = f"{type(error).__name__}: {error}"
        log.error("job.error", error=text, errors=job.errors + 1, exc_info=error)
        if job.errors + 1 >= self.max_errors:
            return await self._fail(job, text, reason="too_many_errors")
        delay = self._backoff(job.errors)
        await self.lock_retry.write(lambda: self.jobs.retry_later(job, delay, text))
        return End.RETRY

    async def _outage(self, job: Job, error: ProviderError) -> End:
        if error.reason == CUT_OFF:
            return await self.release(job)  # for a process on another host; this one claims nothing meanwhile
        if job.outage >= OUTAGE_LIMIT:
            hours = OUTAGE_LIMIT // timedelta(hours=1)
            text = f"{error.provider} was not available for {hours} hours: {error}"
            return await self._fail(job, text, reason="provider_unavailable")
        delay = error.retry_after or self._patience(job)
        return await self._snooze(job, error, delay, outage=True, waits_for=error.provider, reason=WaitReason.OUTAGE)

    async def _own_fault(self, job: Job, error: OwnFault) -> End:
        """As an outage, which it is; only that the party that is away is ourselves."""
        if job.outage >= OUTAGE_LIMIT:
            return await self._fail(job, str(error), reason=error.reason)
        delay = self._patience(job)
        return await self._snooze(
            job, error, delay, outage=True, fault=error.fault, waits_for=SERVICE, reason=WaitReason.SERVICE
        )

    def _patience(self, job: Job) -> timedelta:
        """Attempts are handed back, so they cannot count the tries: wait up to as long as the outage has lasted."""
        return self._jitter(min(BACKOFF_CAP, max(BACKOFF_BASE, job.outage)))

    async def _snooze(
        self,
        job: Job,
        why: AcraExpressError,
        delay: timedelta,
        *,
        outage: bool = False,
        fault: str | None = None,
        waits_for: str | None = None,
        reason: WaitReason,
    ) -> End:
        delay += self._jitter(SNOOZE_JITTER)
        await self.lock_retry.write(
            lambda: self.jobs.snooze(
                job, delay, str(why), outage=outage, fault=fault, waits_for=waits_for, reason=reason
            )
        )
        log.info("job.snoozed", seconds=round(delay.total_seconds(), 1), why=str(why), outage=outage)
        return End.SNOOZED

    async def _fail(self, job: Job, text: str, *, reason: str) -> End:
        waited = await self.lock_retry.write(lambda: self.jobs.fail(job, text, reason=reason))
        for latency in waited:
            self._metrics.company_ended("failed", reason, latency)
        log.error("job.failed", reason=reason, error=text, companies=len(waited))
        return End.FAILED

    def _backoff(self, attempt: int) -> timedelta:
        return self._jitter(min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt, 10)))

    def _jitter(self, most: timedelta) -> timedelta:
        return most * self._random.random()
