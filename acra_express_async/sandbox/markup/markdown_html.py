"""The HTML of a text that is written down as markdown: what a site's own page behind such a text looks like.

Only what Reader's markdown can hold is understood: headings, paragraphs, lists, quotes, tables, links, pictures and
emphasis. A backslash, an entity or an angle bracket stays the characters it is; every line end breaks the line.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt

_WITHOUT = ("code", "fence", "html_block", "html_inline", "autolink", "backticks", "escape", "entity", "reference")
_PICTURE_NUMBER = re.compile(r"!\[Image \d+(?:: )?")
_LIST_MARK = re.compile(r"^(?P<indent>[ ]*)(?P<mark>[*+-]|\d{1,3}\.)[ ]{2,}", re.MULTILINE)


def html_of(markdown: str) -> str:
    """The body of an HTML page that shows `markdown`; Reader's numbers of pictures are not the page's."""
    plain = _PICTURE_NUMBER.sub("![", _LIST_MARK.sub(r"\g<indent>\g<mark> ", markdown))
    return str(_parser().render(plain))


class _Parser(MarkdownIt):
    """A site may link to anything: addresses that a careful renderer refuses or rewrites stay what they are."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - the name is the library's
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        return url


@cache
def _parser() -> MarkdownIt:
    """Built once, because building its rules takes longer than rendering a page; rendering does not change it."""
    return _Parser("commonmark", {"html": False, "breaks": True}).enable("table").disable(list(_WITHOUT))
