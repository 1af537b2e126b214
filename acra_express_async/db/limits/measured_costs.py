"""What companies really cost: averages over stored outcomes, for the forecast and `acra-express plan`."""

from __future__ import annotations

from datetime import timedelta

from acra_express_async.db.session.pool import Connection
from acra_express_async.limits.capacity import Costs

LOOK_BACK = timedelta(days=7)
LEAST_COMPANIES = 30
"""With fewer companies the average is less reliable than the documented figures."""
MEMORY_COMPANIES = 100
"""Each company counts for 1 % less than the one that ended after it. Costs drift: a new database learns which domains
are directories, and reads 1.45 pages a company at first, 1.2 after two hundred companies and 1.0 after four hundred
(simulated days). An equal average of the week lags behind; one of fewer companies would be chance."""
MOST_COMPANIES = 5 * MEMORY_COMPANIES
"""All others together would count for less than 1 %."""
MOST_READ = 10 * MOST_COMPANIES
"""Newest outcomes that are looked through for these: two weeks at 300 a day, 5 ms. Without a bound, a week of outcomes
that do not count (skipped, failed, or stored without `usage`) would be read to its end: 0.3 s with 600,000 of them, for
each page and command that shows a forecast."""


async def measured_costs(connection: Connection) -> Costs | None:
    """The average company of the last week, the newest ones counting most, without its waits for turns and budgets.

    None while there are too few of them among the `MOST_READ` outcomes that ended last.
    """
    row = await connection.fetchrow(
        """
        SELECT count(*) AS companies,
               sum(weight * searches) / sum(weight) AS searches,
               sum(weight * pages) / sum(weight) AS pages,
               sum(weight * tokens) / sum(weight) AS tokens,
               sum(weight * verifications) / sum(weight) AS verifications,
               sum(weight * seconds) / sum(weight) FILTER (WHERE seconds IS NOT NULL) AS seconds
        FROM (
            SELECT exp((1 - row_number() OVER (ORDER BY o.ended_at DESC, o.company_id))::float8 / $2) AS weight,
                   coalesce((o.usage->>'searches')::float8, 0) AS searches,
                   coalesce((o.usage->>'pages')::float8, 0) AS pages,
                   coalesce((o.usage->>'tokens')::float8, 0) AS tokens,
                   coalesce((o.usage->>'verifications')::float8, 0) AS verifications,
                   (SELECT sum(value::float8) FROM jsonb_each_text(o.stage_seconds))
                       - coalesce(o.waited_seconds::float8, 0) AS seconds
            FROM (SELECT ended_at, company_id, detail->'usage' AS usage, detail->'stage_seconds' AS stage_seconds,
                         detail->>'waited_seconds' AS waited_seconds
                  FROM (SELECT ended_at, company_id, kind, detail FROM acra_express.outcomes
                        WHERE ended_at > (SELECT acra_express.clock()) - $1::interval
                        ORDER BY ended_at DESC, company_id LIMIT $4) newest
                  WHERE kind IN ('enriched', 'no_website') AND detail ? 'usage'
                  ORDER BY ended_at DESC, company_id LIMIT $3) o) each
        """,
        LOOK_BACK,
        float(MEMORY_COMPANIES),
        MOST_COMPANIES,
        MOST_READ,
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
