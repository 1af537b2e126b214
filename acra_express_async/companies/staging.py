"""The work of an `acra_express_staging_upsert` job: choose registry rows, upsert companies, enqueue their enrichment.

Each company is upserted in a short transaction of its own (many rows in one is what hurts the nightly); then one
transaction that carries the token inserts the enrichment job, the continuation if any, and finishes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from acra_express_async import logs
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.companies.selection import Picked, Selection
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.errors import CapReached, JobError, StandBack
from acra_express_async.jobs.attempts import End, JobScope, LockRetry
from acra_express_async.limits import JobThrottle
from acra_express_async.metrics import Metrics
from acra_express_async.models import CompanyId, Job, JobId, JobType
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry import RegistryRow

log = logs.logger("staging")

UPSERT_TRIES = 6
UPSERT_PAUSE_SECONDS = 1.0
"""Full jitter up to this between tries while the table is busy; then the whole job steps aside."""


class Staging:
    """Stages one batch of one campaign.

    Args:
        resolve: judges `params.throttle` (see limits.overrides); raises JobError.
        until_tick: how long until the next cron tick, when a continuation goes on behind other work.
        at_once: continuations are due at once (--until-idle).
        lock_retry: repeats transactions that gave way.
        pause: waits, in seconds.
    """

    def __init__(
        self,
        *,
        jobs: Jobs,
        registry: Selection,
        cap: DailyCap,
        resolve: Callable[[object, str], JobThrottle],
        until_tick: Callable[[], timedelta],
        at_once: bool,
        metrics: Metrics,
        lock_retry: LockRetry,
        random: Random,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._registry = registry
        self._cap = cap
        self._resolve = resolve
        self._until_tick = until_tick
        self._at_once = at_once
        self._metrics = metrics
        self._lock_retry = lock_retry
        self._random = random
        self._pause = pause

    async def handle(self, job: Job, scope: JobScope) -> End:
        """Stage up to `batch_size` companies and pass the rest on to a continuation.

        Raises:
            JobError: `params` is wrong, or a term resolves to nothing.
            CapReached: a continuation, and today's companies are used up.
            StandBack: the nightly has the right of way; upserted rows stay, the repetition finds them.
        """
        params = StagingParams.parse(job.params)
        if not (params.terms or params.ssic_codes or params.uens):
            raise JobError("params names no terms, no ssic_codes and no uens: nothing to stage")
        campaign = params.campaign or Campaign(id=job.job_id, enqueued_at=job.created_at, left=params.limit)
        throttle = self._resolve(params.throttle, f"campaign:{campaign.id}")
        for refused in throttle.refused:
            self._metrics.overrides_refused.inc()
            log.warning("override.refused", override=str(refused), authorized_by=throttle.authorized_by)
        for raised in throttle.raised:
            log.warning("override.raised", override=str(raised), authorized_by=throttle.authorized_by)
        if params.campaign is not None:
            await self._wait_for_tomorrow(throttle)
        limit = throttle.batch_size if campaign.left is None else min(throttle.batch_size, campaign.left)
        picked = await self._registry.pick(params, campaign, limit)
        company_ids = []
        for row in picked.rows:
            scope.check()
            company_ids.append(await self._upsert(row))
        await self._pass_on(job, params, campaign, company_ids, picked, _note(picked, throttle))
        return End.DONE

    async def _wait_for_tomorrow(self, throttle: JobThrottle) -> None:
        """A continuation does not stage what today's cap will not let through."""
        until_tomorrow = await self._cap.full(throttle.daily_cap)
        if until_tomorrow is not None:
            raise CapReached("daily cap reached", retry_after=until_tomorrow)

    async def _upsert(self, row: RegistryRow) -> CompanyId:
        for _ in range(UPSERT_TRIES - 1):
            try:
                return await self._registry.upsert(row)
            except StandBack as busy:
                if busy.reason == "nightly_running":
                    raise
                self._metrics.nightly_yields.labels(busy.reason).inc()
                await self._pause(self._random.random() * UPSERT_PAUSE_SECONDS)
        return await self._registry.upsert(row)

    async def _pass_on(
        self,
        job: Job,
        params: StagingParams,
        campaign: Campaign,
        companies: list[CompanyId],
        picked: Picked,
        note: str | None,
    ) -> None:
        """Insert what follows and finish, in one transaction that carries the token."""
        rest = _rest(params, campaign, picked, len(companies))
        # The claim takes a continuation before its tick when a worker is free and nothing else waits.
        due_in = None if self._at_once else self._until_tick()

        async def hand_on() -> tuple[JobId | None, JobId | None]:
            return await self._hand_on(job, params, campaign, companies, rest, due_in, note)

        enrichment, continuation = await self._lock_retry.write(hand_on)
        log.info(
            "batch.staged",
            companies=len(companies),
            enrichment_job_id=enrichment,
            continuation_job_id=continuation,
            campaign_id=campaign.id,
            note=note,
        )

    async def _hand_on(
        self,
        job: Job,
        params: StagingParams,
        campaign: Campaign,
        companies: list[CompanyId],
        rest: StagingParams | None,
        due_in: timedelta | None,
        note: str | None,
    ) -> tuple[JobId | None, JobId | None]:
        async with self._jobs.owned(job) as connection:
            enrichment = continuation = None
            if companies:
                work = _work(job, params, campaign, companies)
                enrichment = await self._jobs.insert(connection, JobType.ENRICHMENT, work)
            if rest is not None:
                continuation = await self._jobs.insert(connection, JobType.STAGING, rest.as_json(), due_in=due_in)
            await self._jobs.staged(connection, job, enrichment=enrichment, continuation=continuation)
            await self._jobs.finish(connection, job, total=len(companies), note=note)
        return enrichment, continuation


def _work(job: Job, params: StagingParams, campaign: Campaign, companies: list[CompanyId]) -> dict[str, Any]:
    """The enrichment job's params; `throttle` travels along."""
    work: dict[str, Any] = {
        "company_ids": companies,
        "staging_job_id": job.job_id,
        "staged_at": job.created_at.isoformat(),
        "campaign_enqueued_at": campaign.enqueued_at.isoformat(),
        "campaign_id": campaign.id,
    }
    return work if params.throttle is None else work | {"throttle": params.throttle}


def _rest(params: StagingParams, campaign: Campaign, picked: Picked, staged: int) -> StagingParams | None:
    """The continuation's params, or None when the campaign is complete."""
    left = None if campaign.left is None else campaign.left - staged
    uens = [uen for uen in params.uens if uen not in set(picked.done_uens)]
    selects = bool(params.terms or params.ssic_codes)
    if left == 0 or (not uens and (not selects or picked.exhausted)):
        return None
    onward = campaign.model_copy(update={"left": left, "after": picked.after, "wrapped": picked.wrapped})
    return params.model_copy(update={"uens": uens, "limit": None, "campaign": onward})


def _note(picked: Picked, throttle: JobThrottle) -> str | None:
    """What the row of a job that is done should say: UENs left out, raises refused, raises and who approved them."""
    parts = [f"{uen}: {why}" for uen, why in picked.refused]
    parts += [f"throttle not raised: {refused}" for refused in throttle.refused]
    parts += [f"throttle raised by {throttle.authorized_by}: {raised}" for raised in throttle.raised]
    return "; ".join(parts) or None
