"""Mutations that real pages show: meaningless lines, other markup, another order, another case.

The answers must stay correct.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from quality.cases import Case

LINES = (
    "Newsletter: your-name@example.com",
    "Enter your e-mail (e.g. name@domain.com)",
    "Report bugs to 605a7baede844d278b89dc95ae0a9123@sentry-next.wixpress.com",
    "jQuery 3.6.0 | swiper@8.4.5 | bootstrap@5.1.3/dist/css",
    "![Image 3](https://cdn.example.net/files/1/hero-banner@3x.webp)",
    "S$6,888.00 S$5,999.00 Add to cart",
    "Licence No. EA 12C5498",
    "GST Reg No. M2-0098765-4",
    "Lat 1.30042, Lng 103.84561",
    "Trading hours 1000 - 2200",
    "Copyright © 2009 - 2026",
    "ISO 9001:2015 | ISO 45001:2018 | bizSAFE STAR",
    "Use of this site constitutes acceptance of our [Terms](/terms) and [Privacy Policy](/privacy)",
    "[Home](/) [About](/about) [Products](/products) [Contact](/contact)",
    "* Home * About * Services * Contact",
    "English | 中文",
    "[Skip to content](#main)",
    "We use cookies to improve your experience. Accept all",
    "Website by Pixel Peak Studio | studio@pixelpeak.agency",
    "Google Rating 4.8 (1,234 reviews)",
    "Order ID 61234567",
    "Bank: UOB 601-234-5678",
    "Follow us: Facebook Instagram LinkedIn",
)


def noisy(case: Case, random: Random) -> Case:
    """Add three meaningless lines before or after the text of every readable page."""
    pages = {}
    for url, page in case.pages.items():
        text = page.text
        for line in random.sample(LINES, 3):
            text = f"{line}\n\n{text}" if random.random() < 0.5 else f"{text}\n\n{line}\n"
        pages[url] = replace(page, text=text) if page.usable else page
    return replace(case, pages=pages)


def _on_pages(case: Case, change: Callable[[str], str]) -> Case:
    pages = {url: replace(page, text=change(page.text)) if page.usable else page for url, page in case.pages.items()}
    return replace(case, pages=pages)


def loud(case: Case, random: Random) -> Case:
    """Write everything in capitals except lines with links."""
    return _on_pages(case, lambda text: "\n".join(_loud(line) for line in text.split("\n")))


def _loud(line: str) -> str:
    if re.search(r"\]\(|://|wa\.me", line):
        return line
    return "".join(part if part[:1] == "&" else part.upper() for part in re.split(r"(&#?\w+;)", line))


def without_marks(case: Case, random: Random) -> Case:
    """Remove the markup of headings, lists and emphasis, as in a plain-text rendering."""

    def plain(text: str) -> str:
        return re.sub(r"\*\*", "", re.sub(r"(?m)^\s{0,8}(?:#{1,6}|[*+-])\s+", "", text))

    return _on_pages(case, plain)


def with_marks(case: Case, random: Random) -> Case:
    """Turn paragraphs without tables and links into bullets, bold text or quotes, like page builders."""

    def dressed(text: str) -> str:
        return "\n".join(_dressed(line, random) for line in text.split("\n"))

    return _on_pages(case, dressed)


def _dressed(line: str, random: Random) -> str:
    if not line.strip() or line.lstrip()[:1] in "#|*>!" or "](" in line:
        return line
    return random.choice(("{}", "* {}", "**{}**", "> {}", "### {}")).format(line)


def shuffled(case: Case, random: Random) -> Case:
    """Reorder the paragraphs of a page: footers first, menus last."""

    def mixed(text: str) -> str:
        blocks = re.split(r"\n\s*\n", text)
        random.shuffle(blocks)
        return "\n\n".join(blocks)

    return _on_pages(case, mixed)


def spaced(case: Case, random: Random) -> Case:
    """Use Windows line ends, non-breaking spaces and many empty lines."""
    return _on_pages(case, lambda text: text.replace("\n\n", "\n\n\n\n").replace(", ", ",\u00a0").replace("\n", "\r\n"))


def searched_otherwise(case: Case, random: Random) -> Case:
    """Reorder the search results."""
    hits = random.sample(case.hits, len(case.hits))
    return replace(case, hits=tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)))


MUTATIONS = (loud, without_marks, with_marks, shuffled, spaced, searched_otherwise)
