"""The work of an `acra_express_enrich_candidates` job: company by company, each committed as soon as it is done.

A resumed job continues where it stopped: a company that has an outcome is not worked on again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, replace

import structlog

from acra_express_async import logs
from acra_express_async.companies.fault_streak import LONGEST_STREAK, FaultStreak
from acra_express_async.companies.pipeline import Pipeline
from acra_express_async.db.companies.company_rows import Companies
from acra_express_async.db.companies.outcomes import DailyCap, Ended, Outcomes
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.errors import (
    AcraExpressError,
    CapReached,
    DatabaseAway,
    LeaseLost,
    NotNow,
    OwnFault,
    ProviderError,
    RateLimited,
    Transient,
)
from acra_express_async.jobs.attempts import End, JobScope, LockRetry
from acra_express_async.limits import JobThrottle
from acra_express_async.models import Company, CompanyId, Job, Outcome, OutcomeKind, Usage
from acra_express_async.params import EnrichmentParams
from acra_express_async.records.levels import TABLE, level_of_site
from acra_express_async.records.reasons import in_words
from acra_express_async.runtime.context import Context
from acra_express_async.traces import note, span

log = logs.logger("enrichment")

_ANSWERS = (OutcomeKind.ENRICHED, OutcomeKind.NO_WEBSITE)


@dataclass(frozen=True, slots=True)
class _Batch:
    """One attempt at a job's companies."""

    job: Job
    params: EnrichmentParams
    throttle: JobThrottle
    total: int


@dataclass(kw_only=True, eq=False, repr=False)
class Enrichment:
    """Enriches the companies of one job.

    Args:
        resolve: decides about `params.throttle` (see limits/overrides.py); raises JobError.
        lock_retry: repeats transactions that gave way to a lock.
    """

    jobs: Jobs
    companies: Companies
    outcomes: Outcomes
    cap: DailyCap
    pipeline: Pipeline
    resolve: Callable[[object, str], JobThrottle]
    lock_retry: LockRetry
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._clock = context.clock
        self._faults = FaultStreak(context.metrics.internal_error_streak.set)

    async def handle(self, job: Job, scope: JobScope) -> End:
        """Enrich what is left of the job.

        A company that a provider cannot serve now does not hold up the others: the job goes on and is snoozed at the
        end for the companies that remain. The same goes for a company that breaks in our own code after others did.

        Raises:
            JobError: `params` is wrong.
            CapReached, ProviderError, StandBack, OwnFault, Draining, LeaseLost, DatabaseAway: results so far are
                stored.
        """
        params = EnrichmentParams.parse(job.params)
        throttle = self.resolve(
            params.throttle, f"campaign:{params.campaign_id or params.staging_job_id or job.job_id}"
        )
        scope.limits = throttle.limits
        wanted = list(dict.fromkeys(CompanyId(number) for number in params.company_ids))
        batch = _Batch(job, params, throttle, len(wanted))
        ended = await self.outcomes.ended(job.job_id)
        left = [company_id for company_id in wanted if company_id not in ended]
        put_off: ProviderError | OwnFault | None = None
        committed = len(wanted) - len(left)
        for position, company_id in enumerate(left):
            scope.check()
            with structlog.contextvars.bound_contextvars(company_id=company_id, uen=""):
                try:
                    with span("company", company_id=company_id):
                        last = put_off is None and position + 1 == len(left)
                        fresh_waits = await self._enrich(batch, company_id, scope, committed + 1, last=last)
                except RateLimited:
                    raise
                except (Transient, OwnFault) as away:
                    log.warning("company.put_off", why=str(away), reason=away.reason)
                    put_off = away
                    continue
            committed += 1
            if last:
                return End.DONE
            if fresh_waits:
                return End.RELEASED
        if put_off is not None:
            raise put_off
        await self.lock_retry.write(lambda: self._finish(batch))
        return End.DONE

    async def _finish(self, batch: _Batch) -> None:
        """End a job of which nothing was left."""
        async with self.jobs.owned(batch.job) as connection:
            await self.jobs.finish(connection, batch.job, total=batch.total)

    async def _enrich(
        self, batch: _Batch, company_id: CompanyId, scope: JobScope, processed: int, *, last: bool
    ) -> bool:
        """Work on a company until its outcome is stored: what a person judges meanwhile makes the outcome void.

        Args:
            last: the job is finished with it.

        Returns:
            Whether a job waits that was never claimed.
        """
        while True:
            company, outcome = await self.lock_retry.write(lambda: self._begin(batch, company_id))
            structlog.contextvars.bind_contextvars(uen=company.uen)  # until the next company
            if outcome is None:
                outcome = await self._outcome_of(batch, company, scope)
            fresh_waits = await self._commit(batch, company, outcome, processed, last=last)
            if fresh_waits is not None:
                return fresh_waits

    async def _begin(self, batch: _Batch, company_id: CompanyId) -> tuple[Company, Outcome | None]:
        """Load the company and take its slot, in one transaction that checks the token; no slot for what costs nothing.

        Returns:
            The company, and its outcome where nothing has to be looked up for it.

        Raises:
            CapReached: today's slots are used up.
        """
        async with self.jobs.owned(batch.job) as connection:
            company = await self.companies.load(connection, company_id, batch.params.campaign_id)
            if company is None:
                return Company(company_id, uen="", name=""), Outcome(OutcomeKind.SKIPPED, "company_vanished")
            if company.recently_checked:
                return company, Outcome(OutcomeKind.SKIPPED, "recently_checked")
            refused = self.pipeline.refused(company)
            if refused is not None:
                return company, refused
            slot = await self.cap.take(connection, company_id, batch.job.job_id, batch.throttle.daily_cap)
        if slot.ours:
            return company, None
        if slot.elsewhere:
            return company, Outcome(OutcomeKind.SKIPPED, "in_another_job")
        raise CapReached("daily cap reached", retry_after=slot.until_tomorrow)

    async def _outcome_of(self, batch: _Batch, company: Company, scope: JobScope) -> Outcome:
        """Run the pipeline. A fault in it fails only this company; errors of a provider or of the service are raised.

        Raises:
            OwnFault: our own code failed on this company and on others right before it; it does not count as failed.
        """
        scope.usage = Usage()
        try:
            outcome = await self.pipeline.run(company, scope)
        except AcraExpressError as broken_off:
            await self._put_back(batch, company.company_id, scope.usage, broken_off)
            raise
        except Exception as error:
            log.exception("company.broke")
            if self._faults.broke(company.company_id):
                await self._put_back(batch, company.company_id, scope.usage)
                raise _own_fault(error) from error
            note = f"{type(error).__name__}: {error}"
            return Outcome(OutcomeKind.FAILED, "internal_error", notes=(note[:500],), usage=scope.usage)
        self._faults.went_well()
        return replace(outcome, usage=scope.usage)

    async def _put_back(
        self, batch: _Batch, company_id: CompanyId, usage: Usage, why: AcraExpressError | None = None
    ) -> None:
        """Leave the company for another attempt: free its slot if nothing was sent, or else book the cost."""
        if replace(usage, refused=()) == Usage():
            await self.cap.hand_back(company_id, batch.job.job_id)
        if usage != Usage() and not isinstance(why, LeaseLost | DatabaseAway):
            await self._book(batch, usage)

    async def _book(self, batch: _Batch, usage: Usage) -> None:
        """Record what an interrupted attempt cost, in one try: the reason for the interruption matters more."""
        try:
            async with self.jobs.owned(batch.job) as connection:
                await self.companies.book(connection, usage)
        except (LeaseLost, NotNow) as lost:
            log.info("usage.unbooked", why=str(lost), searches=usage.searches, pages=usage.pages, tokens=usage.tokens)

    async def _commit(
        self, batch: _Batch, company: Company, outcome: Outcome, processed: int, *, last: bool
    ) -> bool | None:
        """Write records, outcome and the job's progress, or its end, in one short transaction that checks the token.

        If another job has answered for the company since, its answer stands and ours is left out.

        Returns:
            Whether a job waits that was never claimed; None, and nothing is written, if a person has judged something
            of the company since it was loaded.
        """
        started = self._clock()
        job, params = batch.job, batch.params
        staged_at = params.staged_at or job.created_at

        async def save() -> tuple[Outcome, Ended, bool] | None:
            async with self.jobs.owned(job) as connection:
                if await self.outcomes.judged_since(connection, company):
                    return None
                kept = outcome
                if outcome.kind in _ANSWERS and await self.outcomes.ended_elsewhere(
                    connection, job, company.company_id
                ):
                    kept = Outcome(OutcomeKind.SKIPPED, "in_another_job", usage=outcome.usage)
                saved = await self.companies.save(connection, job, company, kept)
                level = level_of_site(saved.outcome.site)
                ended = await self.outcomes.write(
                    connection,
                    job,
                    company,
                    saved.outcome,
                    staging_job_id=params.staging_job_id,
                    staged_at=staged_at,
                    campaign_at=params.campaign_enqueued_at or staged_at,
                    detail=saved.detail,
                    level=level,
                    level_table=None if level is None else TABLE,
                )
                fresh_waits = await self.jobs.progress(connection, job, processed=processed, total=batch.total)
                if last:
                    await self.jobs.finish(connection, job, total=batch.total)
                return saved.outcome, ended, fresh_waits

        with span("save"):
            written = await self.lock_retry.write(save)
        if written is None:
            log.info("company.judged_meanwhile")
            if outcome.usage != Usage():
                await self._book(batch, outcome.usage)
            return None
        outcome, ended, fresh_waits = written
        note(outcome=outcome.kind.value, reason=outcome.reason, uen=company.uen)
        self._tell(outcome, ended, save_seconds=self._clock() - started)
        return fresh_waits

    def _tell(self, outcome: Outcome, ended: Ended, *, save_seconds: float) -> None:
        """Metrics and log of a stored outcome."""
        self._metrics.company_ended(outcome.kind.value, outcome.reason, ended.latency, ended.campaign_age)
        if (level := level_of_site(outcome.site)) is not None:
            results = [email.verification for email in outcome.emails if email.verification is not None]
            self._metrics.verified(level, [result.status for result in results])
        for stage, seconds in (*outcome.stage_seconds, ("save", save_seconds)):
            self._metrics.stage_duration.labels(stage).observe(seconds)
        log.info(
            "company.ended",
            outcome=outcome.kind.value,
            reason=outcome.reason,
            why=in_words(outcome.reason) or None,
            domain=outcome.site.domain if outcome.site else None,
            latency_seconds=round(ended.latency.total_seconds(), 3),
            searches=outcome.usage.searches,
            pages=outcome.usage.pages,
            tokens=outcome.usage.tokens,
            verifications=outcome.usage.verifications,
        )


def _own_fault(error: Exception) -> OwnFault:
    name = type(error).__name__
    return OwnFault(
        f"{LONGEST_STREAK} companies in a row failed in our own code ({name}): the job waits until this is repaired; "
        "the log says `company.broke` with the cause",
        fault=name,
    )
