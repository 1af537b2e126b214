"""The last decision about one company: our stored outcome with its evidence, as it was committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acra_express_async.db.session.pool import Connection, Database


@dataclass(frozen=True, slots=True)
class Decision:
    """How the work on a company ended; `detail` is empty when it was forgotten on request."""

    job_id: int
    kind: str
    reason: str
    ended_at: datetime
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A company and what was decided about it.

    `decision` is the newest one that says something about the company (`enriched`, `no_website`), or else the newest of
    all; `since` is a newer one that says nothing about it (skipped, failed). `opted_out` is when the company opted out.
    """

    uen: str
    name: str | None
    decision: Decision | None
    since: Decision | None
    opted_out: datetime | None


async def explain(database: Database, uen: str, at: datetime | None = None) -> Explanation | None:
    """The last decision about the company; None when neither the registry, the platform nor express knows the UEN.

    Args:
        at: the decision that stood at this moment; None for now. Every decision is kept until the company is forgotten.
    """
    async with database.transaction() as connection:
        name = await connection.fetchval(
            """
            SELECT coalesce((SELECT entity_name FROM public.staging_acra_companies WHERE uen = $1),
                            (SELECT name FROM public.companies WHERE uen = $1))
            """,
            uen,
        )
        telling = await _newest(connection, uen, ["enriched", "no_website"], at)
        newest = await _newest(connection, uen, ["enriched", "no_website", "skipped", "failed", "cancelled"], at)
        opted_out = await connection.fetchval(
            "SELECT recorded_at FROM acra_express.opt_outs WHERE kind = 'company' AND value = $1", uen
        )
    if name is None and newest is None and opted_out is None:
        return None
    decision = telling or newest
    return Explanation(uen, name, decision, newest if newest != decision else None, opted_out)


async def _newest(connection: Connection, uen: str, kinds: list[str], at: datetime | None) -> Decision | None:
    row = await connection.fetchrow(
        """
        SELECT job_id, kind, reason, ended_at, coalesce(detail, '{}') AS detail FROM acra_express.outcomes
        WHERE uen = $1 AND kind = ANY ($2::text[]) AND ended_at <= coalesce($3::timestamptz, 'infinity')
        ORDER BY ended_at DESC, job_id DESC LIMIT 1
        """,
        uen,
        kinds,
        at,
    )
    return None if row is None else Decision(**row)
