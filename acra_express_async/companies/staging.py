"""The work of an `acra_express_staging_upsert` job: choose registry rows, upsert companies, enqueue their enrichment.

New companies are inserted a few in one short transaction, and each company that changes is updated in a separate one,
because a transaction with many rows would block the nightly. Then one transaction with the job's fencing token inserts
the enrichment job and the continuation, if any, and finishes the job. A list of UENs is stored once per
campaign; only the first job of a campaign inserted by hand carries it in `params`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, replace
from datetime import timedelta
from typing import Any

from acra_express_async import logs
from acra_express_async.db.companies.campaign_rows import Campaigns, record_campaign
from acra_express_async.db.companies.company_upserts import Inserted
from acra_express_async.db.companies.outcomes import DailyCap
from acra_express_async.db.companies.selection import Picked, Selection
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.uen_lists import UenLists
from acra_express_async.errors import CapReached, JobError, NotStaged, StandBack
from acra_express_async.jobs.attempts import End, JobScope, LockRetry
from acra_express_async.limits import JobThrottle
from acra_express_async.models import CompanyId, Job, JobId, JobType
from acra_express_async.params import Campaign, StagingParams, listed_uens
from acra_express_async.registry import RegistryRow
from acra_express_async.runtime.context import Context

log = logs.logger("staging")

UPSERT_TRIES = 6
UPSERT_PAUSE_SECONDS = 1.0
"""Full jitter up to this between tries while the table is busy; after the last one the job is snoozed."""


@dataclass(kw_only=True, eq=False, repr=False)
class Staging:
    """Stages one batch of one campaign.

    Args:
        resolve: decides about `params.throttle` (see limits/overrides.py); raises JobError.
        continues_in: how long until a continuation is due: at the next cron tick; None at once.
        lock_retry: repeats transactions that gave way to a lock.
    """

    jobs: Jobs
    lists: UenLists
    campaigns: Campaigns
    registry: Selection
    cap: DailyCap
    resolve: Callable[[object, str], JobThrottle]
    continues_in: Callable[[], timedelta | None]
    lock_retry: LockRetry
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._random = context.random
        self._pause = context.pause

    async def handle(self, job: Job, scope: JobScope) -> End:
        """Stage up to `batch_size` companies and pass the rest on to a continuation.

        Raises:
            JobError: `params` is wrong, or a term matches no SSIC code.
            CapReached: the job is a continuation and today's slots are used up.
            StandBack: the nightly run goes first; rows already upserted stay, and the next attempt finds them.
        """
        params = StagingParams.parse(job.params)
        campaign = params.campaign or Campaign(id=job.job_id, enqueued_at=job.created_at, left=params.limit)
        if params.uens:
            params = await self._list(job, params, campaign)
        elif campaign.id == job.job_id:
            await self.campaigns.ensure(campaign.id, campaign.enqueued_at)
        throttle = self._judged(params, campaign)
        limit = throttle.batch_size if campaign.left is None else min(throttle.batch_size, campaign.left)
        cap = throttle.daily_cap if campaign.id != job.job_id else None
        look = await self.registry.look(campaign.id, limit, zone=self.cap.zone.key, cap=cap)
        if look.full_until is not None:  # a continuation does not stage companies for which today's cap has no room
            raise CapReached("daily cap reached", retry_after=look.full_until)
        listed = look.listed
        if not (params.terms or params.ssic_codes or listed.exists):
            raise JobError("params names no terms, no ssic_codes and no uens, and no list is stored: nothing to stage")
        picked = await self.registry.pick(params, campaign, limit, look, again=listed.again)
        company_ids, left_out = await self._stage(picked.rows, scope)
        picked = replace(picked, refused=(*picked.refused, *left_out))
        batch = _StagedBatch(job, params, campaign, picked, company_ids, more_listed=listed.more)
        await self._pass_on(batch, _note(batch, throttle))
        return End.DONE

    def _judged(self, params: StagingParams, campaign: Campaign) -> JobThrottle:
        throttle = self.resolve(params.throttle, f"campaign:{campaign.id}")
        for refused in throttle.refused:
            self._metrics.overrides_refused.inc()
            log.warning("override.refused", override=str(refused), authorized_by=throttle.authorized_by)
        for raised in throttle.raised:
            log.warning("override.raised", override=str(raised), authorized_by=throttle.authorized_by)
        return throttle

    async def _list(self, job: Job, params: StagingParams, campaign: Campaign) -> StagingParams:
        """Move the UENs of a hand-written row, or of the previous version's continuation, into the campaign's list.

        The row keeps its other params, so the next worker that claims it finds the UENs only in the list.
        """
        bare = params.model_copy(update={"uens": [], "limit": None, "campaign": campaign})

        async def move() -> None:
            async with self.jobs.owned(job) as connection:
                afresh = params.campaign is None
                if campaign.id == job.job_id:
                    await record_campaign(connection, campaign.id, campaign.enqueued_at)
                await self.lists.store(connection, campaign.id, listed_uens(params.uens), afresh=afresh)
                await self.jobs.rewrite(connection, job, bare.as_json())

        await self.lock_retry.write(move)
        return bare

    async def _stage(
        self, rows: Sequence[RegistryRow], scope: JobScope
    ) -> tuple[list[CompanyId], list[tuple[str, str]]]:
        """The companies of these rows, and which rows became none, and why."""
        companies: list[CompanyId] = []
        left_out: list[tuple[str, str]] = []
        scope.check()
        made = await self._insert(rows)
        for row in rows:
            if row.uen in made:
                companies.append(made[row.uen])
                continue
            scope.check()
            try:
                companies.append(await self._upsert(row))
            except NotStaged as why:
                left_out.append((row.uen, str(why)))
        return companies, left_out

    async def _insert(self, rows: Sequence[RegistryRow]) -> Mapping[str, CompanyId]:
        """Companies of rows that need nothing but an insert, if that."""
        made = Inserted()
        for tries_left in reversed(range(UPSERT_TRIES)):
            made = Inserted(made.companies) | await self.registry.insert(
                [row for row in rows if row.uen not in made.companies]
            )
            busy = made.gave_way
            if busy is None:
                break
            if busy.reason == "nightly_running" or not tries_left:
                raise busy
            await self._give_way(busy)
        return made.companies

    async def _upsert(self, row: RegistryRow) -> CompanyId:
        for _ in range(UPSERT_TRIES - 1):
            try:
                return await self.registry.upsert(row)
            except StandBack as busy:
                if busy.reason == "nightly_running":
                    raise
                await self._give_way(busy)
        return await self.registry.upsert(row)

    async def _give_way(self, busy: StandBack) -> None:
        self._metrics.nightly_yields.labels(busy.reason).inc()
        await self._pause(self._random.random() * UPSERT_PAUSE_SECONDS)

    async def _pass_on(self, batch: _StagedBatch, note: str | None) -> None:
        """Insert the jobs that follow and finish this one, in one transaction that checks the token."""
        rest = batch.rest
        # A free worker claims a continuation before its tick if no other job is waiting (see `claim` in 0001_core.sql).
        due_in = self.continues_in()
        enrichment, continuation = await self.lock_retry.write(lambda: self._hand_on(batch, rest, due_in, note))
        log.info(
            "batch.staged",
            companies=len(batch.companies),
            enrichment_job_id=enrichment,
            continuation_job_id=continuation,
            campaign_id=batch.campaign.id,
            note=note,
        )

    async def _hand_on(
        self, batch: _StagedBatch, rest: StagingParams | None, due_in: timedelta | None, note: str | None
    ) -> tuple[JobId | None, JobId | None]:
        job = batch.job
        async with self.jobs.owned(job) as connection:
            enrichment = continuation = None
            if batch.companies:
                enrichment = await self.jobs.insert(connection, JobType.ENRICHMENT, batch.work)
            if rest is not None:
                continuation = await self.jobs.insert(connection, JobType.STAGING, rest.as_json(), due_in=due_in)
            if batch.picked.done_uens:
                refused = dict(batch.picked.refused)
                await self.lists.take(connection, batch.campaign.id, job.job_id, batch.picked.done_uens, refused)
            await self.jobs.staged(connection, job, enrichment=enrichment, continuation=continuation)
            await self.jobs.finish(connection, job, total=len(batch.companies), note=note)
        return enrichment, continuation


@dataclass(frozen=True, slots=True)
class _StagedBatch:
    """The result of one staging job: the selected rows, and the companies that were upserted.

    Args:
        more_listed: the campaign's list holds further UENs after those that were picked.
    """

    job: Job
    params: StagingParams
    campaign: Campaign
    picked: Picked
    companies: list[CompanyId]
    more_listed: bool

    @property
    def work(self) -> dict[str, Any]:
        """The enrichment job's params, with the same `throttle`."""
        work: dict[str, Any] = {
            "company_ids": self.companies,
            "staging_job_id": self.job.job_id,
            "staged_at": self.job.created_at.isoformat(),
            "campaign_enqueued_at": self.campaign.enqueued_at.isoformat(),
            "campaign_id": self.campaign.id,
        }
        return work if self.params.throttle is None else work | {"throttle": self.params.throttle}

    @property
    def progressed(self) -> bool:
        """A company was staged, a UEN was answered, or the selection moved on to later rows."""
        walked = (self.picked.after or "", self.picked.wrapped) != (self.campaign.after or "", self.campaign.wrapped)
        return bool(self.companies or self.picked.done_uens or walked)

    @property
    def incomplete(self) -> bool:
        """The campaign has more to stage."""
        selects = bool(self.params.terms or self.params.ssic_codes)
        return self._left != 0 and (self.more_listed or (selects and not self.picked.exhausted))

    @property
    def _left(self) -> int | None:
        left = self.campaign.left
        return None if left is None else max(0, left - len(self.companies))

    @property
    def rest(self) -> StagingParams | None:
        """The continuation's params.

        None when the campaign is complete, or when this batch made no progress: the next one would make none either,
        and continuations would follow each other without end.
        """
        if not (self.incomplete and self.progressed):
            return None
        onward = self.campaign.model_copy(
            update={"left": self._left, "after": self.picked.after, "wrapped": self.picked.wrapped}
        )
        return self.params.model_copy(update={"limit": None, "campaign": onward})


def _note(batch: _StagedBatch, throttle: JobThrottle) -> str | None:
    """What the row of a finished job says: UENs that were left out, refused raises, and raises with their approver."""
    parts = [f"{uen}: {why}" for uen, why in batch.picked.refused]
    parts += [f"throttle not raised: {refused}" for refused in throttle.refused]
    parts += [f"throttle raised by {throttle.authorized_by}: {raised}" for raised in throttle.raised]
    if batch.incomplete and not batch.progressed:
        parts.append("the campaign stops here: this batch staged nothing and made no progress")
    return "; ".join(parts) or None
