"""The figures of the status page about shared work, read from a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from database_clock import Clock

from acra_express_async.db.ops.display import CampaignLine, Display
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Allowance
from acra_express_async.models import JobType, Provider

HOUR = timedelta(hours=1)


async def company(owner: Connection, uen: str, name: str) -> int:
    return int(
        await owner.fetchval("INSERT INTO companies (uen, name) VALUES ($1, $2) RETURNING company_id", uen, name)
    )


async def ended(owner: Connection, clock: Clock, company_id: int, uen: str, **row: Any) -> None:
    await owner.execute(
        "INSERT INTO acra_express.outcomes"
        " (job_id, company_id, uen, kind, reason, staged_at, campaign_at, ended_at, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.get("job_id", 1),
        company_id,
        uen,
        row.get("kind", "enriched"),
        row.get("reason", ""),
        clock.now - timedelta(seconds=90),
        row.get("campaign_at"),
        clock.now,
        row.get("detail"),
    )


async def enqueue(owner: Connection, clock: Clock, job_type: JobType, params: Any, **row: Any) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, created_at, params, processed)"
            " VALUES ($1, $2, $3, $4, $5) RETURNING job_id",
            job_type.value,
            row.get("status", "queued"),
            clock.now,
            params,
            row.get("processed", 0),
        )
    )


async def test_recent_companies_show_evidence_but_no_personal_names(
    owner: Connection, database: Database, clock: Clock
) -> None:
    site = {"domain": "orchid.sg", "url": "https://orchid.sg", "evidence": [{"url": "https://orchid.sg/contact"}]}
    orchid = await company(owner, "199801234K", "ORCHID PTE. LTD.")
    tan = await company(owner, "52812345X", "TAN AH KOW")
    await ended(owner, clock, orchid, "199801234K", detail={"site": site, "emails": [{"address": "info@orchid.sg"}]})
    await clock.advance(timedelta(minutes=1))
    await ended(owner, clock, tan, "52812345X", kind="failed", reason="provider_error")
    first, second = await Display(database).companies()
    assert (first.uen, first.name, first.kind, first.reason) == ("52812345X", None, "failed", "provider_error")
    assert (second.name, second.domain, second.url) == ("ORCHID PTE. LTD.", "orchid.sg", "https://orchid.sg/contact")
    assert second.seconds == 90
    assert "info@orchid.sg" not in repr(second)
    assert len(await Display(database).companies(limit=1)) == 1


async def test_only_ends_that_a_person_decided_are_marked(owner: Connection, database: Database, clock: Clock) -> None:
    site = {"site": {"domain": "orchid.sg", "url": "https://orchid.sg"}}
    ends: dict[str, dict[str, Any]] = {
        "accepted": {"detail": site},
        "set another": {"detail": site},
        "rejected": {"detail": site},
        "rejected another": {"detail": site},
        "rejected, none found": {"kind": "no_website", "reason": "no_proof"},
        "none": {"kind": "no_website", "reason": "judged"},
        "dead": {"kind": "failed", "reason": "judged_site_unreadable"},
        "skipped": {"kind": "skipped", "reason": "recently_checked"},
    }
    said = {
        "accepted": ("accept", "orchid.sg"),
        "set another": ("set", "rose.sg"),
        "rejected": ("reject", "orchid.sg"),
        "rejected another": ("reject", "rose.sg"),
        "rejected, none found": ("reject", "rose.sg"),
        "none": ("none", None),
        "dead": ("set", "rose.sg"),
        "skipped": ("accept", "orchid.sg"),
    }
    for uen, more in ends.items():
        await ended(owner, clock, await company(owner, uen, uen), uen, **more)
        await owner.execute(
            "INSERT INTO acra_express.judgements (uen, field, judgement, value, judged_by, judged_at)"
            " VALUES ($1, 'site', $2, $3, 'mei', $4)",
            uen,
            *said[uen],
            clock.now,
        )
    lines = {line.uen: line for line in await Display(database).companies()}
    assert {uen for uen, line in lines.items() if line.judged} == {"accepted", "none", "dead"}
    assert {uen for uen, line in lines.items() if line.overruled} == {"set another", "rejected"}
    assert (lines["rejected another"].domain, lines["rejected"].domain) == ("orchid.sg", None)


async def test_failures_of_24_hours_are_counted_by_reason(owner: Connection, database: Database, clock: Clock) -> None:
    for number, reason in enumerate(["old", "provider_error", "save_failed", "provider_error"]):
        await ended(owner, clock, number, "", kind="failed", reason=reason)
        if reason == "old":
            await clock.advance(timedelta(hours=24))
    await ended(owner, clock, 9, "", kind="skipped", reason="recently_checked")
    await ended(owner, clock, 10, "", kind="cancelled", reason="cancelled")
    assert await Display(database).failures() == {"provider_error": 2, "save_failed": 1}


async def test_a_campaign_sums_up_its_jobs(owner: Connection, database: Database, clock: Clock) -> None:
    began = clock.now
    first = await enqueue(owner, clock, JobType.STAGING, {"terms": ["bakery"], "limit": 20}, status="done")
    campaign = {"id": first, "enqueued_at": began.isoformat(), "left": 10}
    await clock.advance(timedelta(minutes=5))
    work = {"company_ids": [1, 2, 3, 4, 5], "campaign_id": first, "campaign_enqueued_at": began.isoformat()}
    await enqueue(owner, clock, JobType.ENRICHMENT, work, status="done", processed=5)
    work = work | {"company_ids": [6, 7, 8, 9, 10]}
    await enqueue(owner, clock, JobType.ENRICHMENT, work, status="running", processed=2)
    await enqueue(owner, clock, JobType.STAGING, {"terms": ["bakery"], "campaign": campaign})
    for number in range(1, 8):
        await ended(owner, clock, number, "", campaign_at=began)
    await ended(owner, clock, 99, "", campaign_at=began - HOUR)
    assert await Display(database).campaigns() == [CampaignLine(first, began, ended=7, waiting=3, left=10)]


async def test_a_new_campaign_shows_how_many_companies_are_left(
    owner: Connection, database: Database, clock: Clock
) -> None:
    await enqueue(owner, clock, JobType.STAGING, {"uens": ["a", "b", "c"]})
    await enqueue(owner, clock, JobType.STAGING, {"ssic_codes": ["10712"]})
    await enqueue(owner, clock, JobType.STAGING, {"ssic_codes": ["10712"], "limit": 300})
    assert [line.left for line in await Display(database).campaigns()] == [3, None, 300]


async def test_senseless_params_do_not_break_the_display(owner: Connection, database: Database, clock: Clock) -> None:
    for params in ([1, 2], {"campaign": 7, "uens": "x"}, {"campaign": {"id": "x", "enqueued_at": "noon"}}, None):
        await enqueue(owner, clock, JobType.STAGING, params)
    await enqueue(owner, clock, JobType.ENRICHMENT, {"company_ids": "all", "campaign_id": True})
    assert len(await Display(database).campaigns()) == 5


async def test_the_display_tells_when_a_budget_frees(owner: Connection, database: Database, clock: Clock) -> None:
    allowance = Allowance(Provider.JINA, "calls_1h", 120, 1.0, HOUR, timedelta(seconds=5))
    assert await Display(database).frees([allowance]) == []
    for number in (1, 2):
        await owner.execute(
            "INSERT INTO acra_express.budget_charges (charge_id, provider, budget, amount, charged_at, ages_from)"
            " VALUES ($1, 'jina', 'calls_1h', 1, acra_express.clock(), acra_express.clock())",
            number,
        )
        await clock.advance(timedelta(minutes=10))
    [line] = await Display(database).frees([allowance])
    margin = (allowance.counted_window - HOUR).total_seconds()
    assert (round(line.first - margin), round(line.all - margin)) == (2400, 3000)
