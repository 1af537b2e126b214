from __future__ import annotations

import pytest

from acra_express_async.extract.about import MAX_CHARS, about_of
from acra_express_async.extract.names import name_of
from acra_express_async.extract.socials import socials_of
from acra_express_async.models import Page

NAMES = (name_of("ORCHID HARDWARE PTE. LTD."),)


def about(text: str, url: str = "https://orchidhardware.sg/") -> str | None:
    return about_of([Page(url, "", text)], NAMES)


def test_about_text_is_found_among_menus_and_cookie_notices() -> None:
    text = """*   [Home](/)
* [About](/about)

We use cookies to improve your experience.

# Orchid Hardware

Orchid Hardware Pte. Ltd. has supplied bolts to shipyards since 1978. We deliver daily to yards.

Copyright 2024 Orchid. All rights reserved. Call us at 6741 1100."""
    assert (
        about(text)
        == "Orchid Hardware Pte. Ltd. has supplied bolts to shipyards since 1978. We deliver daily to yards."
    )


@pytest.mark.parametrize(
    "text",
    [
        "Home About Products Contact",
        "BOLTS NUTS SCREWS AND MANY OTHER THINGS IS HERE",
        "Our new website is coming soon.",
        "Trading hours 1000 - 2200",
        "info@orchidhardware.sg is our address for everything",
        "Lat 1.30042, Lng 103.84561",
        "ISO 9001:2015 | ISO 45001:2018 | bizSAFE STAR",
        "",
    ],
)
def test_no_about_text_without_a_real_sentence(text: str) -> None:
    assert about(text) is None


def test_the_about_page_is_used_first() -> None:
    pages = [
        Page("https://x.sg/", "", "We sell many kinds of bolts."),
        Page("https://x.sg/about-us", "", "We started in a shophouse in 1978."),
    ]
    assert about_of(pages, NAMES) == "We started in a shophouse in 1978."


def test_chinese_sentences_are_measured_in_characters() -> None:
    assert about("兰花五金成立于1978年，为船厂供应螺丝与工具。") == "兰花五金成立于1978年，为船厂供应螺丝与工具。"


def test_the_about_text_is_bounded() -> None:
    long = " ".join(
        f"We have supplied bolts number {n} to the shipyards of the whole region for years." for n in range(99)
    )
    text = about(long)
    assert text is not None
    assert len(text) <= MAX_CHARS


def described(description: str, text: str = "We have sold bolts since 1978.", url: str = "https://x.sg/") -> str | None:
    return about_of([Page(url, "", text, description=description)], NAMES)


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ("Orchid Hardware supplies bolts to shipyards. Call us today!", "Orchid Hardware supplies bolts to shipyards."),
        ("兰花五金成立于1978年，为船厂供应螺丝与工具。", "兰花五金成立于1978年，为船厂供应螺丝与工具。"),
        ("We deliver bolts to every yard. We also supply nuts and…", "We deliver bolts to every yard."),
        (
            f"Orchid Hardware is a supplier of bolts. It serves {'shipyards and ' * 8}wor",
            "Orchid Hardware is a supplier of bolts.",
        ),
    ],
)
def test_a_description_that_reads_as_a_sentence_comes_first(description: str, text: str) -> None:
    assert described(description) == text


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Bolts, nuts, screws",
        "Just another WordPress site",
        "Marine bolts and nuts in Singapore",
        "Contact us for bolts and nuts today.",
        "HOME OF THE BEST BOLTS IS HERE",
    ],
)
def test_other_descriptions_leave_it_to_the_page(description: str) -> None:
    assert described(description) == "We have sold bolts since 1978."


def test_a_description_that_says_something_is_the_last_resort() -> None:
    assert described("Marine bolts and nuts in Singapore", "Home") == "Marine bolts and nuts in Singapore"
    assert described("bolts, nuts, screws, washers, tools", "Home") is None
    assert described("Bolts, nuts, screws, washers, tools", "Home") is None
    assert described("Just another WordPress site", "Home") is None


def test_a_statement_without_a_verb_is_the_last_resort_too() -> None:
    assert about("Menu\n\nSeasonal small plates and natural wine.") == "Seasonal small plates and natural wine."
    assert about("Seasonal small plates and natural wine. We are cooking over fire.") == "We are cooking over fire."
    assert about("Seasonal small plates and natural wine", "https://orchidhardware.sg/") is None
    assert about("Seasonal small plates and natural wine.", "https://orchidhardware.sg/contact") is None


def test_the_home_page_describes_the_company_best() -> None:
    pages = [
        Page("https://x.sg/contact", "", "", description="We have offices in two places."),
        Page("https://x.sg/about-us", "", "", description="We started in a shophouse."),
        Page("https://x.sg/", "", "", description="We supply bolts to shipyards."),
    ]
    assert about_of(pages, NAMES) == "We supply bolts to shipyards."
    assert about_of(pages[:2], NAMES) == "We started in a shophouse."


def test_profiles_are_found_and_share_buttons_ignored() -> None:
    text = """[f](https://www.facebook.com/sharer/sharer.php?u=x) [f](https://www.facebook.com/orchidhardware/)
    [w](https://www.facebook.com/wix) [i](https://instagram.com/p/abc) https://www.instagram.com/orchid.hw/?hl=en
    [l](https://sg.linkedin.com/company/orchid-hardware) [y](https://www.youtube.com/watch?v=1)
    [y](https://www.youtube.com/@orchidhw) [x](https://twitter.com/intent/tweet) [t](https://t.me/orchidhw)"""
    assert socials_of([Page("https://orchidhardware.sg/", "", text)]) == (
        ("facebook", "https://www.facebook.com/orchidhardware"),
        ("instagram", "https://www.instagram.com/orchid.hw"),
        ("linkedin", "https://sg.linkedin.com/company/orchid-hardware"),
        ("youtube", "https://www.youtube.com/@orchidhw"),
        ("telegram", "https://t.me/orchidhw"),
    )
