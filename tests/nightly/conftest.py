"""A furnished database, a well-behaved guest and the nightly beside it."""

from __future__ import annotations

import pytest_asyncio

from acra_express_async.db.session.pool import Connection, Database

from .guest import Guest
from .worlds import CODES, furnish


@pytest_asyncio.fixture
async def furnished(owner: Connection) -> Connection:
    """Sixty live companies of three trades; six of them stand in `companies`."""
    await furnish(owner, 60)
    return owner


@pytest_asyncio.fixture
async def guest(furnished: Connection, database: Database) -> Guest:
    return await Guest.made(database, CODES)
