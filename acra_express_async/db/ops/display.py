"""What the status page shows of shared work: last companies, failures by reason, campaigns, when budgets free up.

Read-only, each query bounded and served by an index. No mail address and no number of a person ever leaves here, and
the names of those who trade alone are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Allowance
from acra_express_async.models import JobType
from acra_express_async.params import companies_named_in, moment_in

COMPANIES = 12
MOST_LIVE_JOBS = 500
"""Live jobs that are looked at for campaigns: a long backlog of single jobs must not make a snapshot slow."""
CAMPAIGNS = 10
REASONS_SINCE = timedelta(hours=24)

_TRADES_ALONE = re.compile(r"^[0-9]{8}[A-Z]$")
"""A UEN of a business: most of these are one person, and the name often is theirs."""


@dataclass(frozen=True, slots=True)
class CompanyLine:
    """How one company ended; `name` is None where it would be personal, `url` the page that proved the site."""

    uen: str
    name: str | None
    kind: str
    reason: str
    domain: str | None
    url: str | None
    ended_at: datetime
    seconds: float | None


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One enqueue of a person that is not over: companies that ended, wait in a job, and are still to be staged.

    `left` is None when no limit was asked for: the selection itself is the end.
    """

    campaign_id: int
    enqueued_at: datetime
    ended: int
    waiting: int
    left: int | None


@dataclass(frozen=True, slots=True)
class BudgetFrees:
    """Seconds until the first part of a rolling window frees, and until all of it has, if nothing more is spent."""

    provider: str
    budget: str
    first: float
    all: float


@dataclass(slots=True)
class _Tally:
    enqueued_at: datetime
    waiting: int = 0
    left: int | None = 0


class Display:
    """Read-only looks for people; raises DatabaseAway or LockBusy when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def companies(self, limit: int = COMPANIES) -> list[CompanyLine]:
        """The companies that ended last, the newest first."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT o.uen, c.name, o.kind, o.reason, o.ended_at, o.detail #>> '{site,domain}' AS domain,
                       coalesce(o.detail #>> '{site,evidence,0,url}', o.detail #>> '{site,url}') AS url,
                       extract(epoch FROM o.ended_at - o.staged_at)::float8 AS seconds
                FROM (SELECT uen, company_id, kind, reason, ended_at, staged_at, detail
                      FROM acra_express.outcomes ORDER BY ended_at DESC LIMIT $1) o
                LEFT JOIN public.companies c USING (company_id)
                ORDER BY o.ended_at DESC
                """,
                limit,
            )
        return [
            CompanyLine(
                uen=row["uen"] or "",
                name=None if _TRADES_ALONE.match(row["uen"] or "") else row["name"],
                kind=row["kind"],
                reason=row["reason"],
                domain=row["domain"],
                url=row["url"],
                ended_at=row["ended_at"],
                seconds=row["seconds"],
            )
            for row in rows
        ]

    async def failures(self) -> dict[str, int]:
        """Companies that failed within a day, by reason, the commonest first."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT reason, count(*) AS companies FROM acra_express.outcomes
                WHERE kind = 'failed' AND ended_at > (SELECT acra_express.clock()) - $1::interval
                GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 20
                """,
                REASONS_SINCE,
            )
        return {row["reason"]: row["companies"] for row in rows}

    async def campaigns(self) -> list[CampaignLine]:
        """Campaigns with live jobs, the oldest first."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT job_id, job_type, created_at, coalesce(processed, 0) AS processed, params
                FROM acra_express.express_jobs
                WHERE status IN ('queued', 'running') ORDER BY started_at NULLS FIRST, job_id LIMIT $1
                """,
                MOST_LIVE_JOBS,
            )
            tallies = _tallied(rows)
            return [
                CampaignLine(number, tally.enqueued_at, await _ended(connection, tally), tally.waiting, tally.left)
                for number, tally in sorted(tallies.items())[:CAMPAIGNS]
            ]

    async def frees(self, allowances: Iterable[Allowance]) -> list[BudgetFrees]:
        """For each budget that holds anything: when it frees."""
        wanted = list(allowances)
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT w.provider, w.budget,
                       extract(epoch FROM min(c.ages_from) + w.span - clock.now)::float8 AS first,
                       extract(epoch FROM max(c.ages_from) + w.span - clock.now)::float8 AS all
                FROM (SELECT acra_express.clock() AS now) clock
                CROSS JOIN unnest($1::text[], $2::text[], $3::interval[]) AS w(provider, budget, span)
                JOIN acra_express.budget_charges c
                  ON c.provider = w.provider AND c.budget = w.budget AND c.ages_from > clock.now - w.span
                GROUP BY w.provider, w.budget, w.span, clock.now
                """,
                [allowance.provider for allowance in wanted],
                [allowance.name for allowance in wanted],
                [allowance.counted_window for allowance in wanted],
            )
        return [BudgetFrees(**row) for row in rows]


async def _ended(connection: Connection, tally: _Tally) -> int:
    # a campaign is known in outcomes by its moment; nothing of it can have ended earlier
    return int(
        await connection.fetchval(
            """
            SELECT count(*) FROM acra_express.outcomes
            WHERE ended_at >= $1::timestamptz AND campaign_at = $1::timestamptz
            """,
            tally.enqueued_at,
        )
    )


def _tallied(rows: Iterable[Mapping[str, Any]]) -> dict[int, _Tally]:
    """Live jobs by campaign; params that make no sense are read as far as they do."""
    tallies: dict[int, _Tally] = {}
    for row in rows:
        params = row["params"] if isinstance(row["params"], dict) else {}
        if row["job_type"] == JobType.STAGING.value:
            campaign = params["campaign"] if isinstance(params.get("campaign"), dict) else {}
            number = _whole(campaign.get("id")) or row["job_id"]
            tally = tallies.setdefault(number, _Tally(moment_in(campaign, "enqueued_at") or row["created_at"]))
            left = _to_stage(params, campaign)
            tally.left = None if left is None or tally.left is None else tally.left + left
        else:
            number = _whole(params.get("campaign_id")) or _whole(params.get("staging_job_id")) or row["job_id"]
            enqueued_at = moment_in(params, "campaign_enqueued_at") or row["created_at"]
            tally = tallies.setdefault(number, _Tally(enqueued_at))
            tally.waiting += max(0, len(companies_named_in(params)) - row["processed"])
    return tallies


def _to_stage(params: Mapping[str, Any], campaign: Mapping[str, Any]) -> int | None:
    """Companies that a staging job and its continuations have still to stage; None: as many as match."""
    limit = _whole(campaign.get("left")) if campaign else _whole(params.get("limit"))
    if params.get("terms") or params.get("ssic_codes"):
        return limit
    uens = params.get("uens")
    listed = len(uens) if isinstance(uens, list) else 0
    return listed if limit is None else min(limit, listed)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
