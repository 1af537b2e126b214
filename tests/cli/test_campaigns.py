"""`acra-express campaigns` as a process: what people and programs read, and the exit codes of `wait`."""

from __future__ import annotations

import json
from pathlib import Path
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
    assert (code, err) == (1, f"acra-express: no company of campaign {campaign} failed\n")


async def test_an_unknown_campaign_ends_wait_with_2(fresh_dsn: str) -> None:
    code, _, err = await acra_express("campaigns", "wait", "4711", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (2, "acra-express: there is no campaign 4711\n")


async def test_batch_means_the_one_job(fresh_dsn: str, owner: Connection) -> None:
    campaign = await enqueued(fresh_dsn, owner)
    shown = await answer(fresh_dsn, "jobs", "show", str(campaign), "--batch")
    assert (shown["job_id"], shown["job_type"]) == (campaign, "acra_express_staging_upsert")
    shown = await answer(fresh_dsn, "jobs", "show", str(campaign))
    assert shown["campaign_id"] == campaign


async def test_enqueue_takes_a_file_and_tells_what_is_left_out(
    fresh_dsn: str, owner: Connection, tmp_path: Path
) -> None:
    first = await enqueued(fresh_dsn, owner)
    listed = tmp_path / "uens.csv"
    listed.write_text(f"uen,note\n{FIRST},x\n201912347N,y\n{FIRST},again\nnonsense,z\n", encoding="utf-8")
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)"
        " VALUES ('201912347N', 'THIRD', 'Live Company')"
    )
    found = await answer(fresh_dsn, "enqueue", "--uen-file", str(listed), "--name", "spring list")
    assert (found["companies"], found["matched"]) == (1, 2)
    assert found["left_out"] == [
        {
            "uen": FIRST,
            "reason": "in_campaign",
            "text": f"waits in campaign {first}",
            "looked_at": None,
            "campaign_id": first,
        }
    ]
    assert f"{listed}, line 5: 'nonsense' is not a UEN" in found["notes"]
    assert f"{listed}: 1 UENs are named more than once, on line 4" in found["notes"]
    code, _, err = await acra_express("enqueue", "--uen", FIRST, POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (
        1,
        f"acra-express: none of these UENs can be taken (waits in campaign {first}: {FIRST})\n",
    )


async def test_again_checks_companies_that_were_checked_lately(
    fresh_dsn: str, owner: Connection, database: Database
) -> None:
    story = Story()
    await enqueued(fresh_dsn, owner)
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    code, _, err = await acra_express("enqueue", "--uen", FIRST, POSTGRES_DSN=fresh_dsn)
    assert code == 1
    assert "--again" in err or "checked on" in err
    again = await answer(fresh_dsn, "enqueue", "--uen", FIRST, "--again")
    assert await (await campaigns_on(database, story)).supervisor.run() == 0
    shown = await answer(fresh_dsn, "campaigns", "show", str(again["job_id"]))
    assert (shown["no_website"], shown["skipped"], shown["again_by"]) == (1, 0, shown["enqueued_by"])
    assert story.ran == [FIRST, SECOND, FIRST]
