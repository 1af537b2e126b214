"""What companies really cost: averages over stored outcomes, for `acra-express plan`."""

from __future__ import annotations

from datetime import timedelta

from acra_express_async.db.session.pool import Connection
from acra_express_async.limits.capacity import Costs

LOOK_BACK = timedelta(days=7)
LEAST_COMPANIES = 30
"""With fewer companies the average is less reliable than the documented figures."""


async def measured_costs(connection: Connection) -> Costs | None:
    """The average company of the last week, without its waits for turns and budgets; None while there are too few."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS companies,
               avg((detail->'usage'->>'searches')::float8) AS searches,
               avg((detail->'usage'->>'pages')::float8) AS pages,
               avg((detail->'usage'->>'tokens')::float8) AS tokens,
               avg((detail->'usage'->>'verifications')::float8) AS verifications,
               avg((SELECT sum(value::float8) FROM jsonb_each_text(detail->'stage_seconds'))
                   - coalesce((detail->>'waited_seconds')::float8, 0)) AS seconds
        FROM acra_express.outcomes
        WHERE ended_at > (SELECT acra_express.clock()) - $1::interval AND kind IN ('enriched', 'no_website')
          AND detail ? 'usage'
        """,
        LOOK_BACK,
    )
    if row is None or row["companies"] < LEAST_COMPANIES:
        return None
    return Costs(
        searches=row["searches"],
        pages=row["pages"],
        tokens=row["tokens"],
        verifications=row["verifications"],
        seconds=max(row["seconds"] or 0.0, 0.01),
        measured=row["companies"],
    )
