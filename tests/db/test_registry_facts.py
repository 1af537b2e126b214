"""What `status` and `check` say of the registry: its age, and what is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acra_express_async.db.registry.registry_facts import RegistryFacts, registry_facts
from acra_express_async.db.session.pool import Connection, Database


async def test_the_age_of_the_latest_load_is_read(owner: Connection, database: Database) -> None:
    async with database.session() as connection:
        empty = await registry_facts(connection)
    assert empty == RegistryFacts(None, None, companies=False, codes=False)
    assert ["acra-express load-registry" in empty.warnings[0], "acra-express load-ssic" in empty.warnings[1]] == [
        True,
        True,
    ]
    await owner.execute("INSERT INTO staging_acra_companies (uen) VALUES ('201912345K')")
    await owner.execute("INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('1', 'x', 's', 's')")
    await owner.execute("UPDATE acra_express.registry_state SET loaded_at = acra_express.clock() - interval '46 days'")
    async with database.session() as connection:
        old = await registry_facts(connection)
    assert old.age is not None
    assert old.age.days == 46
    assert old.warnings == [
        "the registry was loaded 46 days ago: load ACRA's current files with acra-express load-registry FILE…"
    ]


@pytest.mark.parametrize("age", [None, timedelta(days=45), timedelta(0)])
def test_a_registry_of_this_month_needs_nothing(age: timedelta | None) -> None:
    assert RegistryFacts(None, age).warnings == []
