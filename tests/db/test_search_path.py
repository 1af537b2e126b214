"""A hostile search_path has no effect on the commands, the owner's functions or the trigger."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from process import acra_express, stage

from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

TABLES = (
    "background_jobs",
    "companies",
    "company_enrichment_runs",
    "contacts",
    "email_verification_cache",
    "enrichment_runs",
    "lead_emails",
    "odoo_connections",
    "run_event_logs",
    "run_vendor_usage",
    "ssic_ref",
    "staging_acra_companies",
    "tenants",
    "leases",
    "outcomes",
    "control",
    "pg_class",
    "pg_attribute",
    "pg_roles",
    "pg_stat_activity",
)
FUNCTIONS = (
    "now()",
    "clock_timestamp()",
    "lower(text)",
    "ltrim(text, text)",
    "regexp_replace(text, text, text, text)",
    "pg_notify(text, text)",
    "current_setting(text, boolean)",
    "set_config(text, text, boolean)",
    "has_table_privilege(name, oid, text)",
    "to_regclass(text)",
    "jsonb_typeof(jsonb)",
    "left(text, int)",
)
PATH = "evil, pg_catalog, public"


@pytest_asyncio.fixture
async def evil(owner: Connection) -> Connection:
    """A schema in which every table is a decoy and every function and operator raises an error."""
    decoys = "".join(f"CREATE TABLE evil.{name} (company_id bigint, uen text, job_id bigint);" for name in TABLES)
    await owner.execute(
        "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;"
        + decoys
        + "GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;"
    )
    for signature in FUNCTIONS:
        await owner.execute(
            f"CREATE FUNCTION evil.{signature} RETURNS text LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'trapped'; END$$"
        )
    for left, right in (("text", "text"), ("bigint", "bigint"), ("integer", "integer"), ("timestamptz", "timestamptz")):
        await owner.execute(
            f"CREATE FUNCTION evil.same({left}, {right}) RETURNS boolean LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'trapped'; END$$;"
            f"CREATE OPERATOR evil.= (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.same);"
            f"CREATE OPERATOR evil.<= (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.same)"
        )
    return owner


async def untouched(evil: Connection) -> bool:
    return not any([await evil.fetchval(f"SELECT EXISTS (SELECT FROM evil.{name})") for name in TABLES])


@pytest_asyncio.fixture(params=["the shared login", "a dedicated login"])
async def hostile_login(
    evil: Connection, fresh_dsn: str, postgres: EmbeddedPostgres, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """A DSN whose sessions start with the hostile path, set for the database, the login or in the DSN's options."""
    name = urlsplit(fresh_dsn).path.lstrip("/")
    await evil.execute(f"ALTER DATABASE {name} SET search_path = {PATH}")
    if request.param == "the shared login":
        yield f"{fresh_dsn}?options=-csearch_path%3Devil%2Cpg_catalog%2Cpublic"
        return
    login = f"login_{secrets.token_hex(4)}"
    await evil.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT acra_express TO {login}")
    await evil.execute(f"ALTER ROLE {login} SET search_path = {PATH}")
    yield postgres.dsn(name, login)
    await evil.execute(f"DROP ROLE {login}")


async def test_the_hostile_path_breaks_an_unprotected_session(evil: Connection, hostile_login: str) -> None:
    bare = await connect(hostile_login, {})
    try:
        assert (await bare.fetchval("SHOW search_path")).replace(" ", "") == PATH.replace(" ", "")
        with pytest.raises(Exception, match="trapped"):
            await bare.fetchval("SELECT 'a'::text = 'b'::text")
    finally:
        await bare.close()


async def test_the_whole_service_works_from_a_hostile_session(
    evil: Connection, hostile_login: str, fresh_dsn: str, tmp_path: Path
) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        owners = fresh_dsn if "login_" in hostile_login else hostile_login  # only an owner can migrate
        code, out, err = await acra_express("migrate", POSTGRES_DSN=owners)
        assert code == 0, out + err
        environ = {"POSTGRES_DSN": hostile_login}
        code, out, err = await acra_express("check", **environ)
        assert code == 0, out + err
        code, out, err = await acra_express("enqueue", "--uen", standing.uens[0], **environ)
        assert code == 0, out + err
        service = await standing.start("run", "--until-idle", POSTGRES_DSN=hostile_login)
        assert await service.ended() == 0, "\n".join(service.lines[-5:])
        assert sorted(await standing.outcomes()) == standing.uens[:1], "\n".join(service.lines)
        code, out, err = await acra_express("explain", standing.uens[0], **environ)
        assert code == 0, out + err
        assert not any("trapped" in line for line in service.lines)
    assert await untouched(evil)


OWNERS = (
    ("SELECT * FROM acra_express.insert_company('201912345K', 'A', NULL, NULL, NULL)", ("company_id", "refused")),
    ("SELECT job_id, job_type FROM acra_express.claim('me', '60 s', 5)", ("job_id", "job_type")),
    ("SELECT acra_express.fence(1, 1) AS held", ("held",)),
    ("SELECT acra_express.nightly_running() AS runs", ("runs",)),
    ("SELECT acra_express.nightly_codes(2) AS code", ("code",)),
    ("SELECT acra_express.tenant_is_free(501) AS free", ("free",)),
    ("SELECT acra_express.verifications_elsewhere_since('-infinity') AS calls", ("calls",)),
    ("SELECT acra_express.nightly_companies(current_date) AS done", ("done",)),
    (
        "SELECT * FROM acra_express.charge('jina', '{a}', '{1}', '{9}', '{9}', '{9}', '{1 h}', '{5 s}', '{f}', NULL)",
        ("budget", "by_job"),
    ),
    ("SELECT acra_express.trip_breaker('jina', 'outage', 'x', '{1 h}') AS tripped", ("tripped",)),
)


@pytest.mark.parametrize("decoys", ["a schema before all others", "temporary tables too"])
async def test_owner_functions_ignore_the_search_path_of_the_caller(
    evil: Connection, fresh_dsn: str, decoys: str
) -> None:
    """The tenant role calls them from sessions of both kinds in turn and rolls back each time."""
    await evil.execute(
        "INSERT INTO background_jobs (job_id, job_type, status, params) VALUES"
        " (1, 'acra_express_staging_upsert', 'queued', '{}'),"
        """ (2, 'enrich_candidates', 'running', '{"ssic_codes": ["01111"]}')"""
    )
    await evil.execute("INSERT INTO odoo_connections (tenant_id) VALUES (501)")

    async def answers(path: str, prepare: str = "SELECT 1") -> list[Any]:
        session = await connect(fresh_dsn, {"role": "acra_express", "request.tenant_id": "1", "search_path": path})
        try:
            await session.execute(prepare)
            found = []
            for call, names in OWNERS:
                undone = session.transaction()
                await undone.start()
                rows = await session.fetch(call)
                found.append([[row[name] for name in names if name != "company_id"] for row in rows])
                await undone.rollback()
            return found
        finally:
            await session.close()

    honest = await answers("pg_catalog, public")
    assert honest[1:6] == [[[1, "acra_express_staging_upsert"]], [[False]], [[True]], [["1111"]], [[False]]]
    if decoys == "temporary tables too":
        temporary = ";".join(f"CREATE TEMP TABLE {name} (company_id bigint, uen text)" for name in TABLES)
        assert await answers("pg_temp, " + PATH, temporary) == honest
    assert await answers(PATH) == honest
    assert await untouched(evil)


async def test_the_trigger_notifies_from_a_hostile_session(evil: Connection, fresh_dsn: str) -> None:
    """The trigger runs in the session from which the platform enqueues."""
    heard = asyncio.Event()
    listener = await connect(fresh_dsn, {})
    platform = await connect(fresh_dsn, {"search_path": PATH})
    try:
        await listener.add_listener("acra_express_jobs", lambda *_told: heard.set())
        await platform.execute(
            "INSERT INTO public.background_jobs (job_type, status) VALUES ('acra_express_staging_upsert', 'queued')"
        )
        await heard.wait()
    finally:
        await listener.close()
        await platform.close()
