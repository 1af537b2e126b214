from __future__ import annotations

import pytest
from extract.builders import UEN, company, hit

from acra_express_async.extract.candidates import candidates_in, known_candidate
from acra_express_async.extract.domains import domain_of, registrable, same_url, site_home
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import SearchHit


def domains(*hits: SearchHit, name: str = "ORCHID HARDWARE PTE. LTD.") -> list[str]:
    firm = company(name)
    return [candidate.domain for candidate in candidates_in(hits, firm, names_for(firm))]


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.x.com.sg", "x.com.sg"),
        ("shop.x.sg", "x.sg"),
        ("kueh.wixsite.com", "kueh.wixsite.com"),
        ("kueh.wordpress.com", "kueh.wordpress.com"),
        ("www.weebly.com", "weebly.com"),
        ("kueh.business.site", "kueh.business.site"),
        ("a.b.myshopify.com", "b.myshopify.com"),
        ("com.sg", ""),
        ("localhost", ""),
        ("10.0.0.1", ""),
        ("2x.png", ""),
        ("x..y", ""),
        ("[::1]", ""),
    ],
)
def test_registrable_domains_keep_hosted_subdomains_whole(host: str, domain: str) -> None:
    assert registrable(host) == domain


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://[", "https://x:99999999/", "", "ftp://x.com/"])
def test_a_url_without_a_registrable_domain_is_no_site(url: str) -> None:
    assert domain_of(url) == ""


def test_spellings_of_one_url_have_the_same_key() -> None:
    assert same_url("https://www.x.sg/a/#b") == same_url("http://x.sg/a")


def test_directories_profiles_files_and_agencies_are_rejected() -> None:
    found = domains(
        hit("https://www.sgpbusiness.com/company/Orchid-Hardware-Pte-Ltd"),
        hit("https://sg-bizfinder.info/c/orchid-hardware-pte-ltd", "Orchid Hardware - contact, phone, e-mail"),
        hit(f"https://any-list.net/view/{UEN}"),
        hit("https://www.facebook.com/orchidhardware/"),
        hit("https://www.nea.gov.sg/list.pdf"),
        hit("https://en.wikipedia.org/wiki/Orchid"),
    )
    assert found == []


def test_a_directory_that_is_the_company_itself_stays() -> None:
    assert domains(hit("https://www.lazada.sg/", "Lazada"), name="LAZADA SINGAPORE PTE. LTD.") == ["lazada.sg"]
    assert domains(hit("https://www.lazada.sg/shop/orchid-hardware", "Orchid Hardware")) == []


def test_the_most_likely_own_site_comes_first() -> None:
    found = domains(
        hit("https://www.orchidhardware.com/", "Orchid Hardware", "Tools in Berkeley, CA", rank=1),
        hit("https://www.bolts.sg/", "Bolts and nuts"),
        hit("https://www.orchidhardware.com.sg/", "Orchid Hardware"),
    )
    assert found == ["orchidhardware.com.sg", "orchidhardware.com", "bolts.sg"]


def test_foreign_sites_are_rejected_unless_they_bear_the_name() -> None:
    assert domains(hit("https://www.garden.de/", "Orchideen in Hamburg")) == []


def test_candidate_urls_start_with_contact_and_home_page() -> None:
    firm = company()
    hits = (
        hit("https://orchidhardware.sg/news/2024/opening", "Orchid Hardware"),
        hit("https://orchidhardware.sg/contact-us", "Contact"),
        hit("https://orchidhardware.sg/brochure.pdf", "Brochure"),
    )
    urls = candidates_in(hits, firm, names_for(firm))[0].urls
    assert urls[:2] == ("https://orchidhardware.sg/contact-us", "https://orchidhardware.sg/")
    assert not any(url.endswith(".pdf") for url in urls)


def test_a_result_on_a_subdomain_leads_to_the_brands_home() -> None:
    firm = company()
    hits = (hit("https://community.orchidhardware.com.sg/t/12", "Orchid Hardware"),)
    assert candidates_in(hits, firm, names_for(firm))[0].urls == (
        "https://orchidhardware.com.sg/",
        "https://community.orchidhardware.com.sg/t/12",
    )
    hits = (hit("https://corporate.orchidhardware.com.sg/about-us", "Orchid Hardware"),)
    assert candidates_in(hits, firm, names_for(firm))[0].urls == (
        "https://corporate.orchidhardware.com.sg/about-us",
        "https://orchidhardware.com.sg/",
    )


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://community.brand.com/t/1", "https://brand.com/"),
        ("https://corporate.brand.com.sg/about", "https://brand.com.sg/"),
        ("https://www.brand.com/x", "https://www.brand.com/"),
        ("https://brand.com/x", "https://brand.com/"),
        ("https://sg.brand.com/x", "https://sg.brand.com/"),
        ("https://www.sg.brand.com/x", "https://www.sg.brand.com/"),
        ("https://kueh.wixsite.com/shop/contact", "https://kueh.wixsite.com/shop"),
        ("https://kueh.wixsite.com/contact", "https://kueh.wixsite.com/"),
        ("https://sites.google.com/view/kueh-house/menu", "https://sites.google.com/view/kueh-house"),
        ("ftp://brand.com", ""),
    ],
)
def test_the_home_page_of_the_site_that_a_url_belongs_to(url: str, home: str) -> None:
    assert site_home(url) == home


def test_the_known_website_is_accepted_in_any_spelling() -> None:
    names = names_for(company())
    for website in ("orchidhardware.sg", "https://www.orchidhardware.sg/", " www.orchidhardware.sg "):
        candidate = known_candidate(website, names)
        assert candidate is not None
        assert candidate.domain == "orchidhardware.sg"
    assert known_candidate("facebook.com/orchid", names) is None
    assert known_candidate("n/a", names) is None
