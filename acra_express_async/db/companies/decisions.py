"""The last decision about one company: our stored outcome with its evidence, as it was committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.companies.optouts import domain_and_parents
from acra_express_async.db.records.judgement_rows import JudgementLine, contradicted, entries_of, judgement_lines
from acra_express_async.db.session.pool import Connection, Database

MOST_JUDGEMENTS = 50
"""Standing judgements on one company that are told, the newest ones."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How the work on a company ended; `detail` is empty when it was forgotten on request.

    Emails and phones of the detail that a person judged carry the judgement's word as `judged`. `overruled`: a
    judgement of a person contradicts the decision, so what it had stored on the platform is withdrawn.
    """

    job_id: int
    kind: str
    reason: str
    ended_at: datetime
    detail: dict[str, Any]
    overruled: bool = False


@dataclass(frozen=True, slots=True)
class OptedOutDomain:
    """A domain of the company that has opted out, and when."""

    domain: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """A company and what was decided about it.

    `decision` is the newest one that says something about the company (`enriched`, `no_website`), or else the newest of
    all; `since` is a newer one that says nothing about it (skipped, failed). `opted_out` is when the company opted out,
    `opted_out_domains` are those of its websites that did. `judgements` are those of people that stand, the newest
    first.
    """

    uen: str
    name: str | None
    decision: Decision | None
    since: Decision | None
    opted_out: datetime | None
    judgements: tuple[JudgementLine, ...] = ()
    opted_out_domains: tuple[OptedOutDomain, ...] = ()


async def explain(database: Database, uen: str, at: datetime | None = None) -> Explanation | None:
    """The last decision about the company; None when neither the registry, the platform nor express knows the UEN.

    Args:
        at: the decision and the judgements that stood at this moment; None for now. Every decision is kept until the
            company is forgotten.
    """
    async with database.transaction() as connection:
        known = await connection.fetchrow(
            """
            SELECT (SELECT r.entity_name FROM public.staging_acra_companies r WHERE r.uen = $1) AS registered,
                   c.name, c.website_domain
            FROM (VALUES (1)) AS one LEFT JOIN public.companies c ON c.uen = $1
            """,
            uen,
        )
        assert known is not None
        judgements = await judgement_lines(connection, uen=uen, limit=MOST_JUDGEMENTS, at=at)
        hashes = await load_address_hash(connection)
        telling = await _newest(connection, uen, ["enriched", "no_website"], at)
        newest = await _newest(connection, uen, ["enriched", "no_website", "skipped", "failed", "cancelled"], at)
        opted_out = await connection.fetchval(
            "SELECT recorded_at FROM acra_express.opt_outs WHERE kind = 'company' AND value = $1", uen
        )
        sites = [_site_of(telling), known["website_domain"], *(line.value for line in judgements)]
        domains = await _opted_out_domains(connection, [site for site in sites if site])
    name = known["registered"] or known["name"]
    if name is None and newest is None and opted_out is None:
        return None
    decision = telling or newest
    return Explanation(
        uen,
        name,
        None if decision is None else _as_judged(decision, judgements, hashes),
        newest if newest != decision else None,
        opted_out,
        tuple(judgements),
        domains,
    )


async def _newest(connection: Connection, uen: str, kinds: list[str], at: datetime | None) -> Decision | None:
    row = await connection.fetchrow(
        """
        SELECT job_id, kind, reason, ended_at, coalesce(detail, '{}') AS detail
        FROM acra_express.outcomes
        WHERE uen = $1 AND kind = ANY ($2::text[]) AND ended_at <= coalesce($3::timestamptz, 'infinity')
        ORDER BY ended_at DESC, job_id DESC LIMIT 1
        """,
        uen,
        kinds,
        at,
    )
    return None if row is None else Decision(**row)


async def _opted_out_domains(connection: Connection, sites: Sequence[str]) -> tuple[OptedOutDomain, ...]:
    rows = await connection.fetch(
        """
        SELECT value, recorded_at FROM acra_express.opt_outs WHERE kind = 'domain' AND value = ANY ($1::text[])
        ORDER BY recorded_at DESC, value
        """,
        sorted({part for site in sites for part in domain_and_parents(site)}),
    )
    return tuple(OptedOutDomain(row["value"], row["recorded_at"]) for row in rows)


def _site_of(decision: Decision | None) -> str | None:
    site = decision.detail.get("site") if decision is not None and isinstance(decision.detail, dict) else None
    domain = site.get("domain") if isinstance(site, dict) else None
    return domain if isinstance(domain, str) else None


def _as_judged(decision: Decision, judgements: Iterable[JudgementLine], hashes: AddressHash) -> Decision:
    """The decision with what people said of it at the time that is told."""
    said = list(judgements)
    words = {(line.field, line.subject): line.judgement for line in reversed(said) if line.field != "site"}

    def marked(entry: Mapping[str, Any], word: str | None) -> dict[str, Any]:
        return dict(entry) if word is None else {**entry, "judged": word}

    detail = dict(decision.detail)
    if "emails" in detail:
        detail["emails"] = [
            marked(entry, words.get(("email", entry.get("address_hash") or hashes.text(str(entry.get("address"))))))
            for entry in entries_of(decision.detail, "emails")
        ]
    if "phones" in detail:
        detail["phones"] = [
            marked(entry, words.get(("phone", entry.get("number")))) for entry in entries_of(decision.detail, "phones")
        ]
    overruled = contradicted(said, decision.kind, decision.reason, _site_of(decision))
    return Decision(decision.job_id, decision.kind, decision.reason, decision.ended_at, detail, overruled)
