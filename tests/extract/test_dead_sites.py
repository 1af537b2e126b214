"""Dead and living sites by what they print; a search result from better days makes none the answer."""

from __future__ import annotations

import pytest
from extract.builders import company, hit
from extract.dead_pages import DEAD, LIVE, Shown
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from acra_express_async.extract.candidates import candidates_in
from acra_express_async.extract.dead_site_phrases import Phrases, phrases
from acra_express_async.extract.dead_sites import remains_among, remains_of, remains_told
from acra_express_async.extract.identity import Doubt, Judgement, judge
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Page

FIRM = company("BRIGHTWAY MARINE SUPPLIES PTE. LTD.", block="12", street_name="TUAS AVENUE 3", postal_code="639421")
OLD_RESULT = (
    f"Brightway Marine Supplies Pte Ltd, UEN {FIRM.uen}. Ship chandlers. "
    "12 Tuas Avenue 3, Singapore 639421, +65 6741 1100"
)


def judged(shown: Shown, page: Page | None = None) -> Judgement:
    """The judgement of a page that a search result from better days vouches for."""
    names = names_for(FIRM)
    [candidate] = candidates_in([hit(shown.url, "Brightway Marine Supplies", OLD_RESULT)], FIRM, names)
    return judge(candidate, [page or shown.page()], FIRM, names)


@pytest.mark.parametrize("shown", DEAD, ids=lambda shown: shown.name)
def test_a_dead_page_is_called_by_its_kind(shown: Shown) -> None:
    remains = remains_of(shown.page())
    assert remains is not None
    assert (remains.end.value, bool(remains.words)) == (shown.end, True)


@pytest.mark.parametrize("shown", LIVE, ids=lambda shown: shown.name)
def test_a_living_page_with_the_same_words_lives(shown: Shown) -> None:
    assert remains_of(shown.page()) is None


@pytest.mark.parametrize("shown", DEAD, ids=lambda shown: shown.name)
def test_an_old_search_result_revives_no_site(shown: Shown) -> None:
    judgement = judged(shown)
    assert not judgement.believed
    assert judgement.doubt == shown.end
    assert judgement.site.evidence[-1].detail


def test_a_blank_page_under_an_old_result_proves_nothing() -> None:
    shown = Shown("coming soon", "Coming soon", "Something new is on its way. Stay tuned.")
    assert judged(shown).doubt is Doubt.NO_PROOF


def test_a_result_counts_beside_a_page_that_bears_the_name() -> None:
    shown = Shown("card", "Brightway", "Brightway supplies ships. [Contact](/contact)")
    assert judged(shown).believed


@pytest.mark.parametrize(("status", "doubt"), [(404, Doubt.CLOSED_SHOP), (402, Doubt.CLOSED_SHOP)])
def test_an_error_page_tells_why_the_site_is_gone(status: int, doubt: Doubt) -> None:
    shop = next(shown for shown in DEAD if shown.name == "shopify unavailable")
    page = Page(shop.url, shop.title, shop.text, http_status=status, usable=False, unusable_reason=f"http_{status}")
    assert judged(shop, page).doubt is doubt


@pytest.mark.parametrize("reason", ["http_404", "http_410", "unresolvable"])
def test_the_uen_in_a_result_revives_no_page_that_is_gone(reason: str) -> None:
    gone = Page(DEAD[0].url, "", "", usable=False, unusable_reason=reason)
    assert judged(DEAD[0], gone).doubt is Doubt.UNREADABLE
    walled = Page(DEAD[0].url, "", "", usable=False, unusable_reason="captcha")
    assert judged(DEAD[0], walled).believed


def test_a_result_that_offers_the_domain_is_enough_unread() -> None:
    told = remains_told("brightwaymarine.com.sg is for sale. Related searches and offers.")
    assert told is not None
    assert told.end == "parked"
    assert remains_told("Brightway Realty: condos for sale. Opening soon.") is None


def test_a_parked_domain_is_one_at_any_length() -> None:
    menus = "Catalogue Training Pricing\n" * 500
    for text in (
        f"This web page is parked FREE, courtesy of GoDaddy.com.\n{menus}",
        f"{menus}\nCall us to buy this domain",
    ):
        assert remains_of(Page("https://orchid.sg/", "orchid.sg", text)) is not None
    living = Page("https://orchid.sg/", "Orchid Hardware", f"{menus}\nRelated searches: bolts, nuts")
    assert remains_of(living) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Our shop is closed on Mondays. Powered by Shopify",
        "Just another WordPress site",
        "Has your plan expired? If you need to renew, log in here.",
    ],
)
def test_a_page_that_prints_a_uen_has_an_owner(sentence: str) -> None:
    page = Page(
        f"https://{FIRM.uen.lower()}.sg/", "Brightway Marine", f"{sentence}\n\nUEN {FIRM.uen}\n\nShip chandlers."
    )
    assert remains_of(page) is None


def test_a_page_that_is_gone_is_no_site_that_is_gone() -> None:
    home = Page(f"https://{FIRM.uen.lower()}.sg/", "Brightway Marine", f"Ship chandlers. UEN {FIRM.uen}")
    contact = Page(f"{home.url}contact", "Brightway Marine", "This site is not available.")
    assert remains_among([home, contact]) is None
    assert remains_among([contact]) is not None


def test_ad_words_of_the_trade_bear_no_name() -> None:
    """Parked domains print the words of their own address as links."""
    shown = Shown("ads", "brightwaymarine.com.sg", "What are you looking for?\n\nShip Chandler\n\nMarine Engines")
    assert not judged(shown).believed


def test_a_result_about_a_closed_firm_ends_no_unread_site() -> None:
    assert remains_told("Brightway Marine Supplies has ceased operations, says a blog.") is None


@pytest.mark.parametrize("domain", ["bio.link", "taplink.cc", "lnk.bio", "bit.ly"])
def test_a_page_of_links_is_not_the_site(domain: str) -> None:
    names = names_for(FIRM)
    result = hit(f"https://{domain}/brightway", "Brightway Marine Supplies", OLD_RESULT)
    for candidate in candidates_in([result], FIRM, names):
        page = Page(result.url, "Brightway Marine Supplies", OLD_RESULT)
        assert not judge(candidate, [page], FIRM, names).believed


_OTHER_CASES = frozenset("\u0130\u0131\u017f\u212a")
"""Letters that only a pattern equates with i, s and k; two of them are plain letters after cleaning."""


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
def test_whatever_a_phrase_matches_holds_one_of_its_anchors(data: st.DataObject) -> None:
    each = data.draw(st.sampled_from(phrases()), label="phrases")
    said = data.draw(st.from_regex(each.pattern), label="said")
    assume(not _OTHER_CASES.intersection(said))
    assert each.may_stand_in(said.lower())


@pytest.mark.parametrize("each", phrases(), ids=lambda each: f"{each.end}-{each.weight}")
def test_a_page_without_any_anchor_is_passed_over(each: Phrases) -> None:
    assert all(len(anchor) > 1 for anchor in each.anchors)
    assert not each.may_stand_in("we bake bread in a shop at tiong bahru")
