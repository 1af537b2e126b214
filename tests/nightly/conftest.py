"""Fixtures: a filled database and a well-behaved guest to run beside the nightly."""

from __future__ import annotations

import pytest_asyncio

from acra_express_async.db.session.pool import Connection, Database

from .guest import Guest
from .worlds import CODES, furnish


@pytest_asyncio.fixture
async def furnished(owner: Connection) -> Connection:
    """Sixty live companies of three trades, six of which are already in `companies`."""
    await furnish(owner, 60)
    return owner


@pytest_asyncio.fixture
async def guest(furnished: Connection, database: Database) -> Guest:
    return await Guest.made(database, CODES)
