"""Makes a page harmless for an HTML5 parser, which does what the standard asks for at any price.

Two things cost it more than the page is long. Open elements nest: 200 KB of ``<div>`` took 4 s, half a megabyte over a
minute. And formatting elements that are left open (``<b id=1><b id=2>…``) are made anew in every paragraph that
follows: 64 KB became 800 MB. Where a tag really ends only a whole parser can tell, since quotes, comments and scripts
hide tags from anything simpler; so what may be a tag is counted, wherever it stands.
"""

from __future__ import annotations

import re

MOST_TAGS = 3000
"""A page of thirty results has some nine hundred, its lists of regions and dates included."""

_TAG = re.compile(r"<[a-z]", re.IGNORECASE)
_FORMATTING = re.compile(r"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)


def bounded(html: str) -> str | None:
    """The page with its formatting elements as ``span``, which no parser repeats; None when it has too many tags."""
    count = 0
    for count, _ in enumerate(_TAG.finditer(html), start=1):
        if count > MOST_TAGS:
            return None
    return _FORMATTING.sub(r"<\1span", html)
