"""Finds companies by domain or by the beginning of a name, with the indexes that the platform has."""

from __future__ import annotations

from dataclasses import dataclass

from acra_express_async.db.companies.company_domains import spellings
from acra_express_async.db.session.pool import Database

MOST_FOUND = 50
NAMES_READ = 300
"""Names that are read from the index, from the first possible one on. The index has the database's collation, in which
names with other punctuation stand between those that begin alike."""


@dataclass(frozen=True, slots=True)
class FoundCompany:
    """A company that the platform has a row for."""

    uen: str
    name: str | None
    website: str | None


class CompanySearch:
    """Reads under the tenant role; every method raises DatabaseAway or LockBusy. Opted-out companies are not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def knows(self, uen: str) -> bool:
        """Whether the registry, the platform or an outcome of ours has this UEN."""
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    """
                    SELECT EXISTS (SELECT FROM public.staging_acra_companies WHERE uen = $1)
                        OR EXISTS (SELECT FROM public.companies WHERE uen = $1)
                        OR EXISTS (SELECT FROM acra_express.outcomes WHERE uen = $1)
                    """,
                    uen,
                )
            )

    async def by_domain(self, domain: str) -> list[FoundCompany]:
        """Companies with this website: as the platform spells it now, or as of the last tick that read the company."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT c.uen, c.name, c.website_domain AS website FROM (
                    SELECT w.company_id FROM public.companies w WHERE w.website_domain = ANY ($1::text[])
                    UNION
                    SELECT d.company_id FROM acra_express.company_domains d WHERE d.backwards = $2) found
                JOIN public.companies c ON c.company_id = found.company_id
                WHERE c.uen IS NOT NULL AND NOT EXISTS (
                    SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = c.uen)
                ORDER BY c.uen LIMIT $3
                """,
                spellings(domain),
                domain[::-1],
                MOST_FOUND,
            )
        return [FoundCompany(**row) for row in rows]

    async def by_name(self, beginning: str) -> list[FoundCompany]:
        """Companies whose name begins so, in any case, by name."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT n.uen, n.name, n.website FROM (
                    SELECT c.uen, c.name, c.website_domain AS website FROM public.companies c
                    WHERE lower(c.name) >= lower($1::text) ORDER BY lower(c.name) LIMIT $2) n
                WHERE starts_with(lower(n.name), lower($1::text)) AND n.uen IS NOT NULL AND NOT EXISTS (
                    SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = n.uen)
                ORDER BY lower(n.name), n.uen LIMIT $3
                """,
                beginning,
                NAMES_READ,
                MOST_FOUND,
            )
        return [FoundCompany(**row) for row in rows]
