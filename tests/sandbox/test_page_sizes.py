"""The world at real size: pages as large and as odd as real ones, with the same truth as at size 0."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

import pytest

from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.markup.reader_page import RenderOptions
from acra_express_async.sandbox.markup.tokens import token_count
from acra_express_async.sandbox.world import PageSize, Truth, WebPage, World

SEED = 21
WITHOUT_PICTURES = RenderOptions(images="none")
LINKS_AS_TEXT = RenderOptions(images="none", links="text")


@pytest.fixture(scope="module")
def worlds() -> dict[PageSize, World]:
    """One registry at every size of page."""
    rows = list(registry_sample.rows(120, seed=SEED))
    return {size: World(rows, seed=SEED, page_size=size) for size in (0, 1, 4)}


def readable(world: World) -> Iterator[Truth]:
    return (truth for truth in map(world.truth, world.uens()) if truth.domain)


def homes(world: World) -> list[WebPage]:
    return [world.page(f"https://{truth.domain}/") for truth in readable(world)]


def site(worlds: dict[PageSize, World], truth: Truth, size: PageSize) -> list[WebPage]:
    """The pages that the short home page of a site links to, as far as they exist at this size."""
    root = worlds[size].page(f"https://{truth.domain}/").url.rstrip("/")
    short = worlds[0].page(f"https://{truth.domain}/")
    urls = sorted({url for _, url in short.links() if url.startswith(root + "/")})
    return [page for url in urls if (page := worlds[size].page(url)).http_status == 200]


def tokens(pages: list[WebPage], wanted: RenderOptions) -> float:
    return statistics.median(token_count(page.reading(wanted).text) for page in pages)


def test_home_pages_are_as_large_as_counted(worlds: dict[PageSize, World]) -> None:
    """Of 50 real home pages the medians were 1,440 tokens, 844 with links as text, and 30 links."""
    pages = homes(worlds[1])
    assert 1_000 <= tokens(pages, WITHOUT_PICTURES) <= 2_000
    assert 600 <= tokens(pages, LINKS_AS_TEXT) <= 1_100
    assert 20 <= statistics.median(len(page.reading().links) for page in pages) <= 60


def test_size_four_has_four_times_the_furniture(worlds: dict[PageSize, World]) -> None:
    footers = {
        size: statistics.median(
            token_count(page.reading(RenderOptions(target=("footer.site-footer",))).text)
            for page in homes(worlds[size])
        )
        for size in (1, 4)
    }
    assert 2.5 * footers[1] < footers[4] < 5 * footers[1]
    assert tokens(homes(worlds[4]), WITHOUT_PICTURES) > 1.5 * tokens(homes(worlds[1]), WITHOUT_PICTURES)


def test_the_truth_is_the_same_at_every_size(worlds: dict[PageSize, World]) -> None:
    for uen in worlds[0].uens():
        assert worlds[0].truth(uen) == worlds[1].truth(uen) == worlds[4].truth(uen)


def test_every_page_is_drawn_from_its_seed(worlds: dict[PageSize, World]) -> None:
    again = worlds[0].redrawn(page_size=1)
    other = worlds[1].redrawn(seed=SEED + 1)
    assert [page.html() for page in homes(again)] == [page.html() for page in homes(worlds[1])]
    assert [page.html() for page in homes(other)] != [page.html() for page in homes(worlds[1])]


@pytest.mark.parametrize("size", [1, 4])
def test_every_true_fact_is_on_the_site(worlds: dict[PageSize, World], size: PageSize) -> None:
    for truth in readable(worlds[size]):
        if truth.kind in ("moved", "thin", "hosted"):
            continue
        readings = [page.reading() for page in site(worlds, truth, size)]
        shown = "\n".join(reading.text for reading in readings)
        addresses = {address for reading in readings for _, address in reading.links}
        digits = re.sub(r"\D", "", shown + " ".join(addresses))
        for mail in truth.emails:
            plain = mail.email in shown or f"mailto:{mail.email}" in addresses
            assert plain or "[at]" in shown or "(at)" in shown or "email-protection" in shown, (truth.uen, mail)
        assert all(number.removeprefix("+65") in digits for number in truth.phones), truth.uen
        assert truth.postal_code is None or truth.postal_code in shown, truth.uen


def test_the_odd_ones_are_among_them(worlds: dict[PageSize, World]) -> None:
    pages = [page for truth in readable(worlds[1]) for page in site(worlds, truth, 1)]
    sources = [page.html() for page in pages]
    odd = {
        "no footer": ["footer" not in re.sub(r"<body[^>]*>", "", source) for source in sources],
        "no main": ["<main>" not in source for source in sources],
        "footer in the class of the body": ["has-footer" in source for source in sources],
        "footers of testimonials": ["<blockquote><p>" in source and "<footer>" in source for source in sources],
        "footer of a dialogue": ["modal-footer" in source for source in sources],
        "cookie banner first": ["cookie-banner" in source.partition("<nav")[0] for source in sources],
        "contact form with a CAPTCHA": ["g-recaptcha" in source for source in sources],
        "map": ["<iframe" in source for source in sources],
        "filled in by a script": [page.first_html() != page.html() for page in pages],
        "single page": ['href="/#contact' in source or "/#contact" in source for source in sources],
        "icon of a mail address": [
            any(not label and address.startswith("mailto:") for label, address in page.reading().links)
            for page in pages
        ],
        "no description": [not page.description for page in pages],
    }
    rare = {name: f"{sum(found)} of {len(found)}" for name, found in odd.items() if not any(found)}
    assert not rare
    assert all(sum(found) < len(found) for found in odd.values()), "no oddity is on every page"


def test_a_scripted_page_says_loading_first(worlds: dict[PageSize, World]) -> None:
    late = next(
        page for truth in readable(worlds[1]) for page in site(worlds, truth, 1) if page.first_html() != page.html()
    )
    assert "Loading" in late.first_html()
    assert len(late.first_html()) < len(late.html())


def test_others_pages_have_a_size_too(worlds: dict[PageSize, World]) -> None:
    world = worlds[1]
    uen = next(iter(world.uens()))
    entry = world.page(f"https://opengovsg.com/corporate/{uen}")
    assert uen in entry.reading().text
    assert len(entry.html()) > len(worlds[0].page(entry.url).html())


def test_furniture_says_nothing_of_the_site(worlds: dict[PageSize, World]) -> None:
    """The additions contain no address, number or name, so the truth stays the same."""
    from acra_express_async.sandbox.draws import draw
    from acra_express_async.sandbox.world import furniture

    dice = draw(SEED, "furniture")
    text = "\n".join(
        [
            *furniture.filler_worth(9_000, "https://site.sg", dice),
            *furniture.columns_worth(9_000, "https://site.sg", dice),
            furniture.menu_worth(9_000, "https://site.sg", dice),
            *furniture.COOKIES,
        ]
    ).replace("https://site.sg", "")
    assert "@" not in text
    assert not re.search(r"\d{4}", text)
    assert not re.search(r"singapore|contact us|about us|\bpte\b", text, re.IGNORECASE)
