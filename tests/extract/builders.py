"""Builders for the inputs of extraction."""

from __future__ import annotations

from acra_express_async.models import Company, CompanyId, Page, SearchHit

UEN = "201506781N"
OTHER_UEN = "193200032W"


def company(name: str = "ORCHID HARDWARE PTE. LTD.", **facts: object) -> Company:
    """A registered company with an address."""
    defaults: dict[str, object] = {
        "uen": UEN,
        "block": "10",
        "street_name": "KAKI BUKIT AVENUE 4",
        "postal_code": "415874",
        "entity_status": "Live Company",
    }
    return Company(CompanyId(1), name=name, **{**defaults, **facts})  # type: ignore[arg-type]


def hit(url: str, title: str = "", snippet: str = "", rank: int = 2) -> SearchHit:
    """A search result, by default not the first one."""
    return SearchHit(rank, title, url, snippet)


def page(url: str, text: str, title: str = "Orchid Hardware") -> Page:
    """A usable page."""
    return Page(url, title, text)


def unreadable(url: str, reason: str = "http_404") -> Page:
    """A page that could not be read."""
    return Page(url, "", "", usable=False, unusable_reason=reason)
