"""`acra-express campaigns` as a process: what people and programs read, and the exit codes of `wait`."""

from __future__ import annotations

import json
from typing import Any

from campaign_rig import Story, campaigns_on
from process import acra_express

from acra_express_async.db.session.pool import Connection, Database

FIRST, SECOND = "201912345K", "201912346E"


async def enqueued(dsn: str, owner: Connection, *more: str) -> int:
    await owner.executemany(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)
        VALUES ($1, 'FIRM ' || $1, 'Live Company') ON CONFLICT DO NOTHING
        """,
        [(FIRST,), (SECOND,)],
    )
    code, out, err = await acra_express("enqueue", "--uen", FIRST, "--uen", SECOND, *more, "--json", POSTGRES_DSN=dsn)
    assert code == 0, err
    return int(json.loads(out)["job_id"])


async def answer(dsn: str, *arguments: str) -> dict[str, Any]:
    code, out, err = await acra_express(*arguments, "--json", POSTGRES_DSN=dsn)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


async def test_a_campaign_is_followed_to_its_end(fresh_dsn: str, owner: Connection, database: Database) -> None:
    campaign = await enqueued(fresh_dsn, owner, "--name", "cafes")
    before = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert (before["name"], before["total"], before["waiting"], before["over"]) == ("cafes", 2, 2, False)
    assert await (await campaigns_on(database, Story())).supervisor.run() == 0
    [listed] = (await answer(fresh_dsn, "campaigns", "list"))["items"]
    assert (listed["campaign_id"], listed["no_website"], listed["percent"]) == (campaign, 2, 100.0)
    code, out, _ = await acra_express("campaigns", "wait", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert code == 0
    assert out == "2 of 2 companies ended (100 %): 2 no_website\n"
    code, out, _ = await acra_express("campaigns", "show", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert out.startswith(f"campaign {campaign} “cafes”, enqueued ")
    assert FIRST in out


async def test_a_cancelled_campaign_ends_wait_with_1(fresh_dsn: str, owner: Connection) -> None:
    campaign = await enqueued(fresh_dsn, owner)
    code, out, err = await acra_express("jobs", "cancel", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (
        0,
        f"campaign {campaign} is cancelled: 2 companies in 1 job will not be looked at\n",
    )
    assert "is a campaign: this is about all its jobs" in err
    code, out, _ = await acra_express("campaigns", "wait", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (1, "2 of 2 companies ended (100 %): 2 cancelled\n")
    code, _, err = await acra_express("campaigns", "retry", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, f"acra-express: nothing of campaign {campaign} failed\n")


async def test_an_unknown_campaign_ends_wait_with_2(fresh_dsn: str) -> None:
    code, _, err = await acra_express("campaigns", "wait", "4711", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (2, "acra-express: there is no campaign 4711\n")


async def test_batch_means_the_one_job(fresh_dsn: str, owner: Connection) -> None:
    campaign = await enqueued(fresh_dsn, owner)
    shown = await answer(fresh_dsn, "jobs", "show", str(campaign), "--batch")
    assert (shown["job_id"], shown["job_type"]) == (campaign, "acra_express_staging_upsert")
    shown = await answer(fresh_dsn, "jobs", "show", str(campaign))
    assert shown["campaign_id"] == campaign
