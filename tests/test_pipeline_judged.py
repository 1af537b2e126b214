"""The pipeline of a company about which a person has said something: what it reads, believes and never answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_pipeline import COMPANY, CONTACT, HOME, PAGES, UEN, FreeScope, World, pipeline

from acra_express_async.models import Judged, OutcomeKind, Page, SearchHit

RIVAL = "https://orchidhardware.com.sg/"
RIVAL_PAGE = Page(RIVAL, "Orchid Hardware", f"Bolts. UEN {UEN} hello@orchidhardware.com.sg 6741 1199 Singapore 415874")


def judged(**said: object) -> Judged:
    return Judged(**said)  # type: ignore[arg-type]


async def test_a_set_site_is_read_without_a_search_and_believed() -> None:
    """Nothing on it names the company; a person knows better."""
    stranger = "https://boltsandnuts.com/"
    world = World(
        pages={stranger: Page(stranger, "Bolts", "We sell bolts. sales@boltsandnuts.com 6741 1100", tokens=9)}
    )
    outcome = await pipeline(world).run(replace(COMPANY, judged=judged(site="boltsandnuts.com")), FreeScope())
    assert not [call for call in world.calls if call.startswith("search")]
    assert (outcome.kind, outcome.queries) == (OutcomeKind.ENRICHED, ())
    assert outcome.site is not None
    assert (outcome.site.domain, outcome.site.points) == ("boltsandnuts.com", 100)
    assert [seen.signal for seen in outcome.site.evidence] == ["person"]
    assert [mail.address for mail in outcome.emails] == ["sales@boltsandnuts.com"]
    assert [phone.number for phone in outcome.phones] == ["+6567411100"]


async def test_a_set_site_is_read_on_to_its_contact_page() -> None:
    world = World()
    outcome = await pipeline(world).run(replace(COMPANY, judged=judged(site="orchidhardware.sg")), FreeScope())
    assert world.calls[:2] == [f"read {HOME}", f"read {CONTACT}"]
    assert outcome.emails[0].address == "info@orchidhardware.sg"


@pytest.mark.parametrize(
    "page",
    [
        Page(HOME, "", "", usable=False, unusable_reason="http_404"),
        Page(HOME, "Orchid Hardware", "This domain may be for sale"),
        Page(HOME, "Just a moment...", "Verify you are human by completing the action below"),
    ],
    ids=["gone", "parked", "bot check"],
)
async def test_a_dead_set_site_fails_and_nothing_else_is_tried(page: Page) -> None:
    world = World(pages={HOME: page})
    outcome = await pipeline(world).run(replace(COMPANY, judged=judged(site="orchidhardware.sg")), FreeScope())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, "judged_site_unreadable")
    assert (outcome.site, outcome.emails, outcome.phones) == (None, (), ())
    assert all("orchidhardware.sg" in call for call in world.calls)
    assert outcome.rejected[0].domain == "orchidhardware.sg"


async def test_a_company_without_a_site_costs_no_call() -> None:
    world = World()
    company = replace(COMPANY, judged=judged(no_site=True))
    outcome = await pipeline(world).run(company, FreeScope())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.NO_WEBSITE, "judged")
    assert world.calls == []
    assert pipeline(world).refused(company) == outcome, "it takes no slot of the day"


@pytest.mark.parametrize("known", [None, "orchidhardware.sg"], ids=["searched", "known to the platform"])
async def test_a_rejected_site_is_never_read_or_answered(known: str | None) -> None:
    world = World(hits=(SearchHit(1, "Orchid Hardware", HOME, f"Bolts UEN {UEN}"),))
    company = replace(COMPANY, website_domain=known, judged=judged(rejected_sites=frozenset(["orchidhardware.sg"])))
    outcome = await pipeline(world).run(company, FreeScope())
    assert (outcome.kind, outcome.site, outcome.rejected) == (OutcomeKind.NO_WEBSITE, None, ())
    assert not [call for call in world.calls if call.startswith("read")]
    assert len([call for call in world.calls if call.startswith("search")]) == 2, "it looks on for another one"


async def test_the_next_best_site_takes_the_place_of_a_rejected_one() -> None:
    hits = (SearchHit(1, "Orchid Hardware", HOME, "Bolts"), SearchHit(2, "Orchid Hardware", RIVAL, "Bolts"))
    world = World(hits=hits, pages=dict(PAGES) | {RIVAL: RIVAL_PAGE})
    company = replace(COMPANY, judged=judged(rejected_sites=frozenset(["orchidhardware.sg"])))
    outcome = await pipeline(world).run(company, FreeScope())
    assert outcome.site is not None
    assert outcome.site.domain == "orchidhardware.com.sg"


async def test_a_redirect_does_not_lead_to_a_rejected_site() -> None:
    links = f"[Home]({RIVAL}) [Contact]({RIVAL}contact)"
    world = World(pages={HOME: Page(HOME, "Orchid Hardware", f"UEN {UEN} info@orchidhardware.com.sg {links}")})
    company = replace(COMPANY, judged=judged(rejected_sites=frozenset(["orchidhardware.com.sg"])))
    outcome = await pipeline(world).run(company, FreeScope())
    assert outcome.site is None


async def test_rejected_contacts_are_neither_verified_nor_answered() -> None:
    world = World()
    gone = frozenset(["info@orchidhardware.sg", "+6567411100"])
    outcome = await pipeline(world).run(replace(COMPANY, judged=judged(rejected_contacts=gone)), FreeScope())
    assert outcome.kind is OutcomeKind.ENRICHED
    assert [mail.address.split("@")[0] for mail in outcome.emails] == ["sales", "farah"]
    assert outcome.phones == ()
    assert "verify info@orchidhardware.sg" not in world.calls


async def test_an_opt_out_stands_above_a_set_site() -> None:
    company = replace(COMPANY, judged=judged(site="orchidhardware.sg"))
    own = World(opted_out={"orchidhardware.sg"})
    outcome = await pipeline(own).run(company, FreeScope())
    assert (outcome.kind, outcome.reason, own.calls) == (OutcomeKind.NO_WEBSITE, "site_opted_out", [])
    uen = World(opted_out={UEN})
    outcome = await pipeline(uen).run(company, FreeScope())
    assert (outcome.kind, outcome.reason) == (OutcomeKind.SKIPPED, "opted_out")
    outcome = await pipeline(uen).run(replace(COMPANY, judged=judged(no_site=True), opted_out=True), FreeScope())
    assert outcome.reason == "opted_out"
    links = f"[Home]({RIVAL}) [Contact]({RIVAL}contact)"
    moved = World(opted_out={"orchidhardware.com.sg"})
    moved.pages = {HOME: Page(HOME, "Orchid Hardware", f"UEN {UEN} 6741 1100 {links}")}
    outcome = await pipeline(moved, max_pages=1).run(company, FreeScope())
    assert (outcome.site, outcome.phones, outcome.reason) == (None, (), "site_opted_out")


async def test_a_set_site_that_redirects_stays_the_answer() -> None:
    links = f"[Home]({RIVAL}) [Contact]({RIVAL}contact)"
    world = World(pages={HOME: Page(HOME, "Orchid Hardware", f"UEN {UEN} 6741 1100 {links}")})
    outcome = await pipeline(world, max_pages=1).run(
        replace(COMPANY, judged=judged(site="orchidhardware.sg")), FreeScope()
    )
    assert outcome.site is not None
    assert outcome.site.domain == "orchidhardware.sg"
