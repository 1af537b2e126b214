"""Judgements on a real database: what stands, what is withdrawn, and what stays other people's."""

from __future__ import annotations

import asyncpg
import pytest
from db.builders import a_company, advance, count, one

from acra_express_async.db.companies.company_rows import load_company
from acra_express_async.db.companies.optouts import record_opt_out
from acra_express_async.db.records.judgement_rows import Word, contradicted
from acra_express_async.errors import JudgementRefused
from acra_express_async.models import Judged
from acra_express_async.params import Campaign

from .judging_rig import PERSON, UEN, Desk, a_phone

TABLES = ("company_enrichment_runs", "contacts", "lead_emails", "email_verification_cache")


async def others(desk: Desk, company_id: int) -> None:
    """What the platform and others wrote about the same company, and about another one with the same address."""
    await desk.owner.execute(
        "INSERT INTO contacts (company_id, email, contact_source) VALUES ($1, 'lim@lotus.com.sg', 'site_page')",
        company_id,
    )
    await desk.owner.execute(
        "INSERT INTO lead_emails (email, company_id, source) VALUES ('lim@lotus.com.sg', $1, 'site_page')", company_id
    )
    run = await desk.owner.fetchval("INSERT INTO enrichment_runs DEFAULT VALUES RETURNING run_id")
    await desk.owner.execute(
        "INSERT INTO company_enrichment_runs (company_id, run_id, domain, about_text)"
        " VALUES ($1, $2, 'lotus.com.sg', 'The nightly says')",
        company_id,
        run,
    )
    other = await a_company(
        desk.owner, "199000001A", website_domain="rose.sg", email="info@lotus.com.sg", phone_number="+6561112222"
    )
    await desk.owner.execute(
        "INSERT INTO contacts (company_id, email, contact_source) VALUES ($1, 'info@lotus.com.sg', 'acra_express')",
        other.company_id,
    )


async def test_a_rejected_site_leaves_nothing_of_ours(desk: Desk) -> None:
    company = await desk.enriched()
    assert "lotus" in await desk.platform_text(company)
    done = await desk.judge(Word.REJECT, "lotus.com.sg")
    # website, address, phone, LinkedIn, sg_phone, sg_postcode; history, contact, lead, cached verdict
    assert done.withdrawn == 10
    assert "lotus" not in (await desk.platform_text(company)).lower().replace("lotus pumps pte. ltd.", "")
    assert [await count(desk.owner, table) for table in TABLES] == [0, 0, 0, 0]
    assert await count(desk.owner, "acra_express.company_domains") == 0
    again = await desk.judge(Word.REJECT, "lotus.com.sg")
    assert (again.unchanged, again.withdrawn) == (True, 0)


async def test_rows_and_cells_of_others_stay(desk: Desk) -> None:
    company = await desk.enriched()
    await others(desk, company.company_id)
    await desk.owner.execute(
        "UPDATE companies SET email = 'boss@lotus.com.sg', phone_number = '+6562223300' WHERE uen = $1", UEN
    )
    await desk.owner.execute("UPDATE lead_emails SET source = 'zerobounce' WHERE email = 'info@lotus.com.sg'")
    before = await desk.owner.fetch("SELECT * FROM companies WHERE uen <> $1", UEN)
    await desk.judge(Word.REJECT, "lotus.com.sg")
    row = await one(
        desk.owner, "SELECT website_domain, email, phone_number, sg_phone FROM companies WHERE uen = $1", UEN
    )
    assert row == {
        "website_domain": None,
        "email": "boss@lotus.com.sg",
        "phone_number": "+6562223300",
        "sg_phone": None,
    }
    assert await desk.owner.fetch("SELECT * FROM companies WHERE uen <> $1", UEN) == before
    [history] = await desk.owner.fetch("SELECT about_text FROM company_enrichment_runs")
    assert history["about_text"] == "The nightly says"
    contacts = await desk.owner.fetch("SELECT email, contact_source FROM contacts ORDER BY email")
    assert [tuple(each) for each in contacts] == [
        ("info@lotus.com.sg", "acra_express"),
        ("lim@lotus.com.sg", "site_page"),
    ]
    assert await count(desk.owner, "lead_emails") == 2
    assert await count(desk.owner, "email_verification_cache") == 1, "others still use that address"


async def test_setting_a_site_withdraws_all_others_and_keeps_it(desk: Desk) -> None:
    company = await desk.enriched(domain="wrong.sg", job=1)
    await desk.enriched(domain="right.sg", job=2)
    done = await desk.judge(Word.SET, "right.sg")
    text = await desk.platform_text(company)
    assert done.withdrawn > 0
    assert "wrong.sg" not in text
    assert "right.sg" in text
    assert await one(desk.owner, "SELECT domain FROM company_enrichment_runs") == {"domain": "right.sg"}


async def test_a_rejected_contact_is_taken_out_of_every_list(desk: Desk) -> None:
    company = await desk.enriched(phones=(a_phone("+6561112222"), a_phone("+6563334444", "fax")))
    assert (await desk.judge(Word.REJECT, "info@lotus.com.sg", field="email")).withdrawn == 5
    assert (await desk.judge(Word.REJECT, "+6561112222", field="phone")).withdrawn == 3
    text = await desk.platform_text(company)
    assert "info@lotus.com.sg" not in text
    assert "6561112222" not in text
    assert "6563334444" in text
    row = await one(desk.owner, "SELECT public_emails, verification_results FROM company_enrichment_runs")
    assert row == {"public_emails": [], "verification_results": []}
    async with desk.database.session() as connection:
        loaded = await load_company(connection, company.company_id)
    assert loaded is not None
    assert loaded.judged == Judged(
        rejected_contacts=frozenset((desk.hashes.text("info@lotus.com.sg"), "+6561112222")),
    )


@pytest.mark.parametrize("personal", [False, True], ids=["kept as a hash", "stored in clear"])
async def test_a_rejected_person_is_kept_as_a_hash_only(desk: Desk, personal: bool) -> None:
    company = await desk.enriched(personal=personal)
    told = await desk.owner.fetchval("SELECT detail::text FROM acra_express.outcomes")
    assert (PERSON in told) is personal
    await desk.judge(Word.REJECT, PERSON, field="email")
    await desk.judge(Word.BOUNCED, "never.seen@gmail.com", field="email")
    tables = await desk.owner.fetch(
        "SELECT format('SELECT to_jsonb(t)::text FROM %s t', c.oid::regclass) AS read FROM pg_class c"
        " WHERE c.relnamespace = 'acra_express'::regnamespace AND c.relkind = 'r'"
    )
    ours = [row[0] for table in tables for row in await desk.owner.fetch(table["read"])]
    assert not [row for row in [*ours, await desk.platform_text(company)] if PERSON in row or "never.seen" in row]
    rows = await desk.owner.fetch("SELECT value, address_hash FROM acra_express.judgements ORDER BY judgement_id")
    assert [tuple(row) for row in rows] == [
        (None, desk.hashes.digest(PERSON)),
        (None, desk.hashes.digest("never.seen@gmail.com")),
    ]


async def standing(desk: Desk) -> list[tuple[str, str | None]]:
    lines = await desk.judgements.listed(uen=UEN, sample_id=None, ended=False, limit=10)
    return [(line.judgement, line.value) for line in lines]


async def test_a_later_judgement_replaces_what_it_contradicts(desk: Desk) -> None:
    await desk.enriched()
    assert (await desk.judge(Word.ACCEPT)).value == "lotus.com.sg"
    await desk.judge(Word.REJECT, "rose.sg")
    await desk.judge(Word.SET, "pumps.sg")
    assert await standing(desk) == [("set", "pumps.sg"), ("reject", "rose.sg")]
    await desk.judge(Word.SET, "rose.sg")
    assert await standing(desk) == [("set", "rose.sg")]
    await desk.judge(Word.NONE)
    assert await standing(desk) == [("none", None)]
    assert (await desk.judge(Word.NONE)).unchanged
    lines = await desk.judgements.listed(uen=UEN, sample_id=None, ended=True, limit=10)
    assert [line.ended_how for line in lines] == [None, "replaced", "replaced", "replaced", "replaced"]
    assert await desk.judgements.clear(UEN, "site", None, "tan", look_again=False) == (1, None)
    assert await standing(desk) == []
    with pytest.raises(JudgementRefused, match="no judgement on its website stands"):
        await desk.judgements.clear(UEN, "site", None, "tan", look_again=False)


async def test_one_campaign_looks_at_what_was_judged(desk: Desk) -> None:
    await desk.enriched()
    assert (await desk.judge(Word.ACCEPT, look_again=True)).campaign_id is None, "nothing new could be found"
    done = await desk.judge(Word.SET, "pumps.sg", look_again=True)
    row = await one(
        desk.owner,
        "SELECT name, enqueued_by, again_by FROM acra_express.campaigns WHERE campaign_id = $1",
        done.campaign_id,
    )
    assert row == {"name": "judgement", "enqueued_by": "mei", "again_by": "mei"}
    assert await one(desk.owner, "SELECT uen FROM acra_express.campaign_uens") == {"uen": UEN}
    params = await desk.owner.fetchval("SELECT params FROM background_jobs WHERE job_id = $1", done.campaign_id)
    assert Campaign.parse(params["campaign"]).id == done.campaign_id
    cleared, campaign_id = await desk.judgements.clear(UEN, "site", None, "mei", look_again=True)
    assert cleared == 1
    assert campaign_id not in (None, done.campaign_id)


async def test_a_file_looks_only_at_what_was_not_looked_at(desk: Desk) -> None:
    await desk.enriched()
    await desk.enriched("199000001A", "rose.sg", job=2)
    await desk.judge(Word.NONE)
    await desk.judge(Word.NONE, uen="199000001A")
    await advance(desk.owner, 1)
    await desk.enriched("199000001A", "rose.sg", job=3)
    await desk.owner.execute("UPDATE acra_express.outcomes SET ended_at = acra_express.clock() WHERE job_id = 3")
    campaign_id, companies = await desk.judgements.look_again([UEN, "199000001A"], "mei")
    assert companies == 1
    assert await one(desk.owner, "SELECT campaign_id, uen FROM acra_express.campaign_uens") == {
        "campaign_id": campaign_id,
        "uen": UEN,
    }


async def test_an_opt_out_stands_above_every_judgement(desk: Desk) -> None:
    await desk.enriched()
    await record_opt_out(desk.owner, "domain", "pumps.sg", desk.hashes)
    await record_opt_out(desk.owner, "address", "info@lotus.com.sg", desk.hashes)
    with pytest.raises(JudgementRefused, match=r"pumps\.sg has opted out"):
        await desk.judge(Word.SET, "pumps.sg")
    with pytest.raises(JudgementRefused, match=r"info@lotus\.com\.sg has opted out"):
        await desk.judge(Word.ACCEPT, "info@lotus.com.sg", field="email")
    await record_opt_out(desk.owner, "company", UEN, desk.hashes)
    with pytest.raises(JudgementRefused, match=f"{UEN} has opted out"):
        await desk.judge(Word.NONE)
    assert await count(desk.owner, "acra_express.judgements") == 0


@pytest.mark.parametrize(
    ("word", "value", "more", "sentence"),
    [
        (Word.SET, "a.sg", {"uen": "199999999Z"}, "199999999Z is neither in the registry nor in companies"),
        (Word.ACCEPT, "rose.sg", {}, "the website that was found is lotus.com.sg, not rose.sg"),
        (Word.ACCEPT, "x@y.sg", {"field": "email"}, "x@y.sg is not among what was found"),
        (Word.ACCEPT, "+6561234567", {"field": "phone"}, r"\+6561234567 is not among what was found"),
        (Word.NONE, None, {"sample_id": 7}, "is not in sample 7"),
    ],
)
async def test_what_cannot_be_judged_is_refused_in_a_sentence(
    desk: Desk, word: Word, value: str | None, more: dict[str, object], sentence: str
) -> None:
    await desk.enriched()
    with pytest.raises(JudgementRefused, match=sentence):
        await desk.judge(word, value, **more)
    assert await count(desk.owner, "acra_express.judgements") == 0


async def test_withdraw_is_for_the_role_alone_and_its_owner(desk: Desk) -> None:
    row = await one(
        desk.owner,
        """
        SELECT p.prosecdef, p.proconfig, pg_get_userbyid(p.proowner) = current_user AS owned,
               has_function_privilege('acra_express', p.oid, 'EXECUTE') AS role,
               EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0) AS everyone
        FROM pg_proc p WHERE p.oid = 'acra_express.withdraw(bigint,text,text)'::regprocedure
        """,
    )
    assert row == {
        "prosecdef": True,
        "proconfig": ["search_path=pg_catalog, pg_temp"],
        "owned": True,
        "role": True,
        "everyone": False,
    }
    async with desk.database.session() as connection:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="not company"):
            await connection.fetchval("SELECT acra_express.withdraw(1, 'company', 'x')")


@pytest.mark.parametrize("table", ["contacts", "email_verification_cache", "lead_emails", "company_enrichment_runs"])
async def test_withdraw_copes_with_missing_tables_and_columns(desk: Desk, table: str) -> None:
    await desk.enriched()
    await desk.owner.execute("ALTER TABLE companies DROP COLUMN sg_phone")
    await desk.owner.execute(f"DROP TABLE {table} CASCADE")
    assert (await desk.judge(Word.REJECT, "lotus.com.sg")).withdrawn >= 5


async def test_withdraw_knows_lists_in_companies(desk: Desk) -> None:
    """The platform's code writes lists into these columns where they are arrays."""
    await desk.enriched()
    await desk.owner.execute(
        "ALTER TABLE companies ALTER email TYPE text[] USING ARRAY[email],"
        " ALTER phone_number TYPE text[] USING ARRAY[phone_number]"
    )
    await desk.judge(Word.REJECT, "lotus.com.sg")
    row = await one(desk.owner, "SELECT email, phone_number FROM companies WHERE uen = $1", UEN)
    assert row == {"email": None, "phone_number": None}


async def test_a_person_kind_is_told_by_the_outcome(desk: Desk) -> None:
    """A role's address of another company is not known as a role here, so only its hash is kept."""
    await desk.enriched()
    await desk.judge(Word.ACCEPT, "info@lotus.com.sg", field="email")
    await desk.judge(Word.REJECT, "sales@rose.sg", field="email")
    lines = await desk.judgements.listed(uen=UEN, sample_id=None, ended=False, limit=5)
    assert [line.value for line in lines] == [None, "info@lotus.com.sg"]


async def test_accepting_what_was_rejected_looks_again(desk: Desk) -> None:
    """The rejection had withdrawn what was found there, so it must be found once more."""
    await desk.enriched()
    await desk.judge(Word.REJECT, "lotus.com.sg")
    done = await desk.judge(Word.ACCEPT, look_again=True)
    assert (done.value, done.campaign_id is not None) == ("lotus.com.sg", True)
    assert (await desk.judge(Word.ACCEPT, look_again=True)).campaign_id is None
    assert (await desk.judgements.look_again([UEN], "mei"))[1] == 1, "in a file too"


@pytest.mark.parametrize(
    ("kind", "reason", "site"),
    [
        ("enriched", "", "lotus.com.sg"),
        ("enriched", "", "rose.sg"),
        ("enriched", "", None),
        ("no_website", "no_proof", None),
        ("no_website", "site_opted_out", None),
        ("failed", "internal_error", None),
    ],
)
@pytest.mark.parametrize(
    ("word", "value"),
    [(Word.ACCEPT, None), (Word.SET, "rose.sg"), (Word.REJECT, "rose.sg"), (Word.REJECT, "x.sg"), (Word.NONE, None)],
)
async def test_both_rules_of_what_is_overruled_agree(
    desk: Desk, kind: str, reason: str, site: str | None, word: Word, value: str | None
) -> None:
    """`contradicted` tells of any time what the database's `is_overruled` tells of now."""
    await desk.enriched()
    await desk.judge(word, value)
    lines = await desk.judgements.listed(uen=UEN, sample_id=None, ended=False, limit=10)
    detail = None if site is None else {"site": {"domain": site}}
    overruled = await desk.owner.fetchval(
        "SELECT acra_express.is_overruled($1, $2, $3, $4::jsonb)", UEN, kind, reason, detail
    )
    assert contradicted(lines, kind, reason, site) == bool(overruled)


async def test_judgements_are_listed_by_company_sample_and_age(desk: Desk) -> None:
    await desk.enriched()
    await desk.enriched("199000001A", "rose.sg", job=2)
    for uen, word in ((UEN, Word.ACCEPT), ("199000001A", Word.ACCEPT), (UEN, Word.NONE)):
        await desk.judge(word, uen=uen)

    async def found(uen: str | None, *, ended: bool = False, limit: int = 9) -> list[tuple[str, str]]:
        lines = await desk.judgements.listed(uen=uen, sample_id=None, ended=ended, limit=limit)
        return [(line.uen, line.judgement) for line in lines]

    assert await found(None) == [(UEN, "none"), ("199000001A", "accept")]
    assert await found(None, ended=True) == [(UEN, "none"), ("199000001A", "accept"), (UEN, "accept")]
    assert await found(None, ended=True, limit=1) == [(UEN, "none")]
    assert await found(UEN, ended=True) == [(UEN, "none"), (UEN, "accept")]
    assert await found("199000001A") == [("199000001A", "accept")]
    assert await desk.judgements.listed(uen=UEN, sample_id=1, ended=True, limit=9) == []
