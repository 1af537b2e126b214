"""`explain` and `forget` as typed by a person: a right answer, a "none", a rejected trap, and a complete removal."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from process import acra_express

from acra_express_async import extract
from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.companies.stored_outcome import facts_of
from acra_express_async.db.session.pool import Connection
from acra_express_async.extract.identity import Doubt
from acra_express_async.extract.labels import Fit
from acra_express_async.models import (
    Email,
    EmailKind,
    Evidence,
    Job,
    JobId,
    JobType,
    Outcome,
    OutcomeKind,
    Phone,
    Reading,
    Site,
    Token,
    Usage,
    VerificationResult,
)
from acra_express_async.records.reasons import REASONS, REJECTED, SIGNALS

UEN = "201912345K"
HOME = "https://lotus.com.sg/"
AT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
Run = Callable[..., Awaitable[tuple[int, str, str]]]

RIGHT = Outcome(
    OutcomeKind.ENRICHED,
    site=Site(
        "lotus.com.sg",
        "https://lotus.com.sg/",
        70,
        (
            Evidence("uen", 60, "https://lotus.com.sg/about", UEN),
            Evidence("sg_domain", 10, "https://lotus.com.sg/"),
        ),
    ),
    rejected=(
        Site(
            "lotuspond.com",
            "https://lotuspond.com/",
            -25,
            (
                Evidence("elsewhere", -25, "https://lotuspond.com/", "Ohio"),
                Evidence("rejected_elsewhere", 0, "https://lotuspond.com/"),
            ),
        ),
    ),
    about="Lotus repairs pumps.",
    emails=(
        Email(
            "info@lotus.com.sg",
            EmailKind.ROLE,
            "https://lotus.com.sg/contact",
            "info",
            VerificationResult("info@lotus.com.sg", "do_not_mail", "role_based", checked_at=AT),
        ),
        Email("mei.tan@lotus.com.sg", EmailKind.PERSON, "https://lotus.com.sg/team"),
    ),
    phones=(Phone("+6561112222", "phone", "https://lotus.com.sg/contact"),),
    postal_code="637123",
    postal_code_url="https://lotus.com.sg/contact",
    pages=("https://lotus.com.sg/", "https://lotus.com.sg/contact", "https://lotus.com.sg/team"),
    readings=(
        Reading(HOME, tokens=1700, cut_at=1500, footer_read=True),
        Reading(f"{HOME}contact", tokens=900, cut_at=900),
        Reading(f"{HOME}team", tokens=40),
    ),
    queries=("lotus pumps singapore",),
    usage=Usage(searches=1, pages=2, tokens=2100, verifications=1),
    stage_seconds=(("search", 1.0), ("read", 2.5)),
)
NONE = Outcome(OutcomeKind.NO_WEBSITE, "no_search_results", queries=("lotus pumps singapore", "lotus pumps"))
TRAP = Outcome(
    OutcomeKind.NO_WEBSITE,
    "other_company",
    rejected=(
        Site(
            "lotusgroup.sg",
            "https://lotusgroup.sg/",
            5,
            (
                Evidence("domain_part", 15, "https://lotusgroup.sg/", "lotusgroup.sg"),
                Evidence("seen_in_a_dream", 10, "https://lotusgroup.sg/"),
                Evidence("other_uen", -50, "https://lotusgroup.sg/", "198800001A"),
                Evidence("rejected_other_company", 0, "https://lotusgroup.sg/"),
            ),
        ),
    ),
)


@pytest.fixture
def run(fresh_dsn: str) -> Run:
    async def run(*arguments: str) -> tuple[int, str, str]:
        return await acra_express(*arguments, POSTGRES_DSN=fresh_dsn)

    return run


async def decided(owner: Connection, outcome: Outcome, job_id: int = 7, hour: int = 4) -> None:
    """Store an outcome as the service does, at this hour (UTC) of 1 March."""
    job = Job(JobId(job_id), JobType.ENRICHMENT, Token(1), {}, AT, attempt=2)
    facts = facts_of(job, outcome, hashes=await load_address_hash(owner), store_personal=False)
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, ended_at, detail)"
        " VALUES ($1, 1, $2, $3, $4, $5, $6)",
        job_id,
        UEN,
        outcome.kind.value,
        outcome.reason,
        AT.replace(hour=hour),
        facts.detail,
    )


@pytest.fixture
def company(owner: Connection) -> Callable[[], Awaitable[None]]:
    async def make() -> None:
        await owner.execute(
            "INSERT INTO companies (company_id, uen, name, website_domain)"
            " VALUES (1, $1, 'LOTUS PUMPS PTE. LTD.', 'lotus.com.sg')",
            UEN,
        )

    return make


async def test_explain_shows_the_evidence_for_a_website(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    await company()
    await decided(owner, RIGHT)
    code, out, err = await run("explain", UEN.lower())
    assert (code, err) == (0, "")
    hashed = (await load_address_hash(owner)).text("mei.tan@lotus.com.sg")
    assert out.splitlines() == [
        f"LOTUS PUMPS PTE. LTD. ({UEN})",
        "Decided on 01 Mar 2026 12:00 +08:00, in job 7 (attempt 2): its own website is lotus.com.sg.",
        "",
        "Searched: lotus pumps singapore.",
        f"Read: {HOME} (cut at 1500 tokens, read again for its footer), {HOME}contact (cut at 900 tokens), {HOME}team.",
        "",
        "Why lotus.com.sg: 70 points.",
        f'   +60  its UEN is on the page: "{UEN}", at https://lotus.com.sg/about [uen]',
        "   +10  the domain ends in .sg, at https://lotus.com.sg/ [sg_domain]",
        "",
        "Rejected candidates:",
        "lotuspond.com: -25 points, but it is a company in another country.",
        '   -25  an address or number in another country: "Ohio", at https://lotuspond.com/ [elsewhere]',
        "",
        "Contacts:",
        "  info@lotus.com.sg, do_not_mail (role_based) according to zerobounce, seen at https://lotus.com.sg/contact",
        f"  person address, kept only as hash {hashed[:12]}, not verified, seen at https://lotus.com.sg/team",
        "  +6561112222 (phone), seen at https://lotus.com.sg/contact",
        "  postal code 637123, seen at https://lotus.com.sg/contact",
        "",
        "It cost 1 search request, 2 page requests for 3 pages, 2100 tokens, 1 verification and 3.5 s.",
    ]


async def test_explain_shows_a_none_and_a_later_skip(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    await company()
    await decided(owner, NONE)
    await decided(owner, Outcome(OutcomeKind.SKIPPED, "recently_checked"), job_id=9, hour=6)
    _, out, _ = await run("explain", UEN)
    assert "in job 7 (attempt 2): no website was found, because the search found nothing (no_search_results)." in out
    assert "Since then, on 01 Mar 2026 14:00 +08:00 in job 9: skipped, because it had been checked" in out
    assert "Searched: lotus pumps singapore; lotus pumps.\nRead: no page." in out
    _, out, _ = await run("explain", UEN, "--json")
    told = json.loads(out)
    assert (told["decision"]["reason"], told["since"]["job_id"], told["opted_out"]) == ("no_search_results", 9, None)


async def test_explain_shows_why_a_candidate_was_rejected(run: Run, owner: Connection) -> None:
    await decided(owner, TRAP)
    _, out, _ = await run("explain", UEN)
    assert "because the best candidate belongs to another company (other_company)" in out
    assert '   -50  another company\'s UEN is on the page: "198800001A", at https://lotusgroup.sg/' in out
    assert "lotusgroup.sg: 5 points, but it belongs to another company." in out
    assert "   +15  one word of the name is in the domain:" in out
    assert "   +10  seen in a dream, at" in out  # a signal without a description is printed by its name


def test_every_signal_and_every_doubt_has_a_description() -> None:
    """A signal occurs in the code as `Evidence("name", …)`, as a fit of a domain or as a doubt."""
    package = Path(extract.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in package.glob("*.py"))
    written = set(re.findall(r'Evidence\(\s*"(\w+)"', source))
    written |= {word for pair in re.findall(r'"(\w+)" if (?:crowded|told) else "(\w+)"', source) for word in pair}
    fits = {f"domain_{fit}" for fit in Fit if fit is not Fit.NONE}
    assert len(written) > 25
    assert written | fits <= set(SIGNALS)
    doubts = {doubt.value for doubt in Doubt if doubt.value}
    assert doubts | {"second_best", "not_read"} == set(REJECTED)
    assert doubts - {"unreadable"} <= set(REASONS)


async def test_a_hostile_page_does_not_reach_the_terminal(run: Run, owner: Connection) -> None:
    seen = Evidence("other_uen", -50, "https://evil.sg/", "\x1b[2J198800001A\nDecided: yours")
    await decided(
        owner, Outcome(OutcomeKind.NO_WEBSITE, "other_company", rejected=(Site("evil.sg", "", -50, (seen,)),))
    )
    _, out, _ = await run("explain", UEN)
    assert "\x1b" not in out
    assert '" [2J198800001A Decided: yours", at https://evil.sg/' in out


async def test_explain_tells_a_past_decision(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    await company()
    await decided(owner, NONE, job_id=7, hour=4)
    await decided(owner, RIGHT, job_id=9, hour=6)
    _, out, _ = await run("explain", UEN)
    assert "in job 9 (attempt 2): its own website is lotus.com.sg." in out
    code, out, err = await run("explain", UEN, "--at", "2026-03-01T13:00")
    assert (code, err) == (0, "")
    none = "no website was found, because the search found nothing (no_search_results)"
    assert out.splitlines()[1:3] == [
        "As it stood on 01 Mar 2026 13:00 +08:00:",
        f"Decided on 01 Mar 2026 12:00 +08:00, in job 7 (attempt 2): {none}.",
    ]
    assert "lotus.com.sg" not in out
    _, out, _ = await run("explain", UEN, "--at", "2026-02-28")
    assert out.splitlines()[-1] == "Nothing had been decided about it."
    code, _, err = await run("site", UEN, "--reject", "lotus.com.sg", "--by", "mei", "--no-run")
    assert (code, err) == (0, "")
    assert "mei said" in (await run("explain", UEN))[1]
    _, out, _ = await run("explain", UEN, "--at", "2026-03-01T15:00")  # before the judgement
    assert "mei said" not in out
    assert "its own website is lotus.com.sg." in out
    _, out, _ = await run("explain", UEN, "--at", "2026-03-01T13:00+08:00", "--json")
    assert json.loads(out)["decision"]["story"]["reason"] == "no_search_results"


async def test_explain_marks_what_a_person_withdrew(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    await company()
    await decided(owner, RIGHT)
    person = "mei.tan@lotus.com.sg"
    for value, word in ((person, "--reject"), ("+6561112222", "--reject"), ("info@lotus.com.sg", "--accept")):
        assert (await run("contact", UEN, value, word, "--by", "mei"))[0] == 0
    out = (await run("explain", UEN))[1]
    hashed = (await load_address_hash(owner)).text(person)
    contacts = out.partition("Contacts:\n")[2].splitlines()
    assert contacts[0].endswith("seen at https://lotus.com.sg/contact; a person confirmed it")
    assert contacts[1].startswith(f"  person address, kept only as hash {hashed[:12]}, not verified")
    assert contacts[1].endswith("; withdrawn, a person rejected it")
    assert contacts[2] == "  +6561112222 (phone), seen at https://lotus.com.sg/contact; withdrawn, a person rejected it"
    told = json.loads((await run("explain", UEN, "--json"))[1])
    assert [phone["judged"] for phone in told["decision"]["story"]["phones"]] == ["reject"]
    assert "subject" not in told["judgements"][0]
    assert (await run("site", UEN, "--reject", "lotus.com.sg", "--by", "mei", "--no-run"))[0] == 0
    out = (await run("explain", UEN))[1]
    assert "What a person said stands above this decision; what it had stored is withdrawn." in out
    assert "Contacts (withdrawn with the site):" in out
    assert (await run("site", UEN, "--clear", "--by", "mei", "--no-run"))[0] == 0
    assert "stands above" not in (await run("explain", UEN))[1]
    judged = await owner.fetchval("SELECT max(judged_at) FROM acra_express.judgements WHERE field = 'site'")
    then = await run("explain", UEN, "--at", judged.isoformat())  # the site was rejected at that moment
    assert "stands above this decision" in then[1]


async def test_explain_names_a_domain_that_opted_out(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    await company()
    await decided(owner, RIGHT)
    await owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('domain', 'lotus.com.sg', $1)", AT
    )
    said = "lotus.com.sg opted out on 01 Mar 2026 12:00 +08:00; nothing is read or stored from it any more."
    assert said in (await run("explain", UEN))[1]
    [told] = json.loads((await run("explain", UEN, "--json"))[1])["opted_out_domains"]
    assert told["domain"] == "lotus.com.sg"
    assert (await run("forget", "lotus.com.sg", "--yes"))[0] == 0
    out = (await run("explain", UEN))[1]
    assert "The details are no longer stored: its site had opted out." in out
    assert "lotus.com.sg" not in out


async def test_explain_without_a_decision_says_so(
    run: Run, owner: Connection, company: Callable[[], Awaitable[None]]
) -> None:
    code, _, err = await run("explain", UEN)
    assert code == 1
    assert err.strip() == f"acra-express: {UEN} is not in the registry, and nothing was ever decided about it"
    await company()
    code, out, _ = await run("explain", UEN)
    assert (code, out.splitlines()[1]) == (0, "Nothing has been decided about it yet.")


async def test_forget_removes_a_company(run: Run, owner: Connection, company: Callable[[], Awaitable[None]]) -> None:
    await company()
    await decided(owner, RIGHT)
    code, out, err = await run("forget", UEN, "--json", "--yes")
    answer: dict[str, Any] = json.loads(out)
    removed = {"companies": 1, "acra_express.outcomes": 1, "acra_express.field_history": 7}
    assert (code, answer) == (
        0,
        {"kind": "company", "value": UEN, "removed": removed},
    ), err
    assert await owner.fetchval("SELECT website_domain FROM companies WHERE uen = $1", UEN) is None
    code, out, _ = await run("forget", UEN, "--yes")
    assert (code, out.strip()) == (0, f"company {UEN}: opted out; nothing was stored")
    _, out, _ = await run("explain", UEN)
    assert "Opted out on" in out
    assert "The details are no longer stored: what had been found was removed on request." in out
    assert "lotus.com.sg" not in out


async def test_forget_an_address_leaves_no_trace_of_it(run: Run, owner: Connection) -> None:
    await decided(owner, RIGHT)
    code, out, err = await run("forget", "Info@Lotus.com.sg", "--yes")
    removed = "1 in acra_express.outcomes, 2 in acra_express.field_history"
    assert (code, out.strip()) == (0, f"address info@lotus.com.sg: opted out; removed: {removed}"), err
    hashes: AddressHash = await load_address_hash(owner)
    listed = await owner.fetch("SELECT kind, value FROM acra_express.opt_outs")
    assert [tuple(row) for row in listed] == [("address", hashes.text("info@lotus.com.sg"))]
    assert "info@lotus.com.sg" not in str(await owner.fetchval("SELECT detail FROM acra_express.outcomes"))


async def test_forget_asks_first_and_refuses_an_unclear_subject(run: Run, owner: Connection) -> None:
    code, _, err = await run("forget", "lotus")
    assert code == 2
    assert "lotus is not a UEN, a domain or a mail address" in err
    code, _, _ = await run("forget", UEN)  # without a terminal to confirm, nothing happens
    assert code == 1
    code, out, err = await run("forget", UEN, "--json")
    assert (code, out) == (1, "")
    assert json.loads(err) == {"error": "not confirmed (--yes does not ask); nothing was done"}
    assert await owner.fetchval("SELECT count(*) FROM acra_express.opt_outs") == 0


async def test_an_opt_out_can_be_listed_and_taken_back(run: Run, owner: Connection) -> None:
    for subject in (UEN, "lotus.com.sg", "Info@Lotus.com.sg"):
        assert (await run("forget", subject, "--yes"))[0] == 0
    listed = json.loads((await run("optouts", "list", "--json"))[1])["items"]
    assert [one["kind"] for one in listed] == ["address", "domain", "company"]
    assert "lotus" not in listed[0]["value"]
    code, out, _ = await run("optouts", "list")
    assert (code, "lotus.com.sg" in out) == (0, True)
    code, out, err = await run("optouts", "remove", UEN.lower(), "--by", "Mei Ling", "--json")
    assert (code, json.loads(out)) == (0, {"kind": "company", "value": UEN, "removed_by": "Mei Ling"}), err
    assert (await run("optouts", "remove", listed[0]["value"], "--by", "Mei Ling"))[0] == 0
    code, out, _ = await run("optouts", "remove", "www.lotus.com.sg", "--by", "Mei Ling")
    assert (code, out) == (0, "the domain lotus.com.sg may be looked at again, as Mei Ling decided\n")
    assert (await run("optouts", "list"))[1] == "nobody has opted out\n"
    kept = await owner.fetch("SELECT kind, removed_by FROM acra_express.opt_out_removals ORDER BY kind")
    assert [tuple(row) for row in kept] == [(kind, "Mei Ling") for kind in ("address", "company", "domain")]
    code, _, err = await run("optouts", "remove", UEN, "--by", "Mei Ling")
    assert (code, err) == (1, f"acra-express: the company {UEN} has not opted out\n")
    assert (await run("optouts", "remove", UEN))[0] == 2
