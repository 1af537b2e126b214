"""Campaigns and providers in which everything fails, however small they are beside all other work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from acra_express_async.db.session.pool import Database

PART_HOURS = 2
"""A small campaign has few companies in half an hour, the window of the failure ratio."""
LEAST_COMPANIES = 5
"""One batch: fewer failures in a row happen in good campaigns too."""
LEAST_CALLS = 10


@dataclass(frozen=True, slots=True)
class FailingPart:
    """One campaign (`name` campaign_failing) or provider (provider_failing) whose companies or calls all failed."""

    name: str
    subject: str
    total: int
    reason: str

    @property
    def key(self) -> str:
        """Identifies it among the alerts."""
        return f"{self.name}:{self.subject}"


class FailingParts:
    """Reads under the tenant role; raises NotNow when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self) -> list[FailingPart]:
        """Those of the last `PART_HOURS`.

        A provider counts by the calls of companies that ended: one that is away has a breaker, and its jobs wait.
        """
        async with self._database.session() as connection:
            rows = await connection.fetch(_FAILING, timedelta(hours=PART_HOURS), LEAST_COMPANIES, LEAST_CALLS)
        return [FailingPart(**row) for row in rows]


_FAILING = """
    WITH recent AS MATERIALIZED (
        SELECT o.campaign_id, o.kind, o.reason, o.detail -> 'usage' AS usage
        FROM acra_express.outcomes o
        WHERE o.ended_at > (SELECT acra_express.clock()) - $1::interval
          AND o.kind IN ('enriched', 'no_website', 'failed')),
    calls AS (
        SELECT c.provider, c.calls, coalesce((r.usage -> 'failed' ->> c.provider)::bigint, 0) AS failed
        FROM recent r
        CROSS JOIN LATERAL (VALUES
            ('duckduckgo', (r.usage ->> 'searches')::bigint), ('jina', (r.usage ->> 'pages')::bigint)
        ) AS c(provider, calls)
        WHERE c.calls > 0)
    SELECT 'campaign_failing' AS name, r.campaign_id::text AS subject, count(*) AS total,
           mode() WITHIN GROUP (ORDER BY r.reason) AS reason
    FROM recent r WHERE r.campaign_id IS NOT NULL
    GROUP BY r.campaign_id HAVING count(*) >= $2 AND bool_and(r.kind = 'failed')
    UNION ALL
    SELECT 'provider_failing', c.provider, sum(c.calls)::bigint, 'see the log: provider.try_failed'
    FROM calls c GROUP BY c.provider HAVING sum(c.calls) >= $3 AND sum(c.failed) >= sum(c.calls)
    ORDER BY name, subject
"""
