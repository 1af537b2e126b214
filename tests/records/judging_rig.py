"""Companies as the service left them, for tests of judgements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from db.builders import a_company, a_registry_row, a_verification, an_email, an_outcome, stored

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.records.judgement_rows import Field, NewJudgement, Word
from acra_express_async.db.records.judging import Judgements
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import Company, Email, EmailKind, Evidence, Phone, Site

UEN = "201912345K"
PERSON = "mei.tan@lotus.com.sg"


@dataclass
class Desk:
    """The judgements of one database."""

    owner: Connection
    database: Database
    shape: PlatformShape
    hashes: AddressHash

    @property
    def judgements(self) -> Judgements:
        return Judgements(self.database, self.hashes)

    async def enriched(
        self, uen: str = UEN, domain: str = "lotus.com.sg", *, job: int = 1, personal: bool = False, **more: Any
    ) -> Company:
        """A company of ours with everything that one answer stores; a second call gives it another answer."""
        known = await self.owner.fetchval("SELECT company_id FROM companies WHERE uen = $1", uen)
        if known is None:
            company = await a_company(self.owner, uen)
            await a_registry_row(self.owner, uen)
        else:
            company = Company(known, uen=uen, name="LOTUS PUMPS PTE. LTD.")
        info = f"info@{domain}"
        emails: tuple[Email, ...] = (
            an_email(info, verification=a_verification(info)),
            an_email(PERSON.replace("lotus.com.sg", domain), EmailKind.PERSON),
        )
        site = Site(domain, f"https://{domain}/", 90, (Evidence("uen", 60, f"https://{domain}/", "UEN"),))
        outcome = an_outcome(**({"site": site, "emails": emails} | more))
        saved = await stored(self.database, self.shape, company, outcome, job=job, personal=personal)
        await self.owner.execute(
            "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, ended_at, detail)"
            " VALUES ($1, $2, $3, 'enriched', clock_timestamp(), $4)",
            job,
            company.company_id,
            uen,
            saved.detail,
        )
        return company

    async def judge(self, word: Word, value: str | None = None, *, field: Field = "site", **more: Any) -> Any:
        look_again = more.pop("look_again", False)
        said = NewJudgement(**({"uen": UEN, "field": field, "judgement": word, "value": value, "by": "mei"} | more))
        return await self.judgements.record(said, look_again=look_again)

    async def platform_text(self, company: Company) -> str:
        """Everything that the platform's tables say about a company, and all of its tables without one, as text."""
        rows = await self.owner.fetch(
            """
            SELECT to_jsonb(c)::text AS told FROM companies c WHERE company_id = $1
            UNION ALL SELECT to_jsonb(h)::text FROM company_enrichment_runs h WHERE company_id = $1
            UNION ALL SELECT to_jsonb(k)::text FROM contacts k WHERE company_id = $1
            UNION ALL SELECT to_jsonb(e)::text FROM lead_emails e
            UNION ALL SELECT to_jsonb(v)::text FROM email_verification_cache v
            UNION ALL SELECT to_jsonb(l)::text FROM run_event_logs l
            """,
            company.company_id,
        )
        return "\n".join(row["told"] for row in rows)


def a_phone(number: str, kind: str = "phone") -> Phone:
    return Phone(number, kind, "https://lotus.com.sg/contact")
