"""Finds a company by its UEN, its exact domain, or the beginning of its name."""

from __future__ import annotations

from aiohttp import web

from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.console.company_search import MOST_FOUND, CompanySearch, FoundCompany
from acra_express_async.records.judgement_input import NotUnderstood, domain_in
from acra_express_async.registry.cell_cleaning import uen_in

SHORTEST = 2
LONGEST = 200


async def search(visit: ConsoleVisit) -> web.StreamResponse:
    """The form, and what was found; an exact UEN leads to its company at once."""
    words = visit.asked("q")[:LONGEST]
    rows = CompanySearch(visit.database)
    uen, _ = uen_in(words) if words else (None, None)
    if uen is not None and await rows.knows(uen):
        return await visit.go_to(f"/companies/{uen}")
    found: list[FoundCompany] = []
    if len(words) >= SHORTEST:
        domain = _domain(words)
        found = [] if domain is None else await rows.by_domain(domain)
        found = found or await rows.by_name(words)
    return await visit.show(
        "search.html", words=words, found=found, most=MOST_FOUND, shortest=SHORTEST, looked=len(words) >= SHORTEST
    )


def _domain(words: str) -> str | None:
    """The registrable domain, where the words look like an address."""
    if "." not in words or " " in words:
        return None
    try:
        return domain_in(words)
    except NotUnderstood:
        return None
