"""The work of an `acra_express_enrich_candidates` job: company by company, each committed as soon as it is done.

A resumed job continues where it stopped: a company that has an outcome is not worked on again. The transaction that
stores an outcome also begins the next company, as far as it can: it loads it and takes its slot of the daily cap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, replace
from datetime import timedelta

import structlog

from acra_express_async import logs
from acra_express_async.companies.fault_streak import LONGEST_STREAK, FaultStreak
from acra_express_async.companies.pipeline import Pipeline
from acra_express_async.db.companies.company_rows import Companies
from acra_express_async.db.companies.outcomes import DailyCap, Ended, Outcomes
from acra_express_async.db.companies.platform_records import SavedCompany
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.savepoint import unless_refused
from acra_express_async.errors import (
    AcraExpressError,
    CapReached,
    DatabaseAway,
    Draining,
    LeaseLost,
    NotNow,
    OwnFault,
    ProviderError,
    RateLimited,
    StandBack,
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
    scope: JobScope
    total: int

    @property
    def goes_on(self) -> bool:
        """Whether another company may be begun now."""
        try:
            self.scope.check()
        except (Draining, LeaseLost, StandBack):
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Begun:
    """A company that was loaded.

    Args:
        outcome: where nothing has to be looked up for it.
        full_until: how long no slot is left; None when it has one, or needs none.
    """

    company: Company
    outcome: Outcome | None = None
    full_until: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a company stands in its job.

    Args:
        processed: companies of the job that have ended with it.
        following: the next company of this attempt.
        last: the job is finished with it.
    """

    processed: int
    following: CompanyId | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class _Saved:
    """What the transaction that stored an outcome has found.

    Args:
        fresh_waits: a job waits that was never claimed.
        following: the next company, if it was begun.
    """

    outcome: Outcome
    ended: Ended
    fresh_waits: bool
    following: _Begun | None


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
        batch = _Batch(job, params, throttle, scope, len(wanted))
        left, begun = await self.lock_retry.write(lambda: self._open(batch, wanted))
        put_off: ProviderError | OwnFault | None = None
        committed = len(wanted) - len(left)
        for position, company_id in enumerate(left, start=1):
            following = left[position] if position < len(left) else None
            if begun is None:
                scope.check()
            place = _Place(committed + 1, following, last=put_off is None and following is None)
            with structlog.contextvars.bound_contextvars(company_id=company_id, uen=""):
                try:
                    with span("company", company_id=company_id):
                        saved = await self._enrich(batch, company_id, begun, place)
                except RateLimited:
                    raise
                except (Transient, OwnFault) as away:
                    log.warning("company.put_off", why=str(away), reason=away.reason)
                    put_off, begun = away, None
                    continue
            committed += 1
            if place.last:
                return End.DONE
            if saved.fresh_waits:
                return End.RELEASED
            begun = saved.following
        if put_off is not None:
            raise put_off
        await self.lock_retry.write(lambda: self._finish(batch))
        return End.DONE

    async def _open(self, batch: _Batch, wanted: Sequence[CompanyId]) -> tuple[list[CompanyId], _Begun | None]:
        """The companies that are left of the job, and the first of them if it was begun."""
        async with self.jobs.owned(batch.job) as connection:
            ended = await self.outcomes.ended(connection, batch.job.job_id)
            left = [company_id for company_id in wanted if company_id not in ended]
            begun = await self._begin(connection, batch, left[0]) if left and batch.goes_on else None
        return left, begun

    async def _finish(self, batch: _Batch) -> None:
        """End a job of which nothing was left."""
        async with self.jobs.owned(batch.job) as connection:
            await self.jobs.finish(connection, batch.job, total=batch.total)

    async def _enrich(self, batch: _Batch, company_id: CompanyId, begun: _Begun | None, place: _Place) -> _Saved:
        """Work on a company until its outcome is stored: what a person judges meanwhile makes the outcome void.

        Raises:
            CapReached: today's slots are used up.
        """
        while True:
            if begun is None:
                begun = await self.lock_retry.write(lambda: self._begin_alone(batch, company_id))
            company, outcome = begun.company, begun.outcome
            structlog.contextvars.bind_contextvars(uen=company.uen)  # until the next company
            if begun.full_until is not None:
                raise CapReached("daily cap reached", retry_after=begun.full_until)
            if outcome is None:
                outcome = await self._outcome_of(batch, company)
            saved = await self._commit(batch, company, outcome, place)
            if saved is not None:
                return saved
            begun = None

    async def _begin_alone(self, batch: _Batch, company_id: CompanyId) -> _Begun:
        async with self.jobs.owned(batch.job) as connection:
            return await self._begin(connection, batch, company_id)

    async def _begin(self, connection: Connection, batch: _Batch, company_id: CompanyId) -> _Begun:
        """Load the company and take its slot, as the last steps of a transaction of `owned`; no slot for what costs
        nothing."""
        company = await self.companies.load(connection, company_id, batch.params.campaign_id)
        if company is None:
            return _Begun(Company(company_id, uen="", name=""), Outcome(OutcomeKind.SKIPPED, "company_vanished"))
        if company.recently_checked:
            return _Begun(company, Outcome(OutcomeKind.SKIPPED, "recently_checked"))
        refused = self.pipeline.refused(company)
        if refused is not None:
            return _Begun(company, refused)
        slot = await self.cap.take(connection, company_id, batch.job.job_id, batch.throttle.daily_cap)
        if slot.elsewhere and not slot.ours:
            return _Begun(company, Outcome(OutcomeKind.SKIPPED, "in_another_job"))
        return _Begun(company, full_until=None if slot.ours else slot.until_tomorrow)

    async def _outcome_of(self, batch: _Batch, company: Company) -> Outcome:
        """Run the pipeline. A fault in it fails only this company; errors of a provider or of the service are raised.

        Raises:
            OwnFault: our own code failed on this company and on others right before it; it does not count as failed.
        """
        scope = batch.scope
        scope.usage = Usage()
        try:
            scope.check()
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

    async def _commit(self, batch: _Batch, company: Company, outcome: Outcome, place: _Place) -> _Saved | None:
        """Store an outcome, see `_save`, and tell of it.

        Returns:
            None, and nothing is written, if a person has judged something of the company since it was loaded.
        """
        started = self._clock()
        ahead = place.following if batch.goes_on else None
        with span("save"):
            saved = await self.lock_retry.write(lambda: self._save(batch, company, outcome, place, ahead))
        if saved is None:
            log.info("company.judged_meanwhile")
            if outcome.usage != Usage():
                await self._book(batch, outcome.usage)
            return None
        note(outcome=saved.outcome.kind.value, reason=saved.outcome.reason, uen=company.uen)
        self._tell(saved.outcome, saved.ended, save_seconds=self._clock() - started)
        return saved

    async def _save(
        self, batch: _Batch, company: Company, outcome: Outcome, place: _Place, ahead: CompanyId | None
    ) -> _Saved | None:
        """Write records, outcome and the job's progress, or its end, in one short transaction that checks the token.

        If another job has answered for the company since, its answer stands and ours is left out.

        Args:
            ahead: the company to begin in the same transaction, unless the job is about to be handed back. What the
                server refuses there is left to a separate transaction, and costs the outcome nothing.
        """
        job = batch.job
        async with self.jobs.owned(job) as connection:
            since = await self.outcomes.since_loaded(connection, job, company)
            if since.judged:
                return None
            if outcome.kind in _ANSWERS and since.answered_elsewhere:
                outcome = Outcome(OutcomeKind.SKIPPED, "in_another_job", usage=outcome.usage)
            saved = await self.companies.save(connection, job, company, outcome)
            ended = await self._write(connection, batch, company, saved)
            fresh_waits = await self.jobs.progress(connection, job, processed=place.processed, total=batch.total)
            following = None
            if place.last:
                await self.jobs.finish(connection, job, total=batch.total)
            elif ahead is not None and not fresh_waits:
                following = await unless_refused(connection, lambda: self._begin(connection, batch, ahead))
        return _Saved(saved.outcome, ended, fresh_waits, following)

    async def _write(self, connection: Connection, batch: _Batch, company: Company, saved: SavedCompany) -> Ended:
        params, level = batch.params, level_of_site(saved.outcome.site)
        staged_at = params.staged_at or batch.job.created_at
        return await self.outcomes.write(
            connection,
            batch.job,
            company,
            saved.outcome,
            staging_job_id=params.staging_job_id,
            staged_at=staged_at,
            campaign_at=params.campaign_enqueued_at or staged_at,
            detail=saved.detail,
            level=level,
            level_table=None if level is None else TABLE,
        )

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
