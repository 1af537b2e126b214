"""Records judgements, takes back what they contradict, and enqueues the company.

A judgement, the withdrawal of what we had stored, and the campaign that looks at the company again are one transaction,
which no save of that company's outcome can overtake (`hold_company`). An opt-out stands above every judgement, so
nothing is recorded about what has opted out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.campaign_rows import Asked
from acra_express_async.db.companies.judged import hold_company
from acra_express_async.db.companies.optouts import domain_and_parents, listed
from acra_express_async.db.jobs.job_commands import insert_campaign
from acra_express_async.db.records.judgement_rows import (
    LOOKED_AT,
    Field,
    JudgedKey,
    JudgementLine,
    NewJudgement,
    Recorded,
    current_answer,
    end_contradicted,
    entries_of,
    insert_judgement,
    judgement_lines,
    keep_only_the_hash,
    stands,
    withdraw,
)
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JudgementRefused
from acra_express_async.models import EmailKind
from acra_express_async.params import StagingParams

CAMPAIGN_NAME = "judgement"
"""Name of the campaign that looks at judged companies again."""
_OUTCOMES = 20
"""Newest outcomes of a company in which its contacts are looked up."""


class Judgements:
    """Records judgements under the tenant role; every method raises NotNow."""

    def __init__(self, database: Database, hashes: AddressHash) -> None:
        self._database = database
        self._hashes = hashes

    async def check(self, said: NewJudgement) -> str | None:
        """Why this judgement cannot be recorded; None when it can."""
        async with self._database.session() as connection:
            try:
                await self._admitted(connection, said)
            except JudgementRefused as refused:
                return str(refused)
        return None

    async def record(self, said: NewJudgement, *, look_again: bool) -> Recorded:
        """Record one judgement, withdraw what it contradicts, and enqueue the company if `look_again`.

        Accepting a site enqueues nothing, because what was found there stands already; unless it takes back an earlier
        judgement, which had withdrawn it.

        Raises:
            JudgementRefused: the company is unknown, something has opted out, or there is nothing to judge; nothing was
                recorded.
        """
        async with self._database.transaction() as connection:
            company_id = await self._held(connection, said.uen)
            known = await self._admitted(connection, said)
            key = await self._key_of(connection, known)
            unchanged = await stands(connection, known, key)
            ended = [] if unchanged else await end_contradicted(connection, known, key)
            if not unchanged:
                await insert_judgement(connection, known, key)
            withdrawn = 0 if company_id is None else await self._withdraw(connection, known, key, company_id)
            campaign_id = None
            if look_again and known.field == "site" and not {known.judgement, *ended}.isdisjoint(LOOKED_AT):
                campaign_id = await self._look_again(connection, [known.uen], known.by)
        return Recorded(known.value, unchanged, withdrawn, campaign_id)

    async def clear(
        self, uen: str, field: Field, value: str | None, by: str, *, look_again: bool
    ) -> tuple[int, int | None]:
        """End the standing judgements on the website, or on one address or number.

        Returns:
            How many, and the campaign that looks at the company again, if one of them decided about its website.

        Raises:
            JudgementRefused: there is none.
        """
        digest = self._hashes.digest(value) if field == "email" and value is not None else None
        async with self._database.transaction() as connection:
            await self._held(connection, uen)
            ended = await connection.fetch(
                """
                UPDATE acra_express.judgements SET ended_at = acra_express.clock(), ended_by = $5, ended_how = 'cleared'
                WHERE uen = $1 AND field = $2 AND ended_at IS NULL
                  AND (field = 'site' OR address_hash = $4::bytea OR ($4::bytea IS NULL AND value = $3::text))
                RETURNING judgement
                """,
                uen,
                field,
                value,
                digest,
                by,
            )
            if not ended:
                subject = "its website" if field == "site" else str(value)
                raise JudgementRefused(f"{uen}: no judgement on {subject} stands")
            decided = any(row["judgement"] in LOOKED_AT for row in ended)
            campaign_id = None
            if field == "site" and look_again and decided:
                campaign_id = await self._look_again(connection, [uen], by)
        return len(ended), campaign_id

    async def look_again(self, uens: Sequence[str], by: str) -> tuple[int | None, int]:
        """Enqueue those of these companies that were not looked at since their website was judged, in one campaign.

        An accepted site counts only where it took an earlier judgement back (both are one transaction).

        Returns:
            The campaign's ID (None when there is nothing to do), and its number of companies.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                """
                SELECT j.uen FROM acra_express.judgements j
                WHERE j.uen = ANY ($1::text[]) AND j.field = 'site' AND j.ended_at IS NULL
                  AND (j.judgement = ANY ($2::text[]) OR EXISTS (
                      SELECT FROM acra_express.judgements e
                      WHERE e.uen = j.uen AND e.field = 'site' AND e.judgement = ANY ($2::text[])
                        AND e.ended_how = 'replaced' AND e.ended_at > j.judged_at - interval '1 minute'
                        AND e.ended_at <= j.judged_at))
                GROUP BY j.uen
                HAVING NOT EXISTS (
                    SELECT FROM acra_express.outcomes o WHERE o.uen = j.uen AND o.ended_at >= max(j.judged_at))
                ORDER BY j.uen
                """,
                list(uens),
                list(LOOKED_AT),
            )
            wanted = [row["uen"] for row in rows]
            campaign_id = await self._look_again(connection, wanted, by) if wanted else None
        return campaign_id, len(wanted)

    async def listed(self, *, uen: str | None, sample_id: int | None, ended: bool, limit: int) -> list[JudgementLine]:
        """The newest judgements first, at most `limit`; those that no longer stand only where `ended`."""
        async with self._database.session() as connection:
            return await judgement_lines(connection, uen=uen, sample_id=sample_id, ended=ended, limit=limit)

    async def _held(self, connection: Connection, uen: str) -> int | None:
        """Hold the company until the transaction ends; None when express never made one.

        Raises:
            JudgementRefused: neither the registry nor the platform knows the UEN.
        """
        company_id = await connection.fetchval("SELECT company_id FROM public.companies WHERE uen = $1", uen)
        if company_id is not None:
            await hold_company(connection, company_id)
            return int(company_id)
        if not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM public.staging_acra_companies WHERE uen = $1)", uen
        ):
            raise JudgementRefused(f"{uen} is neither in the registry nor in companies")
        return None

    async def _admitted(self, connection: Connection, said: NewJudgement) -> NewJudgement:
        """The judgement with the value that is meant.

        Raises:
            JudgementRefused: see `record`.
        """
        known = await connection.fetchval(
            """
            SELECT EXISTS (SELECT FROM public.staging_acra_companies WHERE uen = $1)
                   OR EXISTS (SELECT FROM public.companies WHERE uen = $1)
            """,
            said.uen,
        )
        if not known:
            raise JudgementRefused(f"{said.uen} is neither in the registry nor in companies")
        if await listed(connection, "company", [said.uen]):
            raise JudgementRefused(f"{said.uen} has opted out, which stands above every judgement")
        await self._require_member(connection, said)
        if said.field == "site":
            return await _site_meant(connection, said)
        assert said.value is not None
        if said.field == "email" and (
            await listed(connection, "address", [self._hashes.text(said.value)])
            or await listed(connection, "domain", domain_and_parents(said.value.rpartition("@")[2]))
        ):
            raise JudgementRefused(f"{said.value} has opted out, which stands above every judgement")
        if said.judgement == "accept" and not await self._is_answered(connection, said):
            raise JudgementRefused(f"{said.value} is not among what was found for {said.uen}")
        return said

    async def _require_member(self, connection: Connection, said: NewJudgement) -> None:
        if said.sample_id is None:
            return
        member = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM acra_express.sample_members WHERE sample_id = $1 AND uen = $2)",
            said.sample_id,
            said.uen,
        )
        if not member:
            raise JudgementRefused(f"{said.uen} is not in sample {said.sample_id}")

    async def _is_answered(self, connection: Connection, said: NewJudgement) -> bool:
        answer = await current_answer(connection, said.uen)
        detail = answer or {}
        if said.field == "phone":
            return any(entry.get("number") == said.value for entry in entries_of(detail, "phones"))
        digest = self._hashes.text(said.value or "")
        return any(
            entry.get("address") == said.value or entry.get("address_hash") == digest
            for entry in entries_of(detail, "emails")
        )

    async def _key_of(self, connection: Connection, said: NewJudgement) -> JudgedKey:
        """An address is kept in clear text only where an outcome of ours has it so, as one of a role."""
        if said.field != "email" or said.value is None:
            return JudgedKey(said.value, None)
        rows = await connection.fetch(
            """
            SELECT detail FROM acra_express.outcomes WHERE uen = $1 AND detail IS NOT NULL
            ORDER BY ended_at DESC LIMIT $2
            """,
            said.uen,
            _OUTCOMES,
        )
        role = any(
            entry.get("address") == said.value and entry.get("kind") == EmailKind.ROLE.value
            for row in rows
            for entry in entries_of(row["detail"], "emails")
        )
        return JudgedKey(said.value if role else None, self._hashes.digest(said.value))

    async def _withdraw(self, connection: Connection, said: NewJudgement, key: JudgedKey, company_id: int) -> int:
        if said.judgement == "accept":
            return 0
        if said.field != "site":
            assert said.value is not None
            removed = await withdraw(connection, company_id, said.field, said.value)
            if said.field == "email" and key.value is None:
                await keep_only_the_hash(connection, company_id, said.value, self._hashes.text(said.value))
            return removed
        if said.judgement == "reject":
            assert said.value is not None
            return await withdraw(connection, company_id, "site", said.value)
        rows = await connection.fetch(
            """
            SELECT DISTINCT o.detail #>> '{site,domain}' AS domain FROM acra_express.outcomes o
            WHERE o.company_id = $1 AND o.kind = 'enriched' AND o.detail #>> '{site,domain}' IS DISTINCT FROM $2::text
            """,
            company_id,
            said.value,
        )
        return sum([await withdraw(connection, company_id, "site", row["domain"]) for row in rows if row["domain"]])

    async def _look_again(self, connection: Connection, uens: Sequence[str], by: str) -> int:
        asked = Asked(name=CAMPAIGN_NAME, by=by, expected=len(uens), again_by=by)
        return await insert_campaign(connection, self._database.tenant_id, StagingParams(), asked, uens)


async def _site_meant(connection: Connection, said: NewJudgement) -> NewJudgement:
    if said.judgement == "accept":
        answer = await current_answer(connection, said.uen)
        site = (answer or {}).get("site") or {}
        present = site.get("domain")
        if present is None:
            raise JudgementRefused(f"{said.uen}: no website was found that could be accepted")
        if said.value not in (None, present):
            raise JudgementRefused(f"{said.uen}: the website that was found is {present}, not {said.value}")
        said = replace(said, value=present)
    if said.judgement in ("accept", "set") and await listed(connection, "domain", domain_and_parents(said.value or "")):
        raise JudgementRefused(f"{said.value} has opted out, which stands above every judgement")
    return said
