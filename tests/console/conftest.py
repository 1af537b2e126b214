"""A console with a password, and companies to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from records.judging_rig import Desk

from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database

from .rooms import Scene, console_on


@pytest_asyncio.fixture
async def scene(owner: Connection, fresh_dsn: str) -> AsyncIterator[Scene]:
    async with console_on(owner, fresh_dsn) as scene:
        yield scene


@pytest_asyncio.fixture
async def desk(owner: Connection, database: Database) -> Desk:
    return Desk(owner, database, await probe(owner), await load_address_hash(owner))
