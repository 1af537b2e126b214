"""Fixtures shared by all tests: one embedded PostgreSQL per session (and xdist worker), a fresh database per test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from database_clock import Clock
from hypothesis import settings
from server_defaults import set_defaults

from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"

# Hypothesis fails an example that takes 200 ms by the wall clock, which a busy machine decides.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run also what takes minutes")
    parser.addoption("--require-tools", action="store_true", help="a missing outside tool is a failure, not a skip")
    parser.addoption("--console-pictures", type=Path, help="folder that keeps the pictures of the console")
    parser.addoption("--postgres-bin", type=Path, help="folder of another PostgreSQL server's initdb and postgres")


def pytest_configure(config: pytest.Config) -> None:
    EmbeddedPostgres.binaries = config.getoption("--postgres-bin")
    # Otherwise pytest-asyncio creates a loop before its first asynchronous test and never closes it (an error here).
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow tier: bin/test --slow"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A real server for the whole session; `postgres.dsn(name)` connects to one of its databases as superuser."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the platform's tables and all our migrations; it is cloned for each test."""

    async def build() -> None:
        connection = await connect(postgres.dsn("template_express"), {})
        try:
            await bootstrap_platform(connection)
            # PostgreSQL 14 grants it to everybody, later versions do not; `check` warns of it
            await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            await migrate(connection, ROLE)
        finally:
            await connection.close()

    # In a thread, because asyncio.run would replace the loop of pytest-asyncio's runner.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, _execute(postgres.dsn(), "CREATE DATABASE template_express")).result()
        aside.submit(asyncio.run, build()).result()
    return "template_express"


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def cloned_database(postgres: EmbeddedPostgres, template: str = "template1") -> AsyncIterator[str]:
    """The DSN (superuser) of a clone of `template`, or of an empty database; it exists within the context."""
    name = f"t_{secrets.token_hex(6)}"
    await _execute(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield postgres.dsn(name)
    finally:
        await _execute(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def server_defaults(request: pytest.FixtureRequest) -> dict[str, str]:
    """What `ALTER DATABASE ... SET` gives to every session of the test's database; see server_defaults.py."""
    return dict(getattr(request, "param", {}))


@pytest_asyncio.fixture
async def fresh_dsn(
    postgres: EmbeddedPostgres, template_database: str, server_defaults: dict[str, str]
) -> AsyncIterator[str]:
    """The DSN (superuser) of a migrated database that only this test uses."""
    async with cloned_database(postgres, template_database) as dsn:
        if server_defaults:
            admin = await connect(postgres.dsn(), {})
            await set_defaults(admin, urlsplit(dsn).path.lstrip("/"), server_defaults)
            await admin.close()
        yield dsn


@pytest_asyncio.fixture
async def owner(fresh_dsn: str) -> AsyncIterator[Connection]:
    """A connection as the owner of the platform's tables, to prepare rows and check results."""
    connection = await connect(fresh_dsn, OWNER_SETTINGS)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def tenant_sessions(dsn: str, owner: Connection, *, size: int, **more: Any) -> AsyncIterator[Database]:
    """A pool as the service opens it, under the tenant role; `more` goes to `Database`."""
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    database = Database(dsn, role=ROLE, tenant_id=tenant, size=size, **more)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def database(fresh_dsn: str, owner: Connection) -> AsyncIterator[Database]:
    """Sessions under the tenant role, as the service opens them."""
    async with tenant_sessions(fresh_dsn, owner, size=4) as database:
        yield database


@pytest_asyncio.fixture
async def clock(owner: Connection) -> Clock:
    """The database's clock, which stands still until the test advances it."""
    clock = Clock(owner)
    await clock.install()
    return clock
