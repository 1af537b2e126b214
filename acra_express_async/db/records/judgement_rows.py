"""What people say about a company's website and contacts, as rows: what stands, what ends, what is listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from acra_express_async.db.session.pool import Connection

Field = Literal["site", "email", "phone"]


class Word(StrEnum):
    """What is said of a value; `SET` is only said of a website, `NONE` says that there is none."""

    ACCEPT = "accept"
    SET = "set"
    REJECT = "reject"
    NONE = "none"
    BOUNCED = "bounced"


LOOKED_AT = (Word.SET, Word.REJECT, Word.NONE)
"""Judgements on a website after which there is something new to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJudgement:
    """What a person says.

    Attributes:
        value: a registrable domain, an address in lower case, or a number in E.164; None for `none`, and for `accept`
            of a website: then the present one is meant.
        sample_id: the sample in which the company was drawn.
    """

    uen: str
    field: Field
    judgement: Word
    value: str | None
    by: str
    note: str | None = None
    sample_id: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did: the value that was judged, whether the same was said already, rows and cells withdrawn."""

    value: str | None
    unchanged: bool = False
    withdrawn: int = 0
    campaign_id: int | None = None


@dataclass(frozen=True, slots=True)
class JudgementLine:
    """A judgement as it is listed; `value` is None where only a hash of an address is kept, and for `none`.

    `subject` is what the judgement is about: the domain, the number, or the keyed hash (hex) of the address.
    """

    uen: str
    field: str
    value: str | None
    judgement: str
    judged_by: str
    judged_at: datetime
    note: str | None
    sample_id: int | None
    ended_at: datetime | None
    ended_by: str | None
    ended_how: str | None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedKey:
    """What a row says of its subject: `value` may be stored in clear text."""

    value: str | None
    address_hash: bytes | None


async def judgement_lines(
    connection: Connection,
    *,
    uen: str | None,
    sample_id: int | None = None,
    ended: bool = False,
    limit: int = 50,
    at: datetime | None = None,
) -> list[JudgementLine]:
    """See `Judgements.listed`; with `at` (and a UEN) those that stood at this moment."""
    rows = await connection.fetch(
        """
        SELECT d.uen, d.field, d.value, d.judgement, d.judged_by, d.judged_at, d.note, d.sample_id, d.ended_at,
               d.ended_by, d.ended_how, coalesce(encode(d.address_hash, 'hex'), d.value) AS subject
        FROM (
            SELECT j.judgement_id FROM acra_express.judgements j WHERE j.uen = $1
            UNION ALL
            SELECT j.judgement_id FROM acra_express.judgements j WHERE $1::text IS NULL AND j.sample_id = $2
            UNION ALL (
                SELECT j.judgement_id FROM acra_express.judgements j
                WHERE $1 IS NULL AND $2::bigint IS NULL AND ($3 OR j.ended_at IS NULL)
                ORDER BY j.judged_at DESC, j.judgement_id DESC LIMIT $4)) AS asked
        CROSS JOIN LATERAL (
            SELECT j.judgement_id, j.uen, j.field, j.value, j.address_hash, j.judgement, j.judged_by, j.judged_at,
                   j.note, j.sample_id, j.ended_at, j.ended_by, j.ended_how
            FROM acra_express.judgements j WHERE j.judgement_id = asked.judgement_id LIMIT 1) AS d
        WHERE ($2 IS NULL OR d.sample_id = $2)
          AND CASE WHEN $5::timestamptz IS NULL THEN $3 OR d.ended_at IS NULL
                   ELSE d.judged_at <= $5 AND coalesce(d.ended_at > $5, true) END
        ORDER BY d.judged_at DESC, d.judgement_id DESC LIMIT $4
        """,
        uen,
        sample_id,
        ended,
        limit,
        at,
    )
    return [JudgementLine(**row) for row in rows]


def contradicted(said: Iterable[JudgementLine], kind: str, reason: str, site: str | None) -> bool:
    """Whether one of these judgements contradicts an answer for `site`: what `acra_express.is_overruled` says now, for
    judgements of any time."""
    return kind in ("enriched", "no_website") and any(
        {
            "none": kind == "enriched",
            "reject": kind == "enriched" and site == line.value,
        }.get(line.judgement, site != line.value if kind == "enriched" else reason != "site_opted_out")
        for line in said
        if line.field == "site"
    )


async def current_answer(connection: Connection, uen: str) -> dict[str, Any] | None:
    """The detail of the newest answer about a company that no standing judgement overrules; None without one."""
    detail = await connection.fetchval(
        """
        SELECT a.detail FROM (
            SELECT o.detail, o.kind, o.ended_at, o.job_id,
                   acra_express.is_overruled(o.uen, o.kind, o.reason, o.detail) AS overruled
            FROM acra_express.outcomes o WHERE o.uen = $1 AND o.kind IN ('enriched', 'no_website')) a
        ORDER BY a.overruled, a.ended_at DESC, a.job_id DESC LIMIT 1
        """,
        uen,
    )
    return detail if isinstance(detail, dict) else None


async def stands(connection: Connection, said: NewJudgement, key: JudgedKey) -> bool:
    """Whether the same is said already; accepting a site that was set adds nothing."""
    same = ("set", "accept") if said.judgement == "accept" else (said.judgement,)
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM acra_express.judgements
                WHERE uen = $1 AND field = $2 AND ended_at IS NULL AND judgement = ANY ($3::text[])
                  AND value IS NOT DISTINCT FROM $4::text AND address_hash IS NOT DISTINCT FROM $5::bytea
                  AND ($6::bigint IS NULL OR sample_id IS NOT DISTINCT FROM $6))
            """,
            said.uen,
            said.field,
            list(same),
            key.value,
            key.address_hash,
            said.sample_id,
        )
    )


async def end_contradicted(connection: Connection, said: NewJudgement, key: JudgedKey) -> list[str]:
    """End what stands on the same subject, and where a site is answered, the other answer; the words that ended."""
    ended = await connection.fetch(
        """
        UPDATE acra_express.judgements SET ended_at = acra_express.clock(), ended_by = $4, ended_how = 'replaced'
        WHERE uen = $1 AND field = $2 AND ended_at IS NULL
          AND CASE WHEN field = 'site' THEN value = $3::text OR ($5 AND judgement IN ('accept', 'set', 'none'))
                   ELSE CASE WHEN field = 'email' THEN address_hash = $6::bytea ELSE value = $3::text END END
        RETURNING judgement
        """,
        said.uen,
        said.field,
        key.value,
        said.by,
        said.judgement in ("accept", "set", "none"),
        key.address_hash,
    )
    return [row["judgement"] for row in ended]


async def insert_judgement(connection: Connection, said: NewJudgement, key: JudgedKey) -> None:
    """Make it the one that stands; what it contradicts must have ended."""
    await connection.execute(
        """
        INSERT INTO acra_express.judgements
            (uen, field, value, address_hash, judgement, judged_by, judged_at, note, sample_id)
        VALUES ($1, $2, $3, $4, $5, $6, acra_express.clock(), $7, $8)
        """,
        said.uen,
        said.field,
        key.value,
        key.address_hash,
        said.judgement,
        said.by,
        said.note,
        said.sample_id,
    )


async def withdraw(connection: Connection, company_id: int, kind: Field, value: str) -> int:
    """Take back from the platform's tables what we stored of this site, address or number; how many rows and cells."""
    return int(await connection.fetchval("SELECT acra_express.withdraw($1, $2, $3)", company_id, kind, value))


async def keep_only_the_hash(connection: Connection, company_id: int, address: str, digest: str) -> None:
    """Replace a person's rejected address in our outcomes, and remove the pages that print it."""
    await connection.execute(
        """
        UPDATE acra_express.outcomes o SET detail = jsonb_set(o.detail, '{emails}', (
            SELECT jsonb_agg(CASE WHEN e ->> 'address' = $2
                                  THEN (e - 'address' - 'role') || jsonb_build_object('address_hash', $3::text)
                                  ELSE e END)
            FROM jsonb_array_elements(o.detail -> 'emails') e))
        WHERE o.company_id = $1
          AND o.detail -> 'emails' @> jsonb_build_array(jsonb_build_object('address', $2::text))
        """,
        company_id,
        address,
        digest,
    )
    await connection.execute("DELETE FROM acra_express.pages WHERE position($1 in lower(page::text)) > 0", address)


def entries_of(detail: object, key: str) -> list[dict[str, Any]]:
    """The entries of a list in an outcome's detail; none where it is of another shape."""
    found = detail.get(key) if isinstance(detail, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
