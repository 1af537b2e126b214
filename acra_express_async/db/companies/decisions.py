"""The last decision about one company: our stored outcome with its evidence, as it was committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acra_express_async.db.records.judgement_rows import JudgementLine, judgement_lines
from acra_express_async.db.session.pool import Connection, Database

MOST_JUDGEMENTS = 50
"""Standing judgements on one company that are told, the newest ones."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How the work on a company ended; `detail` is empty when it was forgotten on request.

    `overruled`: a standing judgement of a person contradicts it.
    """

    job_id: int
    kind: str
    reason: str
    ended_at: datetime
    detail: dict[str, Any]
    overruled: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A company and what was decided about it.

    `decision` is the newest one that says something about the company (`enriched`, `no_website`), or else the newest of
    all; `since` is a newer one that says nothing about it (skipped, failed). `opted_out` is when the company opted out.
    `judgements` are those of people that stand, the newest first.
    """

    uen: str
    name: str | None
    decision: Decision | None
    since: Decision | None
    opted_out: datetime | None
    judgements: tuple[JudgementLine, ...] = ()


async def explain(database: Database, uen: str, at: datetime | None = None) -> Explanation | None:
    """The last decision about the company; None when neither the registry, the platform nor express knows the UEN.

    Args:
        at: the decision and the judgements that stood at this moment; None for now. Every decision is kept until the
            company is forgotten.
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
        judgements = await judgement_lines(connection, uen=uen, limit=MOST_JUDGEMENTS, at=at)
    if name is None and newest is None and opted_out is None:
        return None
    decision = telling or newest
    return Explanation(uen, name, decision, newest if newest != decision else None, opted_out, tuple(judgements))


async def _newest(connection: Connection, uen: str, kinds: list[str], at: datetime | None) -> Decision | None:
    row = await connection.fetchrow(
        """
        SELECT job_id, kind, reason, ended_at, coalesce(detail, '{}') AS detail,
               $3::timestamptz IS NULL AND acra_express.is_overruled(uen, kind, reason, detail) AS overruled
        FROM acra_express.outcomes
        WHERE uen = $1 AND kind = ANY ($2::text[]) AND ended_at <= coalesce($3::timestamptz, 'infinity')
        ORDER BY ended_at DESC, job_id DESC LIMIT 1
        """,
        uen,
        kinds,
        at,
    )
    return None if row is None else Decision(**row)
