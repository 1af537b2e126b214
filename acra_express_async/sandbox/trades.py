"""Trades of the fictional companies: SSIC codes with words for names, pages and the small `ssic_ref`.

The table is `trades.csv` in this folder. The codes follow the public classification closely enough for code and term
search; the titles are our own wording.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Trade:
    """One line of business.

    `name_words` follow the invented part of a company's name, `offers` fill its pages, and `thing` is what its
    customers buy, for use in a sentence.
    """

    code: str
    title: str
    description: str
    name_words: tuple[str, ...]
    offers: tuple[str, ...]
    thing: str


GENERAL = Trade(
    code="",
    title="General business",
    description="Services and trading",
    name_words=("ENTERPRISE",),
    offers=("Products and services", "Enquiries from trade customers", "After-sales support"),
    thing="products",
)
"""For a company with a blank or unknown code: its pages say little, as such pages do."""


@cache
def trades() -> tuple[Trade, ...]:
    """Every trade of the table, ordered by code."""
    table = resources.files(__package__).joinpath("trades.csv").read_text(encoding="utf-8")
    return tuple(
        Trade(
            code=row["code"],
            title=row["title"],
            description=row["description"],
            name_words=tuple(row["name_words"].split("; ")),
            offers=tuple(row["offers"].split("; ")),
            thing=row["thing"],
        )
        for row in csv.DictReader(table.splitlines())
    )


@cache
def trade_of(code: str | None) -> Trade:
    """The trade with the same code, else with the same class, group or division (4, 3, 2 digits), else `GENERAL`."""
    digits = "".join(filter(str.isdigit, code or ""))
    if digits:
        for length in (5, 4, 3, 2):
            for trade in trades():
                if trade.code[:length] == digits.zfill(5)[:length]:
                    return trade
    return GENERAL
