"""Builds what works on the jobs of the two types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from acra_express_async.companies.enrichment import Enrichment
from acra_express_async.companies.pipeline import Pipeline
from acra_express_async.companies.staging import Staging
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.companies.company_rows import Companies
from acra_express_async.db.companies.outcomes import DailyCap, Outcomes
from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.jobs.uen_lists import UenLists
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.jobs.worker import Handler
from acra_express_async.limits import JobThrottle, resolve
from acra_express_async.models import JobType
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.runtime.context import Context
from acra_express_async.settings.tree import Settings


def build_handlers(
    settings: Settings,
    access: DatabaseAccess,
    pipeline: Pipeline,
    *,
    jobs: Jobs,
    cap: DailyCap,
    selection: Selection,
    continues_in: Callable[[], timedelta | None],
    lock_retry: LockRetry,
    context: Context,
) -> dict[JobType, Handler]:
    """Staging and enrichment.

    Args:
        continues_in: how long until a continuation is due; None at once.
    """

    def judged(throttle: object, key: str) -> JobThrottle:
        return resolve(throttle, settings, key=key)

    companies = Companies(
        access.work,
        shape=access.shape,
        hashes=access.hashes,
        store_personal_emails=settings.store_personal_emails,
        recheck_days=settings.recheck_days,
    )
    enrichment = Enrichment(
        jobs=jobs,
        companies=companies,
        outcomes=Outcomes(access.work),
        cap=cap,
        pipeline=pipeline,
        resolve=judged,
        lock_retry=lock_retry,
        context=context,
    )
    staging = Staging(
        jobs=jobs,
        lists=UenLists(access.work),
        campaigns=Campaigns(access.work),
        registry=selection,
        cap=cap,
        resolve=judged,
        continues_in=continues_in,
        lock_retry=lock_retry,
        context=context,
    )
    return {JobType.STAGING: staging.handle, JobType.ENRICHMENT: enrichment.handle}
