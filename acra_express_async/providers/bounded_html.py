"""Bounds a page before an HTML5 parser sees it, because the standard makes some pages very expensive.

Two things cost more than linear time or memory. Nested open elements: 200 KB of ``<div>`` took 4 s, half a megabyte
more than a minute. And open formatting elements (``<b id=1><b id=2>…``), which the parser repeats in every following
paragraph: 64 KB became 800 MB. Only a full parser knows which ``<x`` is a tag, because quotes, comments and scripts may
contain one, so everything that may be a tag is counted.
"""

from __future__ import annotations

import re

MOST_TAGS = 3000
"""A page of thirty results has about nine hundred, including its lists of regions and dates."""

_TAG = re.compile(r"<[a-z]", re.IGNORECASE)
_FORMATTING = re.compile(r"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)


def bounded(html: str) -> str | None:
    """The page with ``span`` for formatting elements, because a parser does not repeat it; None with too many tags."""
    count = 0
    for count, _ in enumerate(_TAG.finditer(html), start=1):
        if count > MOST_TAGS:
            return None
    return _FORMATTING.sub(r"<\1span", html)
