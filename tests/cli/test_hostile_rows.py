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


@pytest.mark.parametrize("company_id", [0, -1, 2**63, 10**30, True])
def test_an_impossible_company_id_is_refused_by_name(company_id: int) -> None:
    with pytest.raises(JobError, match="company_ids"):
        EnrichmentParams.parse({"company_ids": [company_id]})
    assert companies_named_in({"company_ids": [company_id, 7]}) == [7]
