from __future__ import annotations

import pytest
from extract.builders import OTHER_UEN, UEN, company, page, unreadable

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.next_page import leads_from
from acra_express_async.extract.reading_plan import (
    Progress,
    Step,
    chosen,
    names_for,
    next_step,
    reason_for_none,
    rejected,
)
from acra_express_async.models import Link, Page

HOME = "https://orchidhardware.sg/"
CONTACT = "https://orchidhardware.sg/contact-us"
FULL = f"UEN {UEN} info@orchidhardware.sg 6741 1100 S415874"


def candidate(domain: str = "orchidhardware.sg", points: int = 40) -> Candidate:
    return Candidate(domain, (f"https://{domain}/",), points, ())


def progress(*candidates: Candidate) -> Progress:
    firm = company()
    return Progress(firm, names_for(firm)).with_candidates(candidates or (candidate(),))


def following(state: Progress) -> str | None:
    step = next_step(state)
    return step.url if step else None


def test_reads_home_and_linked_contact_page_then_stops() -> None:
    state = progress()
    assert following(state) == HOME
    state = state.with_page("orchidhardware.sg", page(HOME, f"{FULL} [Contact]({CONTACT})"))
    assert following(state) == CONTACT
    state = state.with_page("orchidhardware.sg", page(CONTACT, FULL))
    assert following(state) is None
    found = chosen(state)
    assert found is not None
    assert found.judgement.site.domain == "orchidhardware.sg"


def test_a_complete_page_without_contact_links_ends_the_reading() -> None:
    assert following(progress().with_page("orchidhardware.sg", page(HOME, f"{FULL} [Contact](/contact)"))) is None


def test_conventional_paths_are_tried_last_and_only_if_needed() -> None:
    state = progress().with_page("orchidhardware.sg", page(HOME, f"UEN {UEN} [About](https://orchidhardware.sg/about)"))
    assert following(state) == "https://orchidhardware.sg/about"
    state = state.with_page("orchidhardware.sg", page("https://orchidhardware.sg/about", "We sell bolts."))
    assert following(state) == CONTACT


def test_an_imprint_page_is_read_while_ownership_is_unproven() -> None:
    text = "Bolts. Kaki Bukit Avenue 4. [Terms of use](https://boltnut.sg/terms)"
    state = progress(candidate("boltnut.sg", 5)).with_page(
        "boltnut.sg", page("https://boltnut.sg/", text, "Bolt & Nut")
    )
    assert following(state) == "https://boltnut.sg/terms"


def test_an_unreadable_site_is_tried_once_more() -> None:
    state = progress().with_page("orchidhardware.sg", unreadable(HOME))
    assert following(state) == CONTACT
    state = state.with_page("orchidhardware.sg", unreadable(CONTACT))
    assert following(state) is None
    assert reason_for_none(state, found_anything=True) == "site_unreadable"


def test_after_a_page_that_is_gone_the_home_page_is_read() -> None:
    """Search results keep addresses of pages long after the pages went."""
    contact, about, home = f"{HOME}contact.html", f"{HOME}about-us", HOME
    state = progress(Candidate("orchidhardware.sg", (contact, about, home), 40, ()))
    state = state.with_page("orchidhardware.sg", unreadable(contact))
    assert following(state) == home


def test_an_unread_site_comes_before_a_guessed_url() -> None:
    state = progress(candidate(), candidate("boltnut.sg", 5)).with_page("orchidhardware.sg", unreadable(HOME))
    assert following(state) == "https://boltnut.sg/"


def test_a_namesake_is_read_unless_the_proof_is_conclusive() -> None:
    rival = candidate("orchidhardware.com", 35)
    weak = progress(candidate(), rival).with_page("orchidhardware.sg", page(HOME, "6741 1100 info@orchidhardware.sg"))
    assert following(weak) == "https://orchidhardware.com/"
    proven = progress(candidate(), rival).with_page("orchidhardware.sg", page(HOME, FULL))
    assert following(proven) is None


def test_two_equal_sites_give_no_answer() -> None:
    state = progress(candidate(), candidate("orchid-hardware.sg"))
    for domain in ("orchidhardware.sg", "orchid-hardware.sg"):
        state = state.with_page(domain, page(f"https://{domain}/", f"6741 1100 info@{domain}"))
    assert chosen(state) is None
    assert reason_for_none(state, found_anything=True) == "ambiguous"


def test_a_proven_site_without_contacts_leads_to_the_next_one() -> None:
    state = progress(candidate(), candidate("orchidhardware.com", 35))
    state = state.with_page("orchidhardware.sg", page(HOME, f"UEN {UEN}"))
    assert following(state) == "https://orchidhardware.com/"
    state = state.with_page("orchidhardware.com", page("https://orchidhardware.com/", f"UEN {UEN} +65 6741 1100"))
    found = chosen(state)
    assert found is not None
    assert found.judgement.site.domain == "orchidhardware.com"


def test_rejected_sites_are_listed_best_first_with_reasons() -> None:
    state = progress(candidate(), candidate("orchid.de", 1))
    state = state.with_page("orchidhardware.sg", page(HOME, "This domain is for sale"))
    sites = rejected(state, None)
    assert [site.evidence[-1].signal for site in sites] == ["rejected_not_read", "rejected_parked"]


def test_nothing_found_and_nothing_credible_have_own_reasons() -> None:
    empty = Progress(company(), names_for(company()))
    assert reason_for_none(empty, found_anything=False) == "no_search_results"
    assert reason_for_none(empty, found_anything=True) == "no_credible_site"


def test_next_links_stay_on_the_site_and_prefer_absolute_urls() -> None:
    text = """[Contact](/contact) [Contact us](https://orchidhardware.sg/contact-us)
    [Contact](https://other.sg/contact) [Outlets](https://orchidhardware.sg/outlets) [Blog](https://orchidhardware.sg/blog)
    [联系我们](https://orchidhardware.sg/cn/lx) ![x](https://orchidhardware.sg/contact.png) [Login](/login)"""
    urls = [lead.url for lead in leads_from([page(HOME, text)], "orchidhardware.sg")]
    assert urls == [
        "https://orchidhardware.sg/contact-us",
        "https://orchidhardware.sg/cn/lx",
        "https://orchidhardware.sg/contact",
        "https://orchidhardware.sg/outlets",
    ]


def test_links_of_the_reader_summary_are_used_too() -> None:
    home = Page(HOME, "", "Welcome", (Link("Reach us", "https://orchidhardware.sg/x1"),))
    assert leads_from([home], "orchidhardware.sg")[0].url == "https://orchidhardware.sg/x1"


def test_a_redirected_old_domain_counts_as_the_new_site() -> None:
    text = """[Home](https://orchidhardware.com.sg/) [Contact](https://orchidhardware.com.sg/contact)
    We sell bolts. [f](https://www.facebook.com/orchid)"""
    state = progress(candidate("orchidhardware.com")).with_page(
        "orchidhardware.com", page("https://www.orchidhardware.com/", text)
    )
    assert list(state.visited) == ["orchidhardware.com.sg"]
    assert [other.domain for other in state.candidates] == ["orchidhardware.com.sg"]
    assert following(state) == "https://orchidhardware.com.sg/contact"


def test_a_move_notice_leads_to_a_site_that_needs_its_own_proof() -> None:
    text = "Orchid Hardware is now Boltique. Visit [boltique.ai](https://www.boltique.ai/)."
    state = progress(candidate("orchidhardware.com")).with_page(
        "orchidhardware.com", page("https://www.orchidhardware.com/", text)
    )
    assert set(state.visited) == {"orchidhardware.com"}
    assert following(state) == "https://www.boltique.ai/"


def test_a_page_linking_to_itself_and_others_is_no_move_notice() -> None:
    text = "[Home](https://orchidhardware.sg/) [Group](https://orchid.com/) [Group](https://orchid.com/about)"
    assert list(progress().with_page("orchidhardware.sg", page(HOME, text)).visited) == ["orchidhardware.sg"]


def test_a_foreign_page_linking_to_the_company_is_no_move_notice() -> None:
    text = "[Orchid](https://orchidhardware.sg/) [Orchid shop](https://orchidhardware.sg/shop) Call us: 6222 0000"
    state = progress(candidate("pixelpeak.sg", 5)).with_page(
        "pixelpeak.sg", page("https://pixelpeak.sg/", text, "Pixel")
    )
    assert list(state.visited) == ["pixelpeak.sg"]


def cut(url: str, text: str, *links: Link) -> Page:
    return Page(url, "Orchid Hardware", text, links, cut_at=1500)


def test_the_linked_contact_page_comes_before_a_footer() -> None:
    state = progress().with_page(
        "orchidhardware.sg", cut(HOME, f"UEN {UEN}", Link("Contact", CONTACT), Link("Branches", f"{HOME}branches"))
    )
    assert next_step(state) == Step("orchidhardware.sg", CONTACT)


def test_the_contact_page_has_the_footer_with_the_contacts() -> None:
    state = progress().with_page("orchidhardware.sg", cut(HOME, f"UEN {UEN}", Link("Contact", CONTACT)))
    state = state.with_page("orchidhardware.sg", cut(CONTACT, "We are glad to hear from you"))
    assert next_step(state) == Step("orchidhardware.sg", CONTACT, footer=True)


def test_a_footer_is_worth_more_than_an_about_page() -> None:
    state = progress().with_page("orchidhardware.sg", cut(HOME, "Bolts", Link("About", f"{HOME}about")))
    assert next_step(state) == Step("orchidhardware.sg", HOME, footer=True)


def test_no_footer_is_read_where_nothing_is_missing() -> None:
    state = progress().with_page("orchidhardware.sg", cut(HOME, FULL))
    assert next_step(state) is None


def test_columns_of_links_are_left_out_of_a_footer() -> None:
    columns = [Link(f"Marine bolts and nuts, series {number}", f"{HOME}bolts/{number}") for number in range(100)]
    state = progress().with_page("orchidhardware.sg", cut(HOME, "Bolts", *columns))
    assert next_step(state) == Step("orchidhardware.sg", HOME, footer=True, labels=False)
    seen = cut(HOME, "\n".join(link.label for link in columns), *columns)
    assert next_step(progress().with_page("orchidhardware.sg", seen)) == Step("orchidhardware.sg", HOME, footer=True)


def test_what_the_footer_says_is_said_by_its_page() -> None:
    state = progress().with_page("orchidhardware.sg", cut(HOME, "Bolts and nuts"))
    assert next_step(state) == Step("orchidhardware.sg", HOME, footer=True)
    footer = Page(HOME, "", FULL, (Link("", "https://wa.me/6591234567"),), tokens=60)
    state = state.with_footer("orchidhardware.sg", HOME, footer)
    found = chosen(state)
    assert found is not None
    assert (found.has_mail, found.has_phone) == (True, True)
    [read] = found.pages
    assert (read.url, read.text, read.footer_read, read.is_complete) == (HOME, f"Bolts and nuts\n\n{FULL}", True, True)
    assert read.links == footer.links
    assert next_step(state) is None


def test_a_footer_that_is_not_there_is_asked_for_once() -> None:
    state = progress().with_page("orchidhardware.sg", cut(HOME, "Bolts and nuts"))
    state = state.with_footer("orchidhardware.sg", HOME, unreadable(HOME, "empty"))
    assert state.visited["orchidhardware.sg"].pages[0].text == "Bolts and nuts"
    assert next_step(state) == Step("orchidhardware.sg", CONTACT, guessed=True)


def test_the_imprint_of_an_unproven_site_is_read() -> None:
    """It has mail and phone, but the footer may name another company."""
    text = "# Orchid Hardware Pte Ltd\n\ninfo@orchidhardware.sg +65 6741 1100"
    state = progress().with_page("orchidhardware.sg", cut(HOME, text))
    assert next_step(state) == Step("orchidhardware.sg", HOME, footer=True)
    footer = Page(HOME, "", f"Orchid Hardware Works Pte Ltd. UEN {OTHER_UEN}")
    assert chosen(state.with_footer("orchidhardware.sg", HOME, footer)) is None
    proven = progress().with_page("orchidhardware.sg", cut(HOME, f"{text} UEN {UEN}"))
    assert next_step(proven) is None


def test_a_wall_that_answers_as_a_page_is_none() -> None:
    state = progress().with_page("orchidhardware.sg", Page(HOME, "Just a moment...", "Verify you are human"))
    [read] = state.visited["orchidhardware.sg"].pages
    assert (read.usable, read.unusable_reason) == (False, "captcha")


def leads(*links: Link, url: str = HOME) -> list[str]:
    return [lead.url for lead in leads_from([Page(url, "", "Bolts", links)], "orchidhardware.sg")]


def test_paths_are_guessed_only_where_no_way_is_linked() -> None:
    guesses = [CONTACT, f"{HOME}contact"]
    assert leads() == guesses
    assert leads(Link("About", f"{HOME}about")) == [f"{HOME}about", *guesses]
    assert leads(Link("Let's talk", f"{HOME}hello")) == [f"{HOME}hello"]
    assert leads(Link("Contact", f"{HOME}#contact")) == [], "a section of the page that was read"
    assert leads(Link("", f"{HOME}#contact-us")) == []
    assert leads(Link("Contact us", "mailto:info@orchidhardware.sg")) == []
    assert leads(Link("Call us", "tel:67411100")) == guesses
    assert leads(Link("Contact lenses", f"{HOME}contact-lenses")) == guesses


@pytest.mark.parametrize("links", [0, 100, 1_900])
def test_a_page_of_many_links_leads_to_the_same_pages(links: int) -> None:
    shelf = [Link("Bolt", f"{HOME}products/bolt-{number}") for number in range(links)]
    telling = (Link("About", f"{HOME}about"), Link("Let's talk", f"{HOME}hello"))
    for _ in range(2):
        assert leads(*shelf, *telling) == [f"{HOME}hello", f"{HOME}about"]


def test_equal_and_empty_labels_lead_as_far_as_their_paths() -> None:
    found = leads(Link("", f"{HOME}reach-us"), Link("More", f"{HOME}about-us"), Link("More", f"{HOME}bolts"))
    assert found == [f"{HOME}reach-us", f"{HOME}about-us"]


def test_terms_and_privacy_come_before_shop_policies() -> None:
    links = [Link(name, f"{HOME}{name}") for name in ("cookie-policy", "privacy-settings", "refund-policy", "terms")]
    found = [
        lead.url for lead in leads_from([Page(HOME, "", "Bolts", tuple(links))], "orchidhardware.sg", identity=True)
    ]
    assert found[2:] == [f"{HOME}terms", f"{HOME}cookie-policy", f"{HOME}refund-policy"], "behind two guesses"


def test_pages_by_number_are_known_by_their_labels() -> None:
    assert leads(Link("Contact us", f"{HOME}?page_id=12"), Link("Contact", HOME)) == [f"{HOME}?page_id=12"]


def test_a_subdomain_leads_to_the_home_page_of_the_brand() -> None:
    forum = "https://community.orchidhardware.sg/t/bolts"
    found = leads(Link("Latest", "https://community.orchidhardware.sg/latest"), url=forum)
    assert found == [
        "https://orchidhardware.sg/",
        "https://orchidhardware.sg/contact-us",
        "https://orchidhardware.sg/contact",
    ]
    linked = leads(Link("Contact", "https://www.orchidhardware.sg/contact"), url=forum)
    assert linked == ["https://www.orchidhardware.sg/contact", "https://orchidhardware.sg/"]
    assert leads(url="https://www.orchidhardware.sg/x")[0] == "https://www.orchidhardware.sg/contact-us"
    assert leads(url="https://sg.orchidhardware.sg/")[0] == "https://sg.orchidhardware.sg/contact-us"
