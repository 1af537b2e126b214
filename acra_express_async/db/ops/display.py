"""What the status page shows of shared work: last companies, failures by reason, campaigns, when budgets free up.

Read-only; each query is bounded and uses an index. It returns no mail address and no phone number, and leaves out the
names of people who trade alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.records.freshness_rows import FreshnessCounts, latest_freshness
from acra_express_async.db.session.pool import Connection, Database, Row
from acra_express_async.limits import Allowance
from acra_express_async.models import JobType, WaitReason
from acra_express_async.params import MAX_BYTES, MAX_COMPANIES, moment_of

COMPANIES = 12
MOST_LIVE_JOBS = 500
"""Live jobs that are read for campaigns: a long backlog of single jobs must not make a snapshot slow."""
LONGEST_MOMENT = 40
"""Characters of a moment in ISO 8601, and some to spare."""
CAMPAIGNS = 10
REASONS_SINCE = timedelta(hours=24)

_TRADES_ALONE = re.compile(r"^[0-9]{8}[A-Z]$")
"""The UEN of a business: most of these are one person, and often the name is that person's."""


@dataclass(frozen=True, slots=True)
class CompanyLine:
    """How one company ended; `name` is None where it would be personal, `url` the page that proved the site.

    `judged`: this end is what a person said of the website. `overruled`: a person said otherwise; the site is then not
    shown. Judgements on other sites, and ends that say nothing about a website, count for neither.
    """

    uen: str
    name: str | None
    kind: str
    reason: str
    domain: str | None
    url: str | None
    ended_at: datetime
    seconds: float | None
    judged: bool = False
    overruled: bool = False


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign with live jobs: companies that have ended, wait in a job, and are still to be staged.

    `left` is None when no limit was asked for: the campaign then ends with its selection. `expected` is what the
    forecast counted at the enqueue, without companies that are not live or not known. `own_cap` is the campaign's own
    daily cap, as it stands in its jobs.
    """

    campaign_id: int
    enqueued_at: datetime
    ended: int
    waiting: int
    left: int | None
    expected: int | None = None
    own_cap: int | None = None

    @property
    def remaining(self) -> int | None:
        """Companies that are still to be looked at; None where nobody knows."""
        if self.expected is None:
            return None if self.left is None else self.waiting + self.left
        open_ = max(0, self.expected - self.ended)
        return open_ if self.left is None else min(open_, self.waiting + self.left)


@dataclass(frozen=True, slots=True)
class BudgetFrees:
    """Seconds until the first part of a rolling window becomes free, and until all of it is, without new charges."""

    provider: str
    budget: str
    first: float
    all: float


@dataclass(frozen=True, slots=True)
class BudgetWait:
    """A campaign that waits for an allowance which all campaigns share; `said` is why, as its job's row says."""

    provider: str
    campaign_id: int
    said: str
    until: datetime


@dataclass(slots=True)
class _Tally:
    enqueued_at: datetime
    waiting: int = 0
    left: int | None = 0
    own_cap: int | None = None


class Display:
    """Read-only queries for people; they raise NotNow when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def companies(self, limit: int = COMPANIES) -> list[CompanyLine]:
        """The companies that ended last, newest first."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT o.uen, c.name, o.kind, o.reason, o.ended_at, o.detail #>> '{site,domain}' AS domain,
                       coalesce(o.detail #>> '{site,evidence,0,url}', o.detail #>> '{site,url}') AS url,
                       extract(epoch FROM o.ended_at - o.staged_at)::float8 AS seconds,
                       acra_express.is_overruled(o.uen, o.kind, o.reason, o.detail) AS overruled,
                       EXISTS (
                           SELECT FROM acra_express.judgements j
                           WHERE j.uen = o.uen AND j.field = 'site' AND j.ended_at IS NULL
                             AND CASE WHEN o.kind = 'enriched'
                                      THEN j.judgement IN ('accept', 'set') AND j.value = o.detail #>> '{site,domain}'
                                      WHEN o.reason = 'judged' THEN j.judgement = 'none'
                                      WHEN o.reason = 'judged_site_unreadable' THEN j.judgement IN ('accept', 'set')
                                      ELSE false END) AS judged
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
                domain=None if row["overruled"] else row["domain"],
                url=None if row["overruled"] else row["url"],
                ended_at=row["ended_at"],
                seconds=row["seconds"],
                judged=row["judged"],
                overruled=row["overruled"],
            )
            for row in rows
        ]

    async def freshness(self) -> FreshnessCounts | None:
        """The latest count of the standing selection; see `freshness_rows.latest_freshness`."""
        async with self._database.session() as connection:
            return await latest_freshness(connection)

    async def failures(self) -> dict[str, int]:
        """Companies that failed within a day, by reason, the most common one first."""
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

    async def campaigns(self, limit: int = CAMPAIGNS) -> list[CampaignLine]:
        """Campaigns with live jobs, the oldest first, at most `limit`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT c.staging, c.campaign_id, c.created_at, c.asked_at, c.selects, c.most, c.own_cap,
                       greatest(least(c.companies, c.companies - c.processed::bigint), 0) AS waiting,
                       c.in_params + (SELECT count(*) FROM acra_express.campaign_uens u
                                      WHERE u.campaign_id = c.campaign_id AND u.staging_job_id IS NULL
                                        AND u.kind IS NULL) AS uens
                FROM (
                    SELECT j.job_type = $2 AS staging, j.created_at, coalesce(j.processed, 0) AS processed,
                           left(coalesce(p.params #>> '{campaign,enqueued_at}', p.params ->> 'campaign_enqueued_at'),
                                $4) AS asked_at,
                           coalesce(acra_express.whole_number(p.params #> '{campaign,id}'),
                                    acra_express.whole_number(p.params -> 'campaign_id'),
                                    acra_express.whole_number(p.params -> 'staging_job_id'), j.job_id) AS campaign_id,
                           acra_express.whole_number(CASE WHEN jsonb_typeof(p.params -> 'campaign') = 'object'
                               THEN p.params #> '{campaign,left}' ELSE p.params -> 'limit' END) AS most,
                           acra_express.length_of(p.params -> 'terms')
                               + acra_express.length_of(p.params -> 'ssic_codes') > 0 AS selects,
                           acra_express.whole_number(p.params #> '{throttle,daily_cap}') AS own_cap,
                           acra_express.length_of(p.params -> 'uens') AS in_params,
                           acra_express.length_of(p.params -> 'company_ids') AS companies
                    FROM acra_express.express_jobs j
                    CROSS JOIN LATERAL (
                        SELECT CASE WHEN pg_column_size(j.params) <= $3 THEN j.params END AS params) p
                    WHERE j.status IN ('queued', 'running') ORDER BY j.started_at NULLS FIRST, j.job_id LIMIT $1) c
                """,
                MOST_LIVE_JOBS,
                JobType.STAGING.value,
                MAX_BYTES,
                LONGEST_MOMENT,
            )
            tallies = _tallied(rows)
            shown = dict(sorted(tallies.items())[:limit])
            counted = await _ended(connection, shown)
        return [
            CampaignLine(
                campaign_id=number,
                enqueued_at=tally.enqueued_at,
                ended=counted[number][0],
                waiting=tally.waiting,
                left=tally.left,
                expected=counted[number][1],
                own_cap=tally.own_cap,
            )
            for number, tally in shown.items()
        ]

    async def budget_waits(self) -> list[BudgetWait]:
        """For each provider whose allowance is used up, the campaign that waits for it the longest."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT DISTINCT ON (w.waits_for) w.waits_for AS provider, w.campaign_id, w.due_at AS until,
                       (SELECT left(j.error, 300) FROM acra_express.express_jobs j
                        WHERE j.job_id = w.job_id AND j.status = 'queued') AS said
                FROM (SELECT l.waits_for, l.campaign_id, l.due_at, l.job_id FROM acra_express.leases l
                      WHERE l.waits_for IS NOT NULL AND l.claimed_at IS NOT NULL AND NOT l.held
                        AND l.due_at < 'infinity' AND l.due_at > (SELECT acra_express.clock())
                        AND l.wait_reason = $1 AND l.campaign_id IS NOT NULL LIMIT $2) w
                ORDER BY w.waits_for, w.due_at DESC
                """,
                WaitReason.BUDGET.value,
                MOST_LIVE_JOBS,
            )
        return [
            BudgetWait(
                provider=row["provider"],
                campaign_id=row["campaign_id"],
                said=row["said"].removeprefix("deferred: ").partition(";")[0],
                until=row["until"],
            )
            for row in rows
            if row["said"]
        ]

    async def frees(self, allowances: Iterable[Allowance]) -> list[BudgetFrees]:
        """For each budget that contains anything: when it becomes free."""
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


async def _ended(connection: Connection, tallies: Mapping[int, _Tally]) -> dict[int, tuple[int, int | None]]:
    """For each campaign, how many companies have ended, and how many were expected."""
    rows = await connection.fetch(
        """
        SELECT k.id, c.expected,
               (SELECT count(*) FROM acra_express.outcomes o WHERE o.campaign_id = k.id)
               -- rows of the time before campaigns were named in outcomes are known by the campaign's moment
               + (SELECT count(*) FROM acra_express.outcomes o
                  WHERE o.campaign_id IS NULL AND o.ended_at >= k.at AND o.campaign_at = k.at) AS ended
        FROM unnest($1::bigint[], $2::timestamptz[]) AS k(id, at)
        LEFT JOIN acra_express.campaigns c ON c.campaign_id = k.id
        """,
        list(tallies),
        [tally.enqueued_at for tally in tallies.values()],
    )
    return {row["id"]: (row["ended"], row["expected"]) for row in rows}


def _tallied(rows: Iterable[Row]) -> dict[int, _Tally]:
    """Live jobs by campaign; malformed params are read as far as possible."""
    tallies: dict[int, _Tally] = {}
    for row in rows:
        tally = tallies.setdefault(row["campaign_id"], _Tally(moment_of(row["asked_at"]) or row["created_at"]))
        if row["own_cap"] is not None and row["own_cap"] >= 0:
            tally.own_cap = row["own_cap"]
        if row["staging"]:
            left = _to_stage(row)
            tally.left = None if left is None or tally.left is None else tally.left + left
        else:
            tally.waiting += row["waiting"]
    return tallies


def _to_stage(row: Row) -> int | None:
    """Companies that a staging job and its continuations still have to stage; None means all that match."""
    most = None if row["most"] is None else min(max(0, row["most"]), MAX_COMPANIES)
    if row["selects"]:
        return most
    return int(row["uens"] if most is None else min(most, row["uens"]))
