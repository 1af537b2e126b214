"""The results of a search for a company, in order."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from acra_express_async.sandbox.draws import draw, weighted
from acra_express_async.sandbox.markup.fragments import Listing
from acra_express_async.sandbox.trades import trade_of
from acra_express_async.sandbox.world import third_parties
from acra_express_async.sandbox.world.company_draw import Lookalike, Presence, SitePlan
from acra_express_async.sandbox.world.firms import Firm, own_name, written

RANKS: dict[tuple[int, int], float] = {(1, 1): 0.60, (2, 3): 0.20, (4, 10): 0.08}
"""Rank of the company's own site among the results; the missing 12 % are sites that are not listed."""

PAGE_SIZE = 10


def listings_for(
    firm: Firm, presence: Presence, query: str, seed: int, others: Iterable[tuple[Firm, SitePlan]] = ()
) -> tuple[Listing, ...]:
    """About ten results for a query that means `firm`.

    Args:
        firm: the company.
        presence: what the web holds about it.
        query: the normalised query; the order depends on it, as it does at a real search engine.
        seed: seed of the world.
        others: further companies of the registry that the query may mean, with their sites.
    """
    if presence.silent:
        return ()
    dice = draw(seed, "serp", firm.uen, query)
    found = [likeness_listing(firm, likeness) for likeness in presence.lookalikes]
    found += [own_listing(other, plan) for other, plan in others if plan.listed]
    found += third_parties.social_listings(
        firm, facebook=presence.facebook, linkedin=presence.linkedin, jobs=presence.jobs
    )
    chosen = draw(seed, "directories", firm.uen).sample(third_parties.DIRECTORIES, presence.directories)
    found += [third_parties.directory_listing(directory, firm) for directory in chosen]
    site = presence.site
    room = PAGE_SIZE - len(found) - (1 if site and site.listed else 0)
    if dice.random() < 0.9:
        found += third_parties.filler_listings(firm, max(0, room), dice)
    dice.shuffle(found)
    if site and site.listed:
        _place_site(found, firm, site, dice, query, seed)
    return tuple(found[:PAGE_SIZE])


def _place_site(found: list[Listing], firm: Firm, site: SitePlan, dice: Random, query: str, seed: int) -> None:
    first, last = weighted(RANKS, seed, "rank", firm.uen, query)
    rank = min(dice.randint(first, last), len(found) + 1, PAGE_SIZE)
    found.insert(rank - 1, own_listing(firm, site))
    if dice.random() < 0.25 and len(found) < PAGE_SIZE:
        deep = Listing(
            f"Contact {site.brand}", site.root + site.contact_path, f"How to reach {site.brand} in Singapore."
        )
        found.insert(rank, deep)


def own_listing(firm: Firm, site: SitePlan) -> Listing:
    """The search result of the company's own site; a site that moved is still listed under its old domain."""
    root = f"https://www.{site.old_host}" if site.old_host else site.root
    trade = trade_of(firm.ssic)
    dice = draw("listing", firm.uen)
    name = written(firm.name) if site.prints_name else site.brand
    title = dice.choice((site.brand, f"{site.brand} | Singapore", f"{site.brand} - {trade.thing.capitalize()}"))
    snippet = dice.choice(
        (
            f"{site.brand} looks after {trade.thing} for homes and businesses in Singapore.",
            f"{name}. {trade.offers[0]}, {trade.offers[1].lower()} and more.",
            f"{trade.offers[0]}. {trade.offers[-1]}. Call us for a quotation.",
        )
    )
    return Listing(title, f"{root}/", snippet, dice.choice(("", "", "2026-03-18", "2025-08-04")))


def likeness_listing(firm: Firm, likeness: Lookalike) -> Listing:
    """The search result of a look-alike site."""
    name = own_name(firm)
    title, snippet = {
        "foreign": (f"{name} | Official site", f"{name}: products, dealers and support."),
        "local": (f"{name} Group", f"{name} Group serves customers in Singapore and the region."),
        "parked": (likeness.host, f"{likeness.host} is for sale. Related searches and offers."),
    }[likeness.kind]
    return Listing(title, f"https://www.{likeness.host}/", snippet)
