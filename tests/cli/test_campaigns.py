"""`acra-express campaigns` as a process: what people and programs read, and the exit codes of `wait`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
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
    code, out, err = await acra_express("campaigns", "wait", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (0, ""), "the last line stands once, on standard output"
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
    assert (code, err) == (
        1,
        f"acra-express: no company of campaign {campaign} failed; cancelled companies: enqueue them again\n",
    )


@pytest.mark.parametrize("action", ["wait", "show", "cancel", "retry"])
async def test_an_unknown_campaign_ends_with_2(fresh_dsn: str, action: str) -> None:
    code, out, err = await acra_express("campaigns", action, "4711", POSTGRES_DSN=fresh_dsn)
    assert (code, out, err) == (
        2,
        "",
        "acra-express: there is no campaign 4711; the known ones: acra-express campaigns list\n",
    )


async def test_show_names_the_retry_of_failures(fresh_dsn: str, owner: Connection, database: Database) -> None:
    campaign = await enqueued(fresh_dsn, owner)
    assert await (await campaigns_on(database, Story())).supervisor.run() == 0
    again = f"once more: acra-express campaigns retry {campaign}\n"
    _, out, _ = await acra_express("campaigns", "show", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert again not in out
    await owner.execute(
        "UPDATE acra_express.outcomes SET kind = 'failed', reason = 'provider_error' WHERE uen = $1", FIRST
    )
    _, out, _ = await acra_express("campaigns", "show", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert again in out


async def test_show_lists_what_its_totals_count(fresh_dsn: str, owner: Connection, database: Database) -> None:
    """A listed UEN that is not in the registry never becomes a company, and is counted as skipped all the same."""
    campaign = await enqueued(fresh_dsn, owner, "--uen", "199900001A")
    assert await (await campaigns_on(database, Story())).supervisor.run() == 0
    shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert (shown["total"], shown["no_website"], shown["skipped"]) == (3, 2, 1)
    assert [(each["uen"], each["kind"]) for each in shown["items"]] == [
        (SECOND, "no_website"),
        (FIRST, "no_website"),
        ("199900001A", "skipped"),
    ]
    assert shown["items"][2]["reason"] == "not in the registry"
    _, out, _ = await acra_express("campaigns", "show", str(campaign), POSTGRES_DSN=fresh_dsn)
    assert "199900001A" in out


async def test_a_paused_service_promises_no_end(fresh_dsn: str, owner: Connection) -> None:
    paused = await answer(fresh_dsn, "pause")
    again = await answer(fresh_dsn, "pause")
    assert (paused["changed"], again["changed"]) == (True, False)
    assert (again["since"], again["by"]) == (paused["since"], paused["by"])
    _, out, _ = await acra_express("pause", POSTGRES_DSN=fresh_dsn)
    assert out.startswith("claiming is already paused, since ")
    campaign = await enqueued(fresh_dsn, owner)
    shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert shown["expected_end"] is None
    assert "acra-express resume" in shown["why"]
    _, out, _ = await acra_express("campaigns", "list", POSTGRES_DSN=fresh_dsn)
    assert "after resume" in out
    _, out, _ = await acra_express("enqueue", "--uen", FIRST, POSTGRES_DSN=fresh_dsn)
    code, out, _ = await acra_express("resume", POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (0, "claiming continues\n")
    code, out, _ = await acra_express("resume", POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (0, "claiming was not paused\n")
    shown = await answer(fresh_dsn, "campaigns", "show", str(campaign))
    assert shown["expected_end"] is not None


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
    assert f"{listed}: 1 line repeats a UEN: line 4" in found["notes"]
    assert found["not_understood"] == ["line 5: 'nonsense' is not a UEN"]
    assert found["repeated_lines"] == [4]
    code, _, err = await acra_express("enqueue", "--uen", FIRST, POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (
        1,
        f"acra-express: none of these UENs can be taken (waits in campaign {first}: {FIRST})\n",
    )


async def test_a_refused_file_tells_its_lines_all_the_same(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    campaign = await enqueued(fresh_dsn, owner)
    listed = tmp_path / "uens.txt"
    listed.write_text(f"{FIRST}\nnonsense\n{FIRST}\n199900001A\n", encoding="utf-8")
    code, out, err = await acra_express("enqueue", "--uen-file", str(listed), POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (1, "")
    assert f"waits in campaign {campaign}: {FIRST}" in err
    assert "not in the registry: 199900001A" in err
    assert f"note: {listed}, line 2: 'nonsense' is not a UEN" in err
    assert f"note: {listed}: 1 line repeats a UEN: line 3" in err
    code, out, err = await acra_express("enqueue", "--uen-file", str(listed), "--json", POSTGRES_DSN=fresh_dsn)
    told = json.loads(err)
    assert (code, out) == (1, "")
    assert [(each["uen"], each["reason"]) for each in told["left_out"]] == [
        (FIRST, "in_campaign"),
        ("199900001A", "unknown"),
    ]
    assert (told["not_understood"], told["repeated_lines"]) == (["line 2: 'nonsense' is not a UEN"], [3])


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("uen\n", "is empty"), ("x y\n", "holds no UEN")])
async def test_a_file_without_uens_is_named(fresh_dsn: str, tmp_path: Path, text: str, said: str) -> None:
    listed = tmp_path / "wrong.csv"
    listed.write_text(text, encoding="utf-8")
    code, out, err = await acra_express("enqueue", "--uen-file", str(listed), POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (1, "")
    assert err.startswith(f"acra-express: {listed} {said}")
    assert err.endswith("; --uen-file takes one UEN a line, or a CSV file with a column named uen\n")


async def test_unknown_uens_are_no_matches(fresh_dsn: str, owner: Connection) -> None:
    await enqueued(fresh_dsn, owner)
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)"
        " VALUES ('201912347N', 'THIRD', 'Live Company'), ('201912348R', 'GONE', 'Struck Off')"
    )
    uens = [part for uen in ("201912347N", "201912348R", "199900001A") for part in ("--uen", uen)]
    found = await answer(fresh_dsn, "enqueue", *uens)
    assert (found["matched"], found["companies"], len(found["left_out"])) == (1, 1, 2)


async def test_a_selection_of_which_nothing_is_left_is_refused(
    fresh_dsn: str, owner: Connection, database: Database
) -> None:
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code)"
        f" VALUES ('{FIRST}', 'FIRM', 'Live Company', '10712')"
    )
    await answer(fresh_dsn, "enqueue", "--ssic", "10712")
    assert await (await campaigns_on(database, Story())).supervisor.run() == 0
    code, out, err = await acra_express("enqueue", "--ssic", "10712", "--json", POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (1, "")
    assert "the only company that matches cannot be taken" in json.loads(err)["error"]


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
