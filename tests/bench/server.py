"""A durable server and databases for benchmarks."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"
DURABLE = {"fsync": "on", "full_page_writes": "on"}
"""A measured commit must be durable."""


@contextmanager
def durable_server() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(options=DURABLE) as server:
        yield server


async def new_database(server: EmbeddedPostgres, *, express: bool) -> str:
    """The DSN of an empty database, or of one with the platform's tables and our schema."""
    name = f"b_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(server.dsn())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    dsn = server.dsn(name)
    if express:
        owner = await connect(dsn, {})
        try:
            await bootstrap_platform(owner)
            await migrate(owner, ROLE)
        finally:
            await owner.close()
    return dsn


@asynccontextmanager
async def owned(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn, {"search_path": "public"})
    try:
        yield connection
    finally:
        await connection.close()
