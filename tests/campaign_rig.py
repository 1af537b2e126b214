"""The rig with the product's own handlers: staging and enrichment through the real loops, the story a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rig import Rig

from acra_express_async.companies.enrichment import Enrichment
from acra_express_async.companies.staging import Staging
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.campaign_rows import Campaigns as CampaignRows
from acra_express_async.db.companies.company_rows import Companies
from acra_express_async.db.companies.outcomes import DailyCap, Outcomes
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.jobs.uen_lists import UenLists
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.limits import resolve
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Company, Job, JobType, Outcome, OutcomeKind
from acra_express_async.settings.tree import load_settings


class Story:
    """A fake pipeline: every company ends as configured, and each run is recorded."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.unwanted: dict[str, Outcome] = {}
        self.before: Callable[[Company, Scope], Any] = lambda _company, _scope: None

    def refused(self, company: Company) -> Outcome | None:
        return self.unwanted.get(company.uen)

    async def run(self, company: Company, scope: Scope) -> Outcome:
        scope.check()
        self.ran.append(company.uen)
        step = self.before(company, scope)
        if asyncio.iscoroutine(step):
            await step
        return Outcome(OutcomeKind.NO_WEBSITE, "no_search_results")


class Campaigns(Rig):
    """The rig with the service's own handlers."""

    def __init__(self, database: Database, story: Story, shape: Any, hashes: Any, **options: Any) -> None:
        cap = options.pop("daily_cap", 300)
        at_once = options.pop("at_once", True)
        super().__init__(database, self._dispatch, until_idle=True, **options)
        settings = load_settings({"POSTGRES_DSN": "x", "ACRA_EXPRESS_DAILY_CAP": str(cap)})
        companies = Companies(database, shape=shape, hashes=hashes, store_personal_emails=False, recheck_days=7)

        def judged(throttle: object, key: str) -> Any:
            return resolve(throttle, settings, key=key)

        self.handlers = {
            JobType.ENRICHMENT: Enrichment(
                jobs=self.jobs,
                companies=companies,
                outcomes=Outcomes(database),
                cap=DailyCap(database, settings.zone),
                pipeline=story,
                resolve=judged,
                lock_retry=self.lock_retry,
                context=self.context,
            ),
            JobType.STAGING: Staging(
                jobs=self.jobs,
                lists=UenLists(database),
                campaigns=CampaignRows(database),
                registry=Selection(
                    database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2
                ),
                cap=DailyCap(database, settings.zone),
                resolve=judged,
                continues_in=lambda: None if at_once else timedelta(hours=1),
                lock_retry=self.lock_retry,
                context=self.context,
            ),
        }

    async def _dispatch(self, job: Job, scope: JobScope) -> End:
        return await self.handlers[job.job_type].handle(job, scope)


async def campaigns_on(database: Database, story: Story, **options: Any) -> Campaigns:
    """The rig over this database as it is now."""
    async with database.session() as connection:
        return Campaigns(database, story, await probe(connection), await load_address_hash(connection), **options)


async def enqueue_staging(owner: Connection, params: Any) -> int:
    """A staging job as somebody would insert it by hand."""
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', $2) RETURNING job_id",
            JobType.STAGING.value,
            params,
        )
    )
