"""Fixtures for tests of the loops: a loaded registry, a story that stands in for the pipeline, the rig over both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from campaign_rig import Campaigns, Story, campaigns_on
from loaded_registry import with_titles

from acra_express_async.db.registry.registry_rows import load_registry
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.sandbox import registry_sample


@pytest.fixture
def story() -> Story:
    return Story()


@pytest_asyncio.fixture
async def registry(owner: Connection, tmp_path: Path) -> list[str]:
    """UENs of the live rows of a loaded sample (no sole proprietors), in order."""
    file = tmp_path / "registry.csv"
    registry_sample.write_csv(file, 300, 3)
    await load_registry(owner, file, rejects_path=tmp_path / "rejects.csv")
    return await with_titles(owner)


@pytest.fixture
def campaigns(database: Database, owner: Connection, story: Story) -> Callable[..., Awaitable[Campaigns]]:
    return partial(campaigns_on, database, story)
