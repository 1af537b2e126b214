"""The rows that our migrations insert and the service depends on; a restore of the tables without data loses them.

`check` names what is missing, and `migrate` puts it back. The hash key cannot be replaced: with another key no opt-out
by mail address would be recognised any more.
"""

from __future__ import annotations

from typing import Final

from acra_express_async.db.session.connection import Connection
from acra_express_async.errors import SchemaError
from acra_express_async.limits.budget_table import BUDGETED

HASH_KEY: Final = "acra_express.hash_key"


async def missing_seeds(connection: Connection) -> list[str]:
    """The tables that lack rows, for example ``acra_express.control``; [] if none does."""
    rows = await connection.fetch(
        """
        SELECT 'acra_express.control' AS name WHERE NOT EXISTS (SELECT FROM acra_express.control)
        UNION ALL
        SELECT 'acra_express.registry_state' WHERE NOT EXISTS (SELECT FROM acra_express.registry_state)
        UNION ALL
        SELECT 'acra_express.hash_key' WHERE NOT EXISTS (SELECT FROM acra_express.hash_key)
        UNION ALL
        SELECT 'acra_express.budget_locks' WHERE EXISTS (
            SELECT FROM unnest($1::text[]) AS p(provider)
            WHERE NOT EXISTS (SELECT FROM acra_express.budget_locks l WHERE l.provider = p.provider))
        UNION ALL
        SELECT 'acra_express.breakers' WHERE EXISTS (
            SELECT FROM unnest($1::text[]) AS p(provider)
            WHERE NOT EXISTS (SELECT FROM acra_express.breakers b WHERE b.provider = p.provider))
        """,
        [provider.value for provider in BUDGETED],
    )
    return [row["name"] for row in rows]


async def require_seeds(connection: Connection) -> None:
    """Refuse a database without these rows; `run` asks before it starts.

    Raises:
        SchemaError: rows are missing; the sentence names their tables and the command that puts them back.
    """
    missing = await missing_seeds(connection)
    if HASH_KEY in missing and await _hashes_stand(connection):
        raise SchemaError(_key_is_lost())
    if missing:
        raise SchemaError(
            f"rows that migrations insert are missing in {', '.join(missing)}, as after a restore without data; "
            "run `acra-express migrate`, which puts them back"
        )


async def put_seeds_back(connection: Connection) -> list[str]:
    """Insert what is missing; returns the names of the tables. Runs as the login account.

    Raises:
        SchemaError: the hash key is lost but hashes made with it remain; nothing was inserted.
    """
    async with connection.transaction():
        missing = await missing_seeds(connection)
        if HASH_KEY in missing and await _hashes_stand(connection):
            raise SchemaError(_key_is_lost())
        await connection.execute(
            """
            INSERT INTO acra_express.control DEFAULT VALUES ON CONFLICT DO NOTHING;
            INSERT INTO acra_express.registry_state DEFAULT VALUES ON CONFLICT DO NOTHING;
            INSERT INTO acra_express.hash_key (key)
            SELECT pg_catalog.sha256((pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text)::bytea)
            WHERE NOT EXISTS (SELECT FROM acra_express.hash_key);
            """
        )
        for provider in BUDGETED:
            await connection.execute(
                "INSERT INTO acra_express.budget_locks (provider) VALUES ($1) ON CONFLICT DO NOTHING", provider.value
            )
            await connection.execute(
                "INSERT INTO acra_express.breakers (provider) VALUES ($1) ON CONFLICT DO NOTHING", provider.value
            )
    return missing


async def _hashes_stand(connection: Connection) -> bool:
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM acra_express.verifications)
                OR EXISTS (SELECT FROM acra_express.opt_outs WHERE kind = 'address')
            """
        )
    )


def _key_is_lost() -> str:
    return (
        f"{HASH_KEY} is empty, but acra_express.opt_outs and verifications hold addresses hashed with its key: "
        "restore that table from the backup. A new key would forget every opt-out by mail address"
    )
