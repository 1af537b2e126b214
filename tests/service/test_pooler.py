"""Behind PgBouncer in transaction mode: role and tenant in every transaction, LISTEN on a direct connection."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pooler
import pytest
import pytest_asyncio
from process import stage
from tools import require_tool

from acra_express_async.db.jobs.listen import hears_itself
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import ConfigError
from acra_express_async.sandbox.testbed import command

pytestmark = pytest.mark.tools


@pytest_asyncio.fixture
async def pooled_dsn(fresh_dsn: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A DSN that reaches the test's database through a transaction pooler of two server connections."""
    pgbouncer = require_tool(request.config, *pooler.NAMES)
    async with pooler.pooled(pgbouncer, fresh_dsn, tmp_path) as dsn:
        yield dsn


async def test_every_pooled_transaction_sets_role_and_tenant(pooled_dsn: str, owner: Connection) -> None:
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(pooled_dsn, role="acra_express", tenant_id=tenant, size=4, pooled=True)
    await database.open()
    try:

        async def seen() -> tuple[str, str, str]:
            async with database.session() as connection:
                row = await connection.fetchrow(
                    "SELECT current_user::text AS u, current_setting('request.tenant_id') AS t,"
                    " current_setting('lock_timeout') AS l"
                )
            assert row is not None
            return row["u"], row["t"], row["l"]

        answers = await asyncio.gather(*(seen() for _ in range(20)))
        assert set(answers) == {("acra_express", str(tenant), "300ms")}
    finally:
        await database.close()
    left_behind = await owner.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    assert not left_behind


async def test_the_service_works_behind_a_pooler_with_a_listen_dsn(
    pooled_dsn: str, fresh_dsn: str, tmp_path: Path
) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = pooled_dsn
        service = await standing.start(LISTEN_DSN=fresh_dsn)
        await service.event("listener.proven")
        await standing.enqueue({"uens": standing.uens[:5]})
        await service.event("job.ended", job_type="enrichment", end="done")
        outcomes = await standing.outcomes()
    assert sorted(outcomes) == standing.uens[:5]


async def test_without_a_direct_connection_the_pooler_is_named(pooled_dsn: str, fresh_dsn: str) -> None:
    """A pooler that refuses session settings is recognised; one that ignores them also ignores LISTEN silently."""
    assert await hears_itself(fresh_dsn, "acra_express", 2.0)
    with pytest.raises(ConfigError, match=r"as a transaction pooler does; set ACRA_EXPRESS_LISTEN_DSN"):
        await hears_itself(pooled_dsn, "acra_express", 1.0)
    code, _, err = await command({"ACRA_EXPRESS_POSTGRES_DSN": pooled_dsn}, "run")
    assert code == 78
    assert "ACRA_EXPRESS_LISTEN_DSN" in err


async def test_check_always_queries_under_the_tenant_role(pooled_dsn: str, fresh_dsn: str, owner: Connection) -> None:
    """Its findings equal those of a direct session; it never queries as the login, which may see everything."""

    async def findings(**environ: str) -> tuple[int, list[str]]:
        code, out, err = await command({f"ACRA_EXPRESS_{name}": value for name, value in environ.items()}, "check")
        assert not err
        return code, [line for line in out.splitlines() if "database:" not in line and "listener:" not in line]

    pooled = {"POSTGRES_DSN": pooled_dsn, "LISTEN_DSN": fresh_dsn}
    assert await findings(**pooled) == await findings(POSTGRES_DSN=fresh_dsn)
    await owner.execute("REVOKE UPDATE ON companies FROM acra_express; ALTER TABLE companies DROP sg_phone")
    await owner.execute("ALTER TABLE companies ADD sg_phone text")  # the login may write it, the role may not
    code, lines = await findings(**pooled)
    assert (code, lines) == await findings(POSTGRES_DSN=fresh_dsn)
    assert code == 78
    assert any("has lost its grants" in line for line in lines)
    assert any("no grant on companies.sg_phone" in line for line in lines)


async def test_a_role_that_cannot_be_set_is_named_behind_a_pooler(pooled_dsn: str, fresh_dsn: str) -> None:
    environ = {
        "ACRA_EXPRESS_POSTGRES_DSN": pooled_dsn,
        "ACRA_EXPRESS_LISTEN_DSN": fresh_dsn,
        "ACRA_EXPRESS_TENANT_ROLE": "nobody_at_all",
    }
    for name in ("check", "run"):
        code, out, err = await command(environ, name)
        assert code == 78
        assert "the login may not act as role nobody_at_all" in (out + err)
        assert "Traceback" not in out + err


async def test_temporary_tables_of_others_in_the_pooler_change_nothing(
    pooled_dsn: str, fresh_dsn: str, tmp_path: Path
) -> None:
    """Sessions are shared, so they contain the temporary `pg_class`, `companies` and `unnest` of other clients."""
    strangers = [await asyncpg.connect(pooled_dsn, statement_cache_size=0) for _ in range(2)]
    transactions = [stranger.transaction() for stranger in strangers]
    for stranger, transaction in zip(strangers, transactions, strict=True):
        await transaction.start()  # each holds one of the pooler's two server sessions
        await stranger.execute(TRAPS)
    for transaction in transactions:
        await transaction.commit()
    async with stage(fresh_dsn, tmp_path) as standing:
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = pooled_dsn
        await standing.enqueue({"uens": standing.uens[:3]})
        service = await standing.start("run", "--until-idle", LISTEN_DSN=fresh_dsn)
        assert await service.ended() == 0, "\n".join(service.lines[-5:])
        assert sorted(await standing.outcomes()) == standing.uens[:3]
    for stranger in strangers:
        await stranger.close()


TRAPS = """
    CREATE TEMP TABLE companies (company_id bigint, uen text);
    CREATE TEMP TABLE tenants (tenant_id int, name text);
    CREATE TEMP TABLE background_jobs (job_id bigint);
    CREATE TEMP TABLE pg_class (oid oid, relname name);
    CREATE TEMP TABLE pg_attribute (attrelid oid);
    CREATE TEMP TABLE pg_stat_activity (usesysid oid, datid oid);
    CREATE TEMP TABLE pg_roles (rolname name);
    SET search_path = pg_temp, pg_catalog, public
"""


SERVERS = 3


@pytest_asyncio.fixture
async def small_pooler(
    fresh_dsn: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """A pooler that lets in few clients, and lets none of them wait for long."""
    pgbouncer = require_tool(request.config, *pooler.NAMES)
    folder = tmp_path_factory.mktemp("pooler")
    extra = "query_wait_timeout = 1"
    async with pooler.pooled(pgbouncer, fresh_dsn, folder, servers=SERVERS, clients=8, extra=extra) as dsn:
        yield dsn


async def crowd(dsn: str) -> list[asyncpg.Connection[asyncpg.Record]]:
    """Other clients, until the pooler lets no more in."""
    inside: list[asyncpg.Connection[asyncpg.Record]] = []
    while True:
        try:
            inside.append(await asyncpg.connect(dsn, statement_cache_size=0))
        except asyncpg.ProtocolViolationError as full:
            assert "no more connections allowed" in str(full)  # noqa: PT017 - the error is how the loop ends
            return inside


async def test_the_start_waits_for_a_pooler_that_is_full(small_pooler: str, fresh_dsn: str, tmp_path: Path) -> None:
    others = await crowd(small_pooler)
    async with stage(fresh_dsn, tmp_path) as standing:
        service = await standing.start(POSTGRES_DSN=small_pooler, LISTEN_DSN=fresh_dsn)
        waits = await service.event("database.unreachable")
        assert "has no connection free (no more connections allowed (max_client_conn)" in waits["error"]
        for other in others:
            await other.close()
        await service.event("service.started")
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0


async def test_a_pooler_that_fills_up_while_we_run_is_waited_for(
    small_pooler: str, fresh_dsn: str, tmp_path: Path
) -> None:
    """Others hold all of its server sessions for long; the pooler cuts whoever waits for one for a second."""
    async with stage(fresh_dsn, tmp_path) as standing:
        service = await standing.start(POSTGRES_DSN=small_pooler, LISTEN_DSN=fresh_dsn)
        await service.event("listener.proven")
        others = [await asyncpg.connect(small_pooler, statement_cache_size=0) for _ in range(SERVERS)]
        holding = [other.transaction() for other in others]
        for transaction in holding:
            await transaction.start()
        missed = await service.event("snapshot.missed")
        assert "has no connection free (query_wait_timeout" in missed["error"]
        await standing.enqueue({"uens": standing.uens[:2]})
        away = await service.event("poller.away")
        assert "has no connection free (query_wait_timeout" in away["error"]
        for transaction, other in zip(holding, others, strict=True):
            await transaction.rollback()
            await other.close()
        while len(await standing.outcomes()) < 2:
            await service.event("company.ended")
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert not any("component.broke" in line for line in service.lines)
