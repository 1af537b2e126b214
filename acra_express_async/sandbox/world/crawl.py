"""What the simulated search engine has crawled: company sites in part, third parties that mention them, and noise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from acra_express_async.sandbox.draws import draw, unit, weighted
from acra_express_async.sandbox.trades import trades
from acra_express_async.sandbox.world import third_parties
from acra_express_async.sandbox.world.company_draw import Lookalike, Presence, SitePlan
from acra_express_async.sandbox.world.firms import Firm, own_name
from acra_express_async.sandbox.world.namesakes import lookalike_page
from acra_express_async.sandbox.world.site_pages import site_page

ENTRIES = (4, 9)
"""Fewest and most directories that list one company."""

CRAWLED: dict[tuple[str, ...], float] = {
    ("home", "contact"): 0.52,
    ("home", "contact", "about"): 0.18,
    ("home",): 0.12,
    ("contact",): 0.18,
}
"""Pages of a listed site in the index, by share of sites: engines do not crawl small sites whole."""

DIRECTORY_WEIGHT, PROFILE_WEIGHT, NOISE_WEIGHT = (1.15, 1.6), (1.0, 1.3), (0.8, 1.1)
SITE_WEIGHT = (0.3, 2.6)
"""Factors of a page's text score, by the standing of its host: directories have many links to them, few firms do."""

AREAS = ("Tampines", "Jurong", "Novena", "Bugis", "Woodlands", "Katong", "Bedok", "Yishun")

_TARGETS = re.compile(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|[#*|=\[\]\\>]")


@dataclass(frozen=True, slots=True)
class Document:
    """One page of the index: its text without markup, and the `weight` that the engine gives its host."""

    url: str
    title: str
    body: str
    weight: float = 1.0
    date: str = ""


def documents_of(firm: Firm, presence: Presence, seed: int, neighbours: Sequence[Firm]) -> Iterator[Document]:
    """Every crawled page about `firm`; none for a company of which the web knows nothing.

    Args:
        firm: the company.
        presence: what the web holds about it.
        seed: seed of the world.
        neighbours: other companies, which directories name as similar ones.
    """
    if presence.silent:
        return
    if presence.site is not None and presence.site.listed:
        yield from _own_pages(firm, presence.site, seed)
    for likeness in presence.lookalikes:
        yield from _lookalike_pages(firm, likeness, seed)
    dice = draw(seed, "entries", firm.uen)
    for directory in dice.sample(third_parties.DIRECTORIES, dice.randint(*ENTRIES)):
        page = third_parties.directory_page(directory, firm, neighbours)
        yield Document(page.url, page.title, _text(page.main), _weight(DIRECTORY_WEIGHT, seed, directory.host))
    for profile in third_parties.social_listings(
        firm, facebook=presence.facebook, linkedin=presence.linkedin, jobs=presence.jobs
    ):
        weight = _weight(PROFILE_WEIGHT, seed, profile.url)
        yield Document(profile.url, profile.title, profile.snippet, weight)


def noise(seed: int) -> Iterator[Document]:
    """Articles, encyclopedia entries and threads that share words of trade with companies."""
    listings = {
        listing.url: listing
        for trade in trades()
        for area in AREAS
        for listing in third_parties.filler_listings(trade, area)
    }
    for listing in listings.values():
        weight = _weight(NOISE_WEIGHT, seed, listing.url)
        yield Document(listing.url, listing.title, listing.snippet, weight, listing.dated)


def _own_pages(firm: Firm, plan: SitePlan, seed: int) -> Iterator[Document]:
    """The pages as they were crawled: a site that moved under its old host, one that died since as it was before."""
    root = f"https://www.{plan.old_host}" if plan.old_host else plan.root
    alive = replace(plan, kind="plain") if plan.kind in ("dead", "walled", "robots") else plan
    paths = {"home": "/", "contact": plan.contact_path, "about": plan.about_path}
    date = draw(seed, "dated", firm.uen).choice(("", "", "2026-03-18", "2025-08-04"))
    for kind in weighted(CRAWLED, seed, "crawled", firm.uen):
        page = site_page(firm, alive, paths[kind], seed)
        body = _text(f"{page.main}\n\n{page.foot}")
        yield Document(root + paths[kind], page.title, body, _standing(seed, plan.host), date)


def _lookalike_pages(firm: Firm, likeness: Lookalike, seed: int) -> Iterator[Document]:
    page = lookalike_page(firm, likeness, "", seed, frozenset())
    body = _text(f"{page.main}\n\n{page.foot}")
    if likeness.kind == "parked":
        body += f" {own_name(firm)}"  # old links to the domain still say whose it was
    yield Document(f"https://www.{likeness.host}/", page.title, body, _standing(seed, likeness.host))


def _standing(seed: int, host: str) -> float:
    """The weight of a company's host: most have little standing, some much."""
    low, high = SITE_WEIGHT
    return float(low * (high / low) ** unit("weight", seed, host))


def _weight(bounds: tuple[float, float], *key: object) -> float:
    low, high = bounds
    return low + (high - low) * unit("weight", *key)


def _text(markdown: str) -> str:
    return " ".join(_TARGETS.sub(" ", markdown).split())
