"""Express at full speed beside the stand-in nightly: real loops, selection and records with invented outcomes.

`Guest` keeps every rule; the guests of bad_guests.py break one rule each, to show that the harness notices.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rig import Rig

from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.company_rows import Companies, load_company
from acra_express_async.db.companies.outcomes import DailyCap, Outcomes
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.control import Control
from acra_express_async.db.ops.display import Display
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import LockBusy, NotStaged, StandBack
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.metrics import YIELD_REASONS
from acra_express_async.models import (
    Company,
    CompanyId,
    Email,
    EmailKind,
    Evidence,
    Job,
    Outcome,
    OutcomeKind,
    Site,
    VerificationResult,
)
from acra_express_async.ops.snapshot import Replica, SnapshotLoop, Sources
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry import RegistryRow
from acra_express_async.sandbox.nightly import domain_of
from acra_express_async.settings.quiet_hours import QuietHours
from acra_express_async.settings.tree import load_settings

SAVE_TRIES = 200
ZONE = ZoneInfo("Asia/Singapore")


def outcome_for(company: Company) -> Outcome:
    """The outcome of a company: its own site, which the nightly knows too."""
    domain = domain_of(company.uen)
    return Outcome(
        OutcomeKind.ENRICHED,
        site=Site(domain, f"https://{domain}/", 90, (Evidence("uen", 60, f"https://{domain}/"),)),
        about=f"{company.name} is a company in Singapore.",
        emails=(
            Email(
                f"info@{domain}",
                EmailKind.ROLE,
                f"https://{domain}/",
                verification=VerificationResult(f"info@{domain}", "valid"),
            ),
        ),
    )


class Guest(Rig):
    """Takes jobs as fast as the real loops supply them; each job stages and saves up to `batch` companies.

    With `stand_back` it is also courteous like the service: its snapshot loop checks whether the nightly runs.
    """

    def __init__(
        self, database: Database, codes: list[str], *, shape: Any, hashes: Any, batch: int = 5, stand_back: bool = False
    ) -> None:
        super().__init__(database, self._work_on, stands_back=self._stands_back)
        self.courtesy = Courtesy(
            stand_back=stand_back, quiet=QuietHours(), now=self._now, workers=len(self.workers), metrics=self.metrics
        )
        self.watch = SnapshotLoop(
            sources=Sources(
                control=Control(database),
                slots=DailyCap(database, ZONE),
                budgets=self._no_budgets,
                display=Display(database),
            ),
            courtesy=self.courtesy,
            settings=load_settings({"POSTGRES_DSN": "x", "ACRA_EXPRESS_TIMEZONE": ZONE.key}),
            context=replace(self.context, now=self._now),
            replica=Replica(resumed=self.poller.wake),
        )
        self.params = StagingParams(ssic_codes=codes)
        self.batch = batch
        self.saved = 0
        self.yields: Counter[str] = Counter()
        self.selection = Selection(database, shape=shape, include_sole_proprietors=True, recheck_days=7, hold_nights=2)
        self.companies = Companies(database, shape=shape, hashes=hashes, store_personal_emails=False, recheck_days=7)
        self.outcomes = Outcomes(database)

    @classmethod
    async def made(cls, database: Database, codes: list[str], **options: Any) -> Guest:
        async with database.session() as connection:
            shape, hashes = await probe(connection), await load_address_hash(connection)
        return cls(database, codes, shape=shape, hashes=hashes, **options)

    def _stands_back(self) -> str | None:
        return self.courtesy.stands_back()

    @staticmethod
    def _now() -> datetime:
        return datetime.now(ZONE)

    @staticmethod
    async def _no_budgets() -> list[BudgetUse]:
        return []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[int]]:
        """Like the service, take one snapshot before the first claim."""
        await self.watch.look()
        watching = asyncio.create_task(self.watch.run())
        try:
            async with super().running() as service:
                yield service
        finally:
            watching.cancel()

    async def _work_on(self, job: Job, scope: JobScope) -> End:
        picked = await self.selection.pick(self.params, Campaign(id=job.job_id, enqueued_at=job.created_at), self.batch)
        for row in picked.rows:
            scope.check()
            try:
                company_id = await self.upsert(row)
            except StandBack as way:
                self.yields[way.reason] += 1
                continue
            except NotStaged:
                self.yields["namesake"] += 1
                continue
            async with self.database.session() as connection:
                company = await load_company(connection, company_id)
            assert company is not None
            await self._persist(job, company)
        return await self.finish(job)

    async def _persist(self, job: Job, company: Company) -> None:
        for _ in range(SAVE_TRIES):
            try:
                async with self.jobs.owned(job) as connection:
                    await self.save(connection, job, company)
            except LockBusy as busy:
                self.yields[busy.reason] += 1
            else:
                self.saved += 1
                return
        raise AssertionError("the nightly's locks never ended")

    @property
    def gave_way(self) -> Counter[str]:
        """How often it gave way, by reason: at once, or by snoozing a job."""
        put_off = {
            reason: self.metrics.registry.get_sample_value("acra_express_nightly_yields_total", {"reason": reason})
            for reason in YIELD_REASONS
        }
        return +(self.yields + Counter({reason: int(count or 0) for reason, count in put_off.items()}))

    async def upsert(self, row: RegistryRow) -> CompanyId:
        return await self.selection.upsert(row)

    async def save(self, connection: Connection, job: Job, company: Company) -> None:
        outcome = outcome_for(company)
        saved = await self.companies.save(connection, job, company, outcome)
        await self.outcomes.write(
            connection,
            job,
            company,
            saved.outcome,
            staging_job_id=None,
            staged_at=job.created_at,
            campaign_at=job.created_at,
            detail=saved.detail,
        )
