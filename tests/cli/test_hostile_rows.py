"""Hostile rows: neither their markup nor their control characters reach a terminal."""

from __future__ import annotations

import io
import json

import pytest
from process import acra_express

from acra_express_async import logs
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import JobError
from acra_express_async.logs import Redactor, printable
from acra_express_async.params import EnrichmentParams, companies_named_in

HOSTILE = "[/bold][link=https://evil.example]x[/link]\x1b]0;owned\x07\x1b[2J\r\nfake line"


async def test_jobs_list_and_show_survive_a_hostile_error(fresh_dsn: str, owner: Connection) -> None:
    job_id = await owner.fetchval(
        "INSERT INTO background_jobs (job_type, status, error, params)"
        " VALUES ('acra_express_staging_upsert', 'error', $1, $2) RETURNING job_id",
        HOSTILE,
        {"uens": [HOSTILE]},
    )
    for arguments in (("jobs", "list"), ("jobs", "show", str(job_id))):
        code, out, err = await acra_express(*arguments, POSTGRES_DSN=fresh_dsn)
        assert (code, err) == (0, "")
        assert "[/bold]" in out
        assert not set(out) & {"\x1b", "\x07", "\r"}


def test_a_stored_error_is_one_printable_line() -> None:
    assert printable("a\x1b[2Jb\r\nc\u2028d\x85e") == "a [2Jb  c d e"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_line_carries_no_control_character(form: str) -> None:
    sink = io.StringIO()
    logs.configure(level="INFO", form=form, stream=sink)
    logs.logger("test").info("something.happened", said=HOSTILE)
    line = sink.getvalue()
    assert not set(line) & {"\x1b", "\x07", "\r"}
    if form == "json":
        assert json.loads(line)["event"] == "something.happened"
    assert Redactor().text("one\ntwo\x07") == "one\ntwo "


async def test_commands_answer_in_sentences_beside_impossible_rows(fresh_dsn: str, owner: Connection) -> None:
    """Moments and ids that PostgreSQL holds and Python does not; each row can be listed, shown and cancelled."""
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code)"
        " VALUES ('201900001C', 'A PTE. LTD.', 'Live Company', 10711)"
    )
    year_one = {"staged_at": "0001-01-01T00:00:00+14:00", "campaign_enqueued_at": "0001-01-01T00:00:00+14:00"}
    odd = [
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, params, created_at)"
            " VALUES ('acra_express_enrich_candidates', 'queued', $1, $2::text::timestamptz) RETURNING job_id",
            {"company_ids": [5]} | more,
            created_at,
        )
        for more, created_at in (({}, "20000-01-01"), (year_one, "infinity"), ({"staging_job_id": 10**30}, "now"))
    ]
    beyond = "99999999999999999999"
    asked = [
        (0, "jobs", "list"),
        (0, "jobs", "list", "--json"),
        *((0, "jobs", "show", str(job_id)) for job_id in odd),
        (0, "enqueue", "--ssic", "10711"),
        *((0, "jobs", "cancel", str(job_id)) for job_id in odd),
        *((2, "jobs", act, beyond) for act in ("show", "retry", "cancel")),
    ]
    for expected, *arguments in asked:
        code, out, err = await acra_express(*arguments, POSTGRES_DSN=fresh_dsn)
        assert (code, "Traceback" in err) == (expected, False), (arguments, out, err)
        if code:
            assert err == f"acra-express: there is no express job {beyond}; the known ones: acra-express jobs list\n"
    ended = await owner.fetch("SELECT status, left(error, 12) FROM background_jobs WHERE job_id = ANY($1)", odd)
    assert [tuple(row) for row in ended] == [("error", "cancelled by")] * 3


@pytest.mark.parametrize("company_id", [0, -1, 2**63, 10**30, True])
def test_an_impossible_company_id_is_refused_by_name(company_id: int) -> None:
    with pytest.raises(JobError, match="company_ids"):
        EnrichmentParams.parse({"company_ids": [company_id]})
    assert companies_named_in({"company_ids": [company_id, 7]}) == [7]
