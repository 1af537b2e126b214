"""Correctness rests on settings of the session, never on the server's defaults."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import ROLE, tenant_sessions
from pooler import NAMES, pooled
from process import acra_express, stage
from server_defaults import BEHIND_A_POOLER, HOSTILE, set_defaults, under_any_defaults
from tools import require_tool

from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pinned import PINNED, SESSION_SETTINGS, settings_fault
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import DatabaseAway
from acra_express_async.limits import Allowance, Ask, Charge
from acra_express_async.models import JobLimits, Provider
from acra_express_async.sandbox.postgres import EmbeddedPostgres

VERIFICATIONS = Allowance(Provider.ZEROBOUNCE, "verifications_1d", 500, 1, timedelta(days=1), timedelta(seconds=5))


@pytest_asyncio.fixture
async def pooled_dsn(fresh_dsn: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    pgbouncer = require_tool(request.config, *NAMES)
    async with pooled(pgbouncer, fresh_dsn, tmp_path) as dsn:
        yield dsn


@under_any_defaults
async def test_every_session_has_its_own_settings(database: Database) -> None:
    async with database.session() as connection:
        assert await settings_fault(connection) is None
        assert await connection.fetchval("SELECT current_setting('transaction_isolation')") == "read committed"


@pytest.mark.parametrize("server_defaults", [{}, BEHIND_A_POOLER], ids=["plain", "hostile"], indirect=True)
async def test_every_transaction_behind_a_pooler_has_them_too(pooled_dsn: str, owner: Connection) -> None:
    async with (
        tenant_sessions(pooled_dsn, owner, size=2, pooled=True) as database,
        database.session() as connection,
    ):
        assert await settings_fault(connection) is None
        assert await connection.fetchval("SELECT current_setting('transaction_isolation')") == "read committed"
        assert await connection.fetchval("SELECT current_user") == ROLE


def test_hostile_defaults_cover_every_pinned_setting() -> None:
    assert PINNED.keys() <= HOSTILE.keys()
    assert {name for name in SESSION_SETTINGS if name.endswith("_timeout")} <= HOSTILE.keys()


@pytest.mark.parametrize("server_defaults", [HOSTILE], ids=["hostile defaults"], indirect=True)
async def test_check_passes_under_hostile_defaults(fresh_dsn: str) -> None:
    code, out, err = await acra_express("check", POSTGRES_DSN=fresh_dsn)
    assert code == 0, out + err


@pytest.mark.parametrize("server_defaults", [HOSTILE], ids=["hostile defaults"], indirect=True)
async def test_the_service_works_under_hostile_defaults(fresh_dsn: str, tmp_path: Path) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        await standing.enqueue({"uens": standing.uens[:5]})
        service = await standing.start("run", "--until-idle")
        assert await service.ended() == 0, "\n".join(service.lines[-5:])
        kinds = await standing.outcomes()
        assert sorted(kinds) == standing.uens[:5]
        assert {kind for ended in kinds.values() for kind in ended} <= {"enriched", "no_website"}
        assert not any('"job.' in line and "interrupted" in line for line in service.lines)


async def test_migrate_works_under_hostile_defaults(postgres: EmbeddedPostgres, owner: Connection) -> None:
    await owner.execute("CREATE DATABASE hostile")
    try:
        await set_defaults(owner, "hostile", HOSTILE)
        dsn = postgres.dsn("hostile")
        code, out, err = await acra_express("migrate", "--bootstrap-platform", POSTGRES_DSN=dsn)
        assert code == 0, out + err
        code, out, err = await acra_express("check", POSTGRES_DSN=dsn)
        assert code == 0, out + err
    finally:
        await owner.execute("DROP DATABASE hostile WITH (FORCE)")


@pytest.mark.parametrize(
    ("server_defaults", "mode", "said"),
    [
        ({}, "session", "not as the tenant role"),
        ({"role": ROLE, "synchronous_commit": "off"}, "session", "synchronous_commit is off"),
        ({}, "transaction", ""),
    ],
    indirect=["server_defaults"],
)
async def test_a_pooler_that_drops_settings_is_named(
    fresh_dsn: str, tmp_path: Path, request: pytest.FixtureRequest, mode: str, said: str
) -> None:
    """`ignore_startup_parameters` is what people write when PgBouncer refuses a client's settings."""
    pgbouncer = require_tool(request.config, *NAMES)
    dropped = ",".join((*SESSION_SETTINGS, "role", "request.tenant_id"))
    extra = f"ignore_startup_parameters = {dropped}\npool_mode = {mode}"
    async with pooled(pgbouncer, fresh_dsn, tmp_path, extra=extra) as dsn:
        for command in ("check", "run"):
            code, out, err = await acra_express(command, POSTGRES_DSN=dsn)
            assert code == 78, out + err
            assert said in out + err
            assert "ACRA_EXPRESS_LISTEN_DSN" in out + err
            assert "Traceback" not in out + err
            assert len(err.splitlines()) <= 1


async def test_a_granted_charge_survives_a_crash_of_the_server() -> None:
    """With the database's own `synchronous_commit = off` the charges of the last moments would be gone."""
    with EmbeddedPostgres() as server:
        owner = await connect(server.dsn(), {})
        await bootstrap_platform(owner)
        await migrate(owner, ROLE)
        await set_defaults(owner, "postgres", HOSTILE)
        await owner.close()
        database = Database(server.dsn(), role=ROLE, tenant_id=1, size=1)
        await database.open()
        ledger = BudgetLedger(database)
        for _ in range(3):
            assert isinstance(await ledger.charge([Ask(VERIFICATIONS, 1)], JobLimits()), Charge)
        server.restart(how=signal.SIGQUIT)
        with pytest.raises(DatabaseAway):
            await ledger.usage([VERIFICATIONS])  # on the session that the crash ended
        [use] = await ledger.usage([VERIFICATIONS])
        assert use.used == 3
        await database.close()
