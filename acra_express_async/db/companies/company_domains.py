"""Which company has a domain already: answered by indexes, so that a save never searches all companies.

The platform's index on `companies.website_domain` finds the usual spellings at once. Our own table `company_domains`
also finds a domain behind a path or in capitals, and subdomains, as of the last tick that read the company. A look-up
by a regular expression took 0.85 s at 100,000 domains, while the nightly's ALTER TABLE waited for the save.

A tick costs the same however many companies there are: it reads those that are new, goes on reading the others from
where the last tick stopped, and works out a domain only where the website has changed.
"""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection, Database

SLICE = 10_000
"""Companies per transaction of `update_domains`: some 20 ms, so that an insert of ours hardly ever meets its lock."""
MOST = 250_000
"""Companies that one tick reads: about half a second. A million are read once an hour at the default schedule."""
FIRST = -(2**63)


def spellings(domain: str) -> list[str]:
    """How a bare domain usually stands in `companies.website_domain`."""
    return [
        f"{scheme}{www}{domain}{slash}"
        for scheme in ("", "http://", "https://")
        for www in ("", "www.")
        for slash in ("", "/")
    ]


async def held_by_another(connection: Connection, company_id: int, domain: str) -> bool:
    """Whether another company has this domain or a subdomain of it; flat in the number of companies."""
    return bool(await connection.fetchval(_HELD, company_id, domain[::-1], spellings(domain)))


async def give_domain(connection: Connection, company_id: int, domain: str) -> None:
    """Set the domain of a company that has none, and record it without waiting for the next tick.

    Raises:
        asyncpg.UniqueViolationError: another company has it.
    """
    await connection.execute(
        """
        WITH given AS (
            UPDATE public.companies SET website_domain = $2, last_seen = acra_express.clock()
            WHERE company_id = $1 AND website_domain IS NULL RETURNING company_id)
        INSERT INTO acra_express.company_domains (company_id, backwards, website)
        SELECT g.company_id, d, $2 FROM given g CROSS JOIN acra_express.domain_backwards($2) AS d WHERE d IS NOT NULL
        ON CONFLICT (company_id) DO UPDATE SET backwards = excluded.backwards, website = excluded.website
        """,
        company_id,
        domain,
    )


async def forget_domains(connection: Connection, ids: list[int]) -> None:
    """Remove the domains of companies that have none any more."""
    await connection.execute(
        """
        DELETE FROM acra_express.company_domains d
        WHERE d.company_id = ANY ($1::bigint[]) AND NOT EXISTS (
            SELECT FROM public.companies c WHERE c.company_id = d.company_id AND c.website_domain IS NOT NULL)
        """,
        ids,
    )


async def update_domains(database: Database, size: int = SLICE, most: int = MOST) -> int:
    """Bring `company_domains` up to date with the platform's table, slice by slice; runs at ticks.

    New companies come first, then as many of the others as `most` leaves, from where the last tick stopped.

    Returns:
        How many companies were read: at most `most`, and one slice more.
    """
    async with database.session() as connection:
        row = await connection.fetchrow("SELECT newest, after_id FROM acra_express.domain_round")
    newest, after = (FIRST, FIRST) if row is None else (row["newest"], row["after_id"])
    read = 0
    while read < most:
        last, rows = await _slice(database, newest, size, newest=True)
        read += rows
        if last is None:
            break
        newest = last
    start, turned = after, False
    while read < most and not (turned and after >= start):
        last, rows = await _slice(database, after, size, newest=False)
        read += rows
        turned = turned or last is None
        after = FIRST if last is None else last
    return read


async def _slice(database: Database, after: int, size: int, *, newest: bool) -> tuple[int | None, int]:
    """Read up to `size` companies with IDs above `after`: the last one's ID, None at the end, and how many."""
    async with database.transaction() as connection:
        row = await connection.fetchrow(_UPDATE, after, size)
        assert row is not None
        last: int | None = row["last"]
        if newest and last is not None:
            await connection.execute(_NEWEST, last)
        elif not newest:
            await connection.execute(_AFTER, FIRST if last is None else last)
    return last, row["read"]


_HELD = """
    SELECT EXISTS (
        SELECT FROM public.companies c WHERE c.website_domain = ANY ($3::text[]) AND c.company_id <> $1::bigint
    ) OR EXISTS (
        SELECT FROM acra_express.company_domains d JOIN public.companies c ON c.company_id = d.company_id
        WHERE d.backwards >= $2 AND d.backwards < $2 || '/'
          AND (d.backwards = $2 OR d.backwards >= $2 || '.')
          AND d.company_id <> $1::bigint
          AND acra_express.domain_backwards(c.website_domain) = d.backwards)
"""
# The names that begin with "gs.moc.sutol" are that domain, its subdomains ("gs.moc.sutol.pohs") and, between the two in
# the order of bytes, domains such as "gs.moc.sutol-": one short range of the index. The row in companies has the last
# word: what was taken away since the last tick is free.

# `known` is bounded on both sides, so that a slice reads that many rows of either table and no more.
_UPDATE = """
    WITH slice AS MATERIALIZED (
        SELECT c.company_id, left(c.website_domain, 2000) AS website
        FROM public.companies c WHERE c.company_id > $1::bigint ORDER BY c.company_id LIMIT $2),
    ends AS MATERIALIZED (SELECT max(s.company_id) AS last, count(*) AS read FROM slice s),
    known AS MATERIALIZED (
        SELECT d.company_id, d.website FROM acra_express.company_domains d
        WHERE d.company_id > $1::bigint
          AND d.company_id <= (SELECT coalesce(e.last, 9223372036854775807) FROM ends e)),
    changed AS MATERIALIZED (
        SELECT coalesce(s.company_id, k.company_id) AS company_id, s.website,
               acra_express.domain_backwards(s.website) AS backwards
        FROM slice s FULL JOIN known k ON k.company_id = s.company_id
        WHERE s.website IS DISTINCT FROM k.website OR (s.website IS NULL AND k.company_id IS NOT NULL)),
    gone AS (
        DELETE FROM acra_express.company_domains d
        WHERE d.company_id = ANY (ARRAY(SELECT c.company_id FROM changed c WHERE c.backwards IS NULL))),
    put AS (
        INSERT INTO acra_express.company_domains (company_id, backwards, website)
        SELECT c.company_id, c.backwards, c.website FROM changed c WHERE c.backwards IS NOT NULL
        ON CONFLICT (company_id) DO UPDATE SET backwards = excluded.backwards, website = excluded.website)
    SELECT e.last, e.read FROM ends e
"""

_NEWEST = """
    INSERT INTO acra_express.domain_round (newest, after_id) VALUES ($1, $1)
    ON CONFLICT (only_row) DO UPDATE SET newest = greatest(domain_round.newest, excluded.newest)
"""

_AFTER = """
    INSERT INTO acra_express.domain_round (newest, after_id) VALUES ($1, $1)
    ON CONFLICT (only_row) DO UPDATE SET after_id = excluded.after_id
"""
