"""The part of `forget` that concerns judgements and samples."""

from __future__ import annotations

from collections.abc import Collection

from acra_express_async.db.companies.mentions import Mention
from acra_express_async.db.session.pool import Connection


async def forget_judged_company(connection: Connection, uen: str) -> dict[str, int]:
    """What people said about a company, its places in samples, and its name on the console's trail."""
    return {
        "acra_express.judgements": await _counted(
            connection, "DELETE FROM acra_express.judgements WHERE uen = $1 RETURNING 1", uen
        ),
        "acra_express.sample_members": await _counted(
            connection, "DELETE FROM acra_express.sample_members WHERE uen = $1 RETURNING 1", uen
        ),
        # who acted when stays on the trail, and no longer about whom
        "acra_express.console_actions": await _counted(
            connection, "UPDATE acra_express.console_actions SET uen = NULL WHERE uen = $1 RETURNING 1", uen
        ),
    }


async def forget_judged_domain(
    connection: Connection, domain: str, mention: Mention, digests: Collection[bytes], uens: Collection[str]
) -> dict[str, int]:
    """Judgements on a domain and on what was found there, samples of answers with it, and what notes say of it.

    Args:
        digests: hashes of the addresses that were found there.
        uens: the companies for which it was the answer; judgements on their phones go.
    """
    removed = await _counted(
        connection,
        """
        DELETE FROM acra_express.judgements
        WHERE value = $1 OR right(value, length($1) + 1) IN ('.' || $1, '@' || $1)
           OR address_hash = ANY ($2::bytea[])
           OR (field = 'phone' AND uen = ANY ($3::text[]))
        RETURNING 1
        """,
        domain,
        list(digests),
        list(uens),
    )
    members = await _counted(
        connection,
        """
        DELETE FROM acra_express.sample_members
        WHERE domain = $1 OR right(domain, length($1) + 1) = '.' || $1 RETURNING 1
        """,
        domain,
    )
    return {
        "acra_express.judgements": removed + await _notes(connection, mention),
        "acra_express.sample_members": members,
    }


async def forget_judged_address(connection: Connection, mention: Mention, digest: bytes) -> dict[str, int]:
    """Judgements on an address, and what notes say of it."""
    removed = await _counted(
        connection, "DELETE FROM acra_express.judgements WHERE address_hash = $1 RETURNING 1", digest
    )
    return {"acra_express.judgements": removed + await _notes(connection, mention)}


async def _notes(connection: Connection, mention: Mention) -> int:
    rows = await connection.fetch(
        "SELECT judgement_id, note FROM acra_express.judgements WHERE position($1 in lower(note)) > 0", mention.needle
    )
    found = [row for row in rows if mention.found_in(row["note"])]
    for row in found:
        await connection.execute(
            "UPDATE acra_express.judgements SET note = $2 WHERE judgement_id = $1",
            row["judgement_id"],
            mention.removed_from(row["note"]),
        )
    return len(found)


async def _counted(connection: Connection, statement: str, *values: object) -> int:
    return len(await connection.fetch(statement, *values))
