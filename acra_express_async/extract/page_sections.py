"""The headings of a page's markdown, and which part of the text stands under which."""

from __future__ import annotations

import re
from bisect import bisect_right

_HEADING = re.compile(
    r"^[ \t]{0,3}(?:#{1,6}[ \t]{1,4}(?P<hashed>[^\n]{2,90})|\*\*(?P<bold>[^*\n]{2,80})\*\*:?|"
    r"(?P<underlined>[^\n]{2,90})\n[=-]{3,90})[ \t]*$",
    re.MULTILINE,
)
_LONGEST_SECTION = 1_200
_LONGEST_LABEL = 60
_MOST_ABOVE = 4
_NO_LABEL = re.compile(r"[@\d]|^[\s\W]*$")


class Sections:
    """The sections of one text, found once.

    A heading is a markdown heading of either kind or a line in bold type.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = list(_HEADING.finditer(text))
        self._starts = [match.start() for match in self._found]

    def heading_above(self, position: int) -> str:
        """The nearest heading above a position; '' when there is none within the length of a section."""
        number = bisect_right(self._starts, position) - 1
        if number < 0 or position - self._starts[number] > _LONGEST_SECTION:
            return ""
        match = self._found[number]
        return (match["hashed"] or match["bold"] or match["underlined"]).strip(" #*:")

    def around(self, position: int) -> str:
        """The section that holds a position, from its heading to the next; at most `_LONGEST_SECTION` either way."""
        number = bisect_right(self._starts, position)
        start = self._starts[number - 1] if number else 0
        end = self._starts[number] if number < len(self._starts) else len(self._text)
        return self._text[max(start, position - _LONGEST_SECTION) : min(end, position + _LONGEST_SECTION)]

    def label_above(self, position: int) -> str:
        """The line above that of a position if it is a short one without digits: "Media enquiries"; else ''."""
        line = self._text.rfind("\n", 0, position)
        above = self._text[max(0, line - 2 * _LONGEST_LABEL) : max(0, line)].rstrip()
        label = above.rpartition("\n")[2].strip()
        return "" if len(label) > _LONGEST_LABEL or _NO_LABEL.search(label) else label

    def lines_above(self, position: int) -> tuple[str, ...]:
        """The short lines above that of a position (name, title, phone), the nearest first, up to another address."""
        line = self._text.rfind("\n", 0, position)
        above = self._text[max(0, line - _MOST_ABOVE * 2 * _LONGEST_LABEL) : max(0, line)]
        found: list[str] = []
        for piece in reversed(above.split("\n")):
            if not (said := piece.strip()):
                continue
            if len(said) > _LONGEST_LABEL or "@" in said or len(found) >= _MOST_ABOVE:
                break
            found.append(said)
        return tuple(found)
