"""Rows that a restore may leave out, and databases whose encoding cannot hold what websites write."""

from __future__ import annotations

import pytest
from conftest import ROLE
from process import acra_express

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.companies.optouts import record_opt_out
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform, costs, missing_required, probe
from acra_express_async.db.schema.seeds import missing_seeds, require_seeds
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.errors import SchemaError
from acra_express_async.sandbox.postgres import EmbeddedPostgres

TABLES = ("control", "registry_state", "hash_key", "budget_locks", "breakers")


@pytest.mark.parametrize("table", TABLES)
async def test_a_missing_seed_is_named_and_put_back(
    database: Database, owner: Connection, fresh_dsn: str, table: str
) -> None:
    before = await owner.fetch(f"SELECT to_jsonb(t) - 'key' FROM acra_express.{table} AS t ORDER BY 1")
    await owner.execute(f"DELETE FROM acra_express.{table}")
    async with database.session() as connection:
        assert await missing_seeds(connection) == [f"acra_express.{table}"]
    for command in ("check", "run"):
        code, out, err = await acra_express(command, POSTGRES_DSN=fresh_dsn)
        assert code == 78
        assert f"are missing in acra_express.{table}" in out + err
        assert "run `acra-express migrate`" in out + err
        assert "Traceback" not in out + err
    await migrate(owner, ROLE)
    assert await owner.fetch(f"SELECT to_jsonb(t) - 'key' FROM acra_express.{table} AS t ORDER BY 1") == before
    async with database.session() as connection:
        await require_seeds(connection)


async def test_one_missing_provider_is_put_back_beside_the_others(owner: Connection) -> None:
    await owner.execute("DELETE FROM acra_express.breakers WHERE provider = 'jina'")
    await owner.execute("UPDATE acra_express.breakers SET level = 2")
    await migrate(owner, ROLE)
    levels = await owner.fetch("SELECT level FROM acra_express.breakers ORDER BY provider")
    assert [row["level"] for row in levels] == [2, 0, 2]


async def test_a_hash_key_that_is_in_use_is_never_made_anew(
    owner: Connection, database: Database, hashes: AddressHash
) -> None:
    """Opt-outs by address would be lost, because only the backup has the key."""
    await record_opt_out(owner, "address", "mei@rose.sg", hashes)
    await owner.execute("CREATE TABLE backup AS TABLE acra_express.hash_key; DELETE FROM acra_express.hash_key")
    async with database.session() as connection:
        with pytest.raises(SchemaError, match="restore that table from the backup"):
            await require_seeds(connection)
    with pytest.raises(SchemaError, match="restore that table from the backup"):
        await migrate(owner, ROLE)
    await owner.execute("INSERT INTO acra_express.hash_key TABLE backup")
    await migrate(owner, ROLE)
    assert (await load_address_hash(owner)).key == hashes.key


@pytest.mark.parametrize(("encoding", "refused"), [("LATIN1", True), ("SQL_ASCII", False)])
async def test_an_encoding_other_than_utf8_is_named(
    postgres: EmbeddedPostgres, owner: Connection, encoding: str, refused: bool
) -> None:
    name = f"in_{encoding.lower()}"
    await owner.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        dsn = postgres.dsn(name)
        connection = await connect(dsn, {})
        await bootstrap_platform(connection)
        await migrate(connection, ROLE)
        shape = await probe(connection)
        await connection.close()
        said = f"the database's encoding is {encoding}"
        assert any(said in line for line in missing_required(shape)) is refused
        assert any(said in line for line in costs(shape)) is not refused
        code, out, err = await acra_express("check", POSTGRES_DSN=dsn)
        assert code == (78 if refused else 0), out + err
        assert said in out
    finally:
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
