"""Random samples of answers, and what people said of their members.

All answered companies are walked in pages by UEN, each page in one short transaction, because one over a million
companies would hold back VACUUM and the nightly's ALTER TABLE.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JudgementRefused

PAGE = 1_000
"""UENs per page: some 15 ms."""
VERDICTS_SINCE = timedelta(days=30)
MOST_VERDICTS = 20_000
"""Newest decisions among which verifications are counted: two months at 300 a day, less than a second."""


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """An outcome that may be drawn."""

    uen: str
    job_id: int
    company_id: int


@dataclass(frozen=True, slots=True)
class SampleMember:
    """A drawn answer: the company, its site, how sure the service was by version `level_table` of the thresholds."""

    key: AnswerKey
    name: str | None
    domain: str
    url: str | None
    points: int
    level: str
    level_table: int


@dataclass(frozen=True, slots=True)
class DrawnAnswer:
    """What the outcome of a drawn answer says; `site` is as in its detail, so it may have any shape."""

    key: AnswerKey
    name: str | None
    site: object
    level: str | None
    level_table: int | None


@dataclass(frozen=True, slots=True)
class JudgedMember:
    """A member of a sample, its stored detail, and what people said of it within the sample.

    `site` is the newest judgement on its website and `site_value` the domain it names; `contacts` are the newest ones
    on its addresses (by keyed hash in hex) and numbers.
    """

    sample_id: int
    uen: str
    domain: str
    points: int
    level: str
    level_table: int
    detail: Mapping[str, Any]
    site: str | None
    site_value: str | None
    contacts: Mapping[str, str]


class Samples:
    """Reads and writes under the tenant role; every method raises NotNow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answers(self, ssic_codes: Sequence[str] | None) -> AsyncIterator[list[AnswerKey]]:
        """The answers that a sample may be drawn from, page by page: each company's newest one, with a website.

        Left out is what has opted out or was forgotten, and what a person decided: nothing is learnt from that about
        the service.
        """
        after = ""
        while True:
            async with self._database.transaction() as connection:
                uens = [
                    row["uen"]
                    for row in await connection.fetch(
                        "SELECT DISTINCT o.uen FROM acra_express.outcomes o WHERE o.uen > $1 ORDER BY o.uen LIMIT $2",
                        after,
                        PAGE,
                    )
                ]
                rows = await connection.fetch(_ANSWERS, uens, None if ssic_codes is None else list(ssic_codes))
            yield [AnswerKey(row["uen"], row["job_id"], row["company_id"]) for row in rows]
            if len(uens) < PAGE:
                return
            after = uens[-1]

    async def told(self, keys: Sequence[AnswerKey]) -> list[DrawnAnswer]:
        """What the outcomes say of these answers, in the order of `keys`; a forgotten one is missing."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT k.place, o.detail -> 'site' AS site, o.level, o.level_table, s.entity_name AS name
                FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k(job_id, company_id, place)
                JOIN acra_express.outcomes o ON o.job_id = k.job_id AND o.company_id = k.company_id
                LEFT JOIN public.staging_acra_companies s ON s.uen = o.uen
                WHERE o.detail #>> '{site,domain}' IS NOT NULL
                ORDER BY k.place
                """,
                [key.job_id for key in keys],
                [key.company_id for key in keys],
            )
        return [
            DrawnAnswer(keys[row["place"] - 1], row["name"], row["site"], row["level"], row["level_table"])
            for row in rows
        ]

    async def store(
        self,
        members: Sequence[SampleMember],
        *,
        by: str,
        seed: int,
        wanted: int,
        population: int,
        ssic_codes: Sequence[str] | None,
    ) -> int:
        """Store a sample; returns its ID."""
        async with self._database.transaction() as connection:
            sample_id = await connection.fetchval(
                """
                INSERT INTO acra_express.samples (drawn_at, drawn_by, seed, wanted, population, ssic_codes)
                VALUES (acra_express.clock(), $1, $2, $3, $4, $5) RETURNING sample_id
                """,
                by,
                seed,
                wanted,
                population,
                None if ssic_codes is None else list(ssic_codes),
            )
            await connection.executemany(
                """
                INSERT INTO acra_express.sample_members
                    (sample_id, place, uen, company_id, job_id, domain, points, level, level_table)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                [
                    (
                        sample_id,
                        place,
                        member.key.uen,
                        member.key.company_id,
                        member.key.job_id,
                        member.domain,
                        member.points,
                        member.level,
                        member.level_table,
                    )
                    for place, member in enumerate(members, start=1)
                ],
            )
        return int(sample_id)

    async def judged(self, sample_id: int | None) -> list[JudgedMember]:
        """The members of one sample, or of all, each company and site once: as it was sampled last.

        Raises:
            JudgementRefused: there is no such sample.
        """
        async with self._database.transaction() as connection:
            if sample_id is not None:
                await _require_sample(connection, sample_id)
            rows = await connection.fetch(_MEMBERS, sample_id)
            said = await connection.fetch(_SAID, sample_id)
        contacts: dict[tuple[int, str], dict[str, str]] = {}
        for row in said:
            contacts.setdefault((row["sample_id"], row["uen"]), {})[row["subject"]] = row["judgement"]
        return [
            JudgedMember(
                sample_id=row["sample_id"],
                uen=row["uen"],
                domain=row["domain"],
                points=row["points"],
                level=row["level"],
                level_table=row["level_table"],
                detail=row["detail"] if isinstance(row["detail"], dict) else {},
                site=row["site"],
                site_value=row["site_value"],
                contacts=contacts.get((row["sample_id"], row["uen"]), {}),
            )
            for row in rows
        ]

    async def verdicts(self) -> dict[tuple[str, str], int]:
        """Addresses by level of their site and ZeroBounce's status, among the newest decisions of 30 days."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                SELECT o.level, e #>> '{verdict,status}' AS status,
                       count(DISTINCT coalesce(e ->> 'address', e ->> 'address_hash')) AS addresses
                FROM (SELECT n.kind, n.level, n.detail FROM acra_express.outcomes n
                      WHERE n.ended_at > (SELECT acra_express.clock()) - $1::interval
                      ORDER BY n.ended_at DESC LIMIT $2) o
                CROSS JOIN LATERAL jsonb_path_query(o.detail, '$.emails[*] ? (exists(@.verdict.status))') AS e
                WHERE o.kind = 'enriched' AND o.level IS NOT NULL
                GROUP BY 1, 2
                """,
                VERDICTS_SINCE,
                MOST_VERDICTS,
            )
        return {(row["level"], row["status"]): row["addresses"] for row in rows}


async def _require_sample(connection: Connection, sample_id: int) -> None:
    known = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM acra_express.samples WHERE sample_id = $1)", sample_id
    )
    if not known:
        raise JudgementRefused(f"there is no sample {sample_id}")


# $1 UENs of the page, $2 codes or null. A company with any judgement on its site counts only if the newest answer is
# the service's own: neither overruled, nor the site that a person set.
_ANSWERS = r"""
    WITH latest AS MATERIALIZED (
        SELECT DISTINCT ON (o.uen) o.uen, o.job_id, o.company_id, o.kind, o.detail IS NOT NULL AS told
        FROM acra_express.outcomes o
        WHERE o.uen = ANY ($1::text[]) AND o.kind IN ('enriched', 'no_website')
        ORDER BY o.uen, o.ended_at DESC, o.job_id DESC)
    SELECT l.uen, l.job_id, l.company_id FROM latest l
    WHERE l.kind = 'enriched' AND l.told
      AND NOT EXISTS (SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = l.uen)
      AND NOT EXISTS (
          SELECT FROM acra_express.judgements j
          JOIN acra_express.outcomes o ON o.job_id = l.job_id AND o.company_id = l.company_id
          WHERE j.uen = l.uen AND j.field = 'site'
            AND ((j.ended_at IS NULL AND j.judgement <> 'reject')
                 OR acra_express.is_overruled(o.uen, o.kind, o.reason, o.detail)
                 OR jsonb_path_exists(o.detail, '$.site.evidence[*] ? (@.signal == "person")')))
      AND ($2::text[] IS NULL OR EXISTS (
          SELECT FROM public.staging_acra_companies s
          WHERE s.uen = l.uen AND ltrim(regexp_replace(s.primary_ssic_code::text, '\D', '', 'g'), '0') = ANY ($2)))
"""

# $1 sample or null for all. A judgement that was cleared was a mistake; one that a later one replaced still counts.
_MEMBERS = """
    SELECT DISTINCT ON (m.uen, m.domain) m.sample_id, m.uen, m.domain, m.points, m.level, m.level_table, o.detail,
           j.judgement AS site, j.value AS site_value
    FROM acra_express.sample_members m
    LEFT JOIN acra_express.outcomes o ON o.job_id = m.job_id AND o.company_id = m.company_id AND o.uen = m.uen
    LEFT JOIN LATERAL (
        SELECT s.judgement, s.value FROM acra_express.judgements s
        WHERE s.sample_id = m.sample_id AND s.uen = m.uen AND s.field = 'site'
          AND s.ended_how IS DISTINCT FROM 'cleared' AND (s.judgement <> 'reject' OR s.value = m.domain)
        ORDER BY s.judged_at DESC, s.judgement_id DESC LIMIT 1) j ON true
    WHERE $1::bigint IS NULL OR m.sample_id = $1
    ORDER BY m.uen, m.domain, (j.judgement IS NOT NULL) DESC, m.sample_id DESC
"""

_SAID = """
    SELECT DISTINCT ON (j.sample_id, j.uen, subject) j.sample_id, j.uen, j.judgement,
           coalesce(encode(j.address_hash, 'hex'), j.value) AS subject
    FROM acra_express.judgements j
    WHERE j.sample_id IS NOT NULL AND ($1::bigint IS NULL OR j.sample_id = $1) AND j.field <> 'site'
      AND j.ended_how IS DISTINCT FROM 'cleared'
    ORDER BY j.sample_id, j.uen, subject, j.judged_at DESC, j.judgement_id DESC
"""
