"""Fixtures for tests of records in the database."""

from __future__ import annotations

import pytest
import pytest_asyncio

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.schema.platform_shape import PlatformShape, probe
from acra_express_async.db.session.pool import Connection, Database

from .judging_rig import Desk


@pytest_asyncio.fixture
async def shape(owner: Connection) -> PlatformShape:
    """The complete platform, as the bootstrap creates it."""
    return await probe(owner)


@pytest_asyncio.fixture
async def hashes(owner: Connection) -> AddressHash:
    return await load_address_hash(owner)


@pytest.fixture
def desk(owner: Connection, database: Database, shape: PlatformShape, hashes: AddressHash) -> Desk:
    return Desk(owner, database, shape, hashes)
