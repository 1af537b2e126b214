"""Campaigns: what one enqueue asked for, counted over all its jobs.

A campaign's id is the job id of its first staging job. Every company of it is in exactly one state: it ended (an
outcome, or a listed UEN that never became a company) or it waits (in a live job, in the list, or in what is left of a
selection).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from acra_express_async.db.session.pool import Connection, Database, Row
from acra_express_async.errors import UnknownId
from acra_express_async.params import MAX_ID

ENDED = ("enriched", "no_website", "skipped", "failed", "cancelled")
"""States in which a company needs nothing more, in the order in which people read them."""


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign as it stands.

    Attributes:
        states: companies by state, those of `ENDED` and `waiting`; they add up to `total`.
        live_jobs: jobs that are queued or running.
        open_ended: more companies may follow than `waiting` says, because the selection was not counted.
        running: a worker is at work on it.
        next_at: when the first of its waiting jobs is due again, None while one is due or none waits. A job that says
            why it waits goes before one that only waits for its turn, because it holds that one back.
        waits_for: the sentence in the row of that job.
        wait_reason: the `WaitReason` of that job.
        own_cap: the campaign's own daily cap.
    """

    campaign_id: int
    name: str | None
    enqueued_at: datetime
    enqueued_by: str | None
    again_by: str | None
    cancelled_at: datetime | None
    cancelled_by: str | None
    states: Mapping[str, int]
    live_jobs: int = 0
    open_ended: bool = False
    running: bool = False
    next_at: datetime | None = None
    waits_for: str | None = None
    wait_reason: str | None = None
    own_cap: int | None = None

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        return self.total - self.states["waiting"]

    @property
    def is_over(self) -> bool:
        """Nothing of it can happen any more."""
        return not self.live_jobs

    @property
    def percent(self) -> float:
        """How much has ended, from 0 to 100; a campaign that is over and found nothing is complete."""
        if not self.total:
            return 100.0 if self.is_over else 0.0
        return 100.0 * self.ended / self.total


@dataclass(slots=True)
class _Live:
    jobs: int = 0
    waiting: int = 0
    left: int | None = 0
    running: bool = False
    due: bool = False
    next_at: datetime | None = None
    waits_for: str | None = None
    wait_reason: str | None = None
    own_cap: int | None = None
    rows: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CampaignCompany:
    """How one company of a campaign ended; a listed UEN that never became a company has no `ended_at`."""

    uen: str
    kind: str
    reason: str
    ended_at: datetime | None
    job_id: int | None


class Campaigns:
    """Reads and acts under the tenant role; every method raises NotNow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure(self, campaign_id: int, enqueued_at: datetime) -> None:
        """Make the row of a campaign that was written into background_jobs by hand."""
        async with self._database.session() as connection:
            await record_campaign(connection, campaign_id, enqueued_at)

    async def newest(self, limit: int) -> list[CampaignState]:
        """The campaigns that were enqueued last, the newest first."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                """
                SELECT campaign_id FROM acra_express.campaigns ORDER BY enqueued_at DESC, campaign_id DESC LIMIT $1
                """,
                limit,
            )
            return await campaign_states(connection, [row["campaign_id"] for row in rows])

    async def some(self, ids: Sequence[int]) -> list[CampaignState]:
        """The campaigns of these ids that exist."""
        async with self._database.transaction() as connection:
            return await campaign_states(connection, ids)

    async def names(self, ids: Sequence[int]) -> dict[int, str | None]:
        """The names of these campaigns."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                "SELECT campaign_id, name FROM acra_express.campaigns WHERE campaign_id = ANY ($1::bigint[])", list(ids)
            )
        return {row["campaign_id"]: row["name"] for row in rows}

    async def one(self, campaign_id: int) -> CampaignState:
        """One campaign.

        Raises:
            UnknownId: there is none with this id; where a job of another campaign has it, the sentence says which.
        """
        async with self._database.transaction() as connection:
            return await known_campaign(connection, campaign_id)

    async def exists(self, campaign_id: int) -> bool:
        """Whether this is the id of a campaign."""
        if not 1 <= campaign_id <= MAX_ID:
            return False
        async with self._database.session() as connection:
            return bool(
                await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM acra_express.campaigns WHERE campaign_id = $1)", campaign_id
                )
            )

    async def companies(self, campaign_id: int, limit: int) -> list[CampaignCompany]:
        """How its companies ended, each counted once as in its state: failed ones first, then the newest, at last the
        listed UENs that never became a company (without `ended_at`); at most `limit`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(_COMPANIES, campaign_id, limit)
        return [CampaignCompany(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person said with an enqueue: a name, who they are, how many companies the forecast promised, and who asked
    for companies within RECHECK_DAYS too."""

    name: str | None = None
    by: str | None = None
    expected: int | None = None
    again_by: str | None = None


async def record_campaign(
    connection: Connection, campaign_id: int, enqueued_at: datetime, asked: Asked | None = None
) -> None:
    """Make the campaign's row; one that is there keeps what it says.

    Unless it is older by more than a minute: then it belongs to an earlier life of the database, whose job ids came
    again.
    """
    asked = asked or Asked()
    await connection.execute(
        """
        INSERT INTO acra_express.campaigns AS c (campaign_id, name, enqueued_at, enqueued_by, expected, again_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (campaign_id) DO UPDATE SET
            name = excluded.name, enqueued_at = excluded.enqueued_at, enqueued_by = excluded.enqueued_by,
            expected = excluded.expected, again_by = excluded.again_by, cancelled_at = NULL, cancelled_by = NULL,
            unstaged_cancelled = 0, pruned_skipped = 0, pruned_cancelled = 0
        WHERE c.enqueued_at < excluded.enqueued_at - interval '1 minute'
        """,
        campaign_id,
        asked.name,
        enqueued_at,
        asked.by,
        asked.expected,
        asked.again_by,
    )


async def known_campaign(connection: Connection, campaign_id: int) -> CampaignState:
    """The campaign of this id.

    Raises:
        UnknownId: there is none; the sentence says what the id is instead.
    """
    found = await campaign_states(connection, [_possible(campaign_id)])
    if not found:
        raise UnknownId(await _unknown(connection, campaign_id))
    return found[0]


async def live_jobs(connection: Connection, campaign_id: int) -> set[int]:
    """Ids of the campaign's jobs that are queued or running."""
    return {row["job_id"] for row in await connection.fetch(_LIVE, [campaign_id])}


def _possible(campaign_id: int) -> int:
    if not 1 <= campaign_id <= MAX_ID:
        raise UnknownId(f"there is no campaign {campaign_id}")
    return campaign_id


async def _unknown(connection: Connection, campaign_id: int) -> str:
    """Why there is no such campaign, and which one was probably meant."""
    row = await connection.fetchrow(
        """
        SELECT coalesce(acra_express.campaign_of(j.job_id), acra_express.whole_number(j.params -> 'campaign_id'),
                        acra_express.campaign_of(acra_express.whole_number(j.params -> 'staging_job_id')))
               AS campaign_id
        FROM acra_express.express_jobs j WHERE j.job_id = $1 AND pg_column_size(j.params) < 100000
        """,
        campaign_id,
    )
    other = None if row is None else row["campaign_id"]
    if other is not None and other != campaign_id:
        return f"{campaign_id} is a job of campaign {other}, not a campaign"
    if row is not None:
        return (
            f"job {campaign_id} is not a campaign, or waits for its first claim; see `jobs show {campaign_id} --batch`"
        )
    return f"there is no campaign {campaign_id}"


async def campaign_states(connection: Connection, ids: Sequence[int]) -> list[CampaignState]:
    """The campaigns of these ids that exist, in the order of `ids`."""
    rows = {row["campaign_id"]: row for row in await connection.fetch(_CAMPAIGNS, list(ids))}
    ended: dict[int, dict[str, int]] = {}
    for row in await connection.fetch(_ENDED, list(ids)):
        counts = ended.setdefault(row["campaign_id"], dict.fromkeys(ENDED, 0))
        counts[row["kind"]] += row["companies"]
    live: dict[int, _Live] = {}
    for row in await connection.fetch(_LIVE, list(ids)):
        _add(live.setdefault(row["campaign_id"], _Live()), row)
    return [_state(rows[each], ended.get(each), live.get(each, _Live())) for each in ids if each in rows]


def _add(live: _Live, row: Row) -> None:
    live.jobs += 1
    live.own_cap = row["own_cap"]
    live.running = live.running or row["status"] == "running"
    if row["status"] == "queued" and row["due_in_future"]:
        shown, this = live.wait_reason is not None, row["wait_reason"] is not None
        if live.next_at is None or (this, live.next_at) > (shown, row["due_at"]):
            live.next_at, live.waits_for, live.wait_reason = row["due_at"], row["error"], row["wait_reason"]
    elif row["status"] == "queued":
        live.due = True
    if not row["staging"]:
        live.waiting += max(0, row["companies"] - row["ended"])
    elif row["selects"]:
        live.left = None if row["most"] is None or live.left is None else live.left + max(0, row["most"])


def _state(row: Row, ended: dict[str, int] | None, live: _Live) -> CampaignState:
    counts = dict.fromkeys(ENDED, 0) | (ended or {})
    counts["cancelled"] += row["unstaged_cancelled"]
    waiting = live.waiting + row["listed_waiting"]
    unseen = 0
    if row["expected"] is not None and live.left != 0:
        unseen = max(0, row["expected"] - sum(counts.values()) - waiting)
    left = unseen if live.left is None else min(live.left, unseen) if row["expected"] is not None else live.left
    waits = not live.running and not live.due
    return CampaignState(
        campaign_id=row["campaign_id"],
        name=row["name"],
        enqueued_at=row["enqueued_at"],
        enqueued_by=row["enqueued_by"],
        again_by=row["again_by"],
        cancelled_at=row["cancelled_at"],
        cancelled_by=row["cancelled_by"],
        states={**counts, "waiting": waiting + left},
        live_jobs=live.jobs,
        open_ended=live.left is None and row["expected"] is None,
        running=live.running,
        next_at=live.next_at if waits else None,
        waits_for=live.waits_for if waits else None,
        wait_reason=live.wait_reason if waits else None,
        own_cap=live.own_cap,
    )


_CAMPAIGNS = """
    SELECT c.campaign_id, c.name, c.enqueued_at, c.enqueued_by, c.expected, c.again_by, c.cancelled_at, c.cancelled_by,
           c.unstaged_cancelled,
           (SELECT count(*) FROM acra_express.campaign_uens u
            WHERE u.campaign_id = c.campaign_id AND u.staging_job_id IS NULL AND u.kind IS NULL) AS listed_waiting
    FROM acra_express.campaigns c WHERE c.campaign_id = ANY ($1::bigint[])
"""

_COMPANIES = """
    SELECT each.uen, each.kind, each.reason, each.ended_at, each.job_id
    FROM (
        (SELECT DISTINCT ON (o.company_id) o.uen, o.kind, o.reason, o.ended_at, o.job_id
         FROM acra_express.outcomes o WHERE o.campaign_id = $1
         ORDER BY o.company_id, o.ended_at DESC, o.job_id DESC)
        UNION ALL
        SELECT u.uen, u.kind, u.reason, NULL, u.staging_job_id
        FROM acra_express.campaign_uens u WHERE u.campaign_id = $1 AND u.kind IS NOT NULL) each
    ORDER BY each.kind <> 'failed', each.ended_at DESC NULLS LAST, each.uen LIMIT $2
"""

# A company that two jobs of one campaign met counts once, by its newest outcome.
_ENDED = """
    SELECT e.campaign_id, e.kind, count(*) AS companies
    FROM (SELECT DISTINCT ON (o.campaign_id, o.company_id) o.campaign_id, o.kind
          FROM acra_express.outcomes o WHERE o.campaign_id = ANY ($1::bigint[])
          ORDER BY o.campaign_id, o.company_id, o.ended_at DESC, o.job_id DESC) e
    GROUP BY e.campaign_id, e.kind
    UNION ALL
    SELECT u.campaign_id, u.kind, count(*) FROM acra_express.campaign_uens u
    WHERE u.campaign_id = ANY ($1::bigint[]) AND u.kind IS NOT NULL GROUP BY u.campaign_id, u.kind
    UNION ALL
    SELECT c.campaign_id, p.kind, p.companies FROM acra_express.campaigns c
    CROSS JOIN LATERAL (VALUES ('skipped', c.pruned_skipped), ('cancelled', c.pruned_cancelled)) AS p(kind, companies)
    WHERE c.campaign_id = ANY ($1::bigint[]) AND p.companies > 0
"""

# A campaign's live jobs are its first job, jobs that were claimed (their leases name the campaign) and jobs that its
# staging jobs inserted; so a long queue of other campaigns is not read.
_LIVE = """
    SELECT j.campaign_id, j.job_id, j.staging, j.status, j.error, j.most, j.selects, j.companies,
           nullif(l.due_at, 'infinity') AS due_at, l.wait_reason, j.own_cap,
           coalesce(l.due_at > (SELECT acra_express.clock()) AND l.due_at < 'infinity', false) AS due_in_future,
           (SELECT count(*) FROM acra_express.outcomes o WHERE o.job_id = j.job_id) AS ended
    FROM (
        SELECT b.job_id, b.job_type = 'acra_express_staging_upsert' AS staging, b.status, left(b.error, 500) AS error,
               CASE WHEN b.job_type = 'acra_express_staging_upsert'
                    THEN coalesce(acra_express.whole_number(p.params #> '{campaign,id}'), b.job_id)
                    ELSE coalesce(acra_express.whole_number(p.params -> 'campaign_id'),
                                  acra_express.campaign_of(acra_express.whole_number(p.params -> 'staging_job_id')))
               END AS campaign_id,
               acra_express.whole_number(CASE WHEN jsonb_typeof(p.params -> 'campaign') = 'object'
                   THEN p.params #> '{campaign,left}' ELSE p.params -> 'limit' END) AS most,
               acra_express.length_of(p.params -> 'terms')
                   + acra_express.length_of(p.params -> 'ssic_codes') > 0 AS selects,
               acra_express.length_of(p.params -> 'company_ids') AS companies,
               acra_express.whole_number(p.params #> '{throttle,daily_cap}') AS own_cap
        FROM acra_express.express_jobs b
        CROSS JOIN LATERAL (SELECT CASE WHEN pg_column_size(b.params) <= 1048576 THEN b.params END AS params) p
        WHERE b.status IN ('queued', 'running') AND b.job_id IN (
            SELECT unnest($1::bigint[])
            UNION
            SELECT w.job_id FROM acra_express.leases w
            WHERE w.campaign_id = ANY ($1::bigint[]) AND w.due_at < 'infinity'
            UNION
            SELECT inserted.id FROM acra_express.staged s
            CROSS JOIN LATERAL (VALUES (s.enrichment_job_id), (s.continuation_id)) AS inserted(id)
            WHERE s.campaign_id = ANY ($1::bigint[]) AND inserted.id IS NOT NULL)) j
    LEFT JOIN acra_express.leases l ON l.job_id = j.job_id
    WHERE j.campaign_id = ANY ($1::bigint[])
"""
