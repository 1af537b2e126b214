"""Reader's markdown of a page: what becomes of each element, after the behaviour of the provider's open source of 2026.

What a reader of the result has to know: white space between elements is lost, and a blank comes back only between two
word characters; blocks other than `div`, `p`, headings and lists do not end a line; a `br` ends a paragraph; a table
without `th` is running text; hidden elements stay; `select`, `textarea`, `noscript`, `iframe` and scripts do not;
nothing is escaped but an underscore in emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborNode

Retention = Literal["all", "text", "none", "gpt-oss"]
"""The part of a link that is kept: label and address, the label, nothing, or a numbered citation."""
Images = Literal["all", "none", "alt"]

DROPPED = frozenset(
    "script style noscript template meta link textarea select svg iframe object -comment !doctype".split()
)
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_SPACES = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n{3,}")
_HEADED = re.compile(r"#+ ")


class ReaderMarkdown:
    """Renders nodes of one page, and remembers the links that it cited.

    Args:
        base: address against which relative links resolve.
        links: what is kept of links.
        images: what is kept of pictures.
        left_out: `mem_id` of nodes that are rendered elsewhere, because a selector moved them.
    """

    def __init__(
        self, base: str, *, links: Retention = "all", images: Images = "all", left_out: Collection[int] = frozenset()
    ) -> None:
        self._base = base
        self._links = links
        self._images = images
        self._left_out = left_out
        self._depth = -1
        self._lists: list[list[str | int]] = []
        self._in_item = False
        self._anchors = 0
        self._pictures = 0
        self._tables: list[bool] = []
        self.cited: dict[str, str] = {}
        """Address of each citation by its number, under ``gpt-oss``."""
        self._renderers: Mapping[str, Callable[[LexborNode], str]] = {
            "title": self._title,
            "p": self._paragraph,
            "br": self._break,
            "hr": self._rule,
            "strong": self._strong,
            "b": self._strong,
            "em": self._emphasis,
            "i": self._emphasis,
            "ul": self._list,
            "ol": self._list,
            "li": self._item,
            "a": self._anchor,
            "img": self._image,
            "pre": self._preformatted,
            "code": self._code,
            "div": self._block,
            "details": self._block,
            "figcaption": self._caption,
            "label": self._label,
            "blockquote": self._quote,
            "table": self._table,
            "tr": self._row,
            "td": self._cell,
            "th": self._cell,
            "strike": self._struck,
            "del": self._struck,
            "s": self._struck,
            "input": self._checkbox,
        }

    def of(self, roots: Iterable[LexborNode]) -> str:
        """The markdown of `roots`, one after the other."""
        text = _joined(self._node(root) for root in roots)
        return _BLANK_LINES.sub("\n\n", text.strip())

    def _node(self, node: LexborNode) -> str:
        if node.is_text_node:
            text = node.text_content or ""
            return _SPACES.sub(" ", text) if text.strip() else ""
        tag = node.tag or ""
        if tag in DROPPED:
            return ""
        if tag in _HEADINGS:
            return self._heading(node, _HEADINGS[tag])
        return self._renderers.get(tag, self._children)(node)

    def _children(self, node: LexborNode) -> str:
        return _joined(self._parts(node))

    def _parts(self, node: LexborNode) -> Iterable[str]:
        child = node.first_child
        while child is not None:
            if child.mem_id not in self._left_out:
                part = self._node(child)
                if part and node.tag in ("ul", "ol") and self._depth > 0 and child.is_element_node:
                    if child.tag != "li":
                        part = f"{'    ' * self._depth}{part}\n"
                elif part and child.tag in ("ul", "ol") and not part.startswith("\n"):
                    part = "\n" + part
                if part:
                    yield part
            child = child.next

    def _heading(self, node: LexborNode, level: int) -> str:
        text = self._children(node).strip()
        return f"\n{'#' * level} {text}\n\n" if text else ""

    def _title(self, node: LexborNode) -> str:
        text = self._children(node).strip()
        return f"# {text}\n" if text else ""

    def _paragraph(self, node: LexborNode) -> str:
        text = self._children(node).strip()
        return f"\n{text}\n\n" if text else ""

    def _block(self, node: LexborNode) -> str:
        text = self._children(node)
        trimmed = text.strip("\n")
        if self._in_item:
            return trimmed + " "
        return f"\n\n{trimmed}\n\n" if trimmed else text

    def _caption(self, node: LexborNode) -> str:
        return f"\n\n{self._children(node)}\n\n"

    def _break(self, _node: LexborNode) -> str:
        return "\n\n"

    def _rule(self, _node: LexborNode) -> str:
        return "\n\n* * *\n\n"

    def _strong(self, node: LexborNode) -> str:
        text = self._children(node)
        return f"**{text.strip()}**" if text else ""

    def _emphasis(self, node: LexborNode) -> str:
        text = self._children(node).strip().replace("_", r"\_")
        return f"_{text}_" if text else ""

    def _struck(self, node: LexborNode) -> str:
        text = self._children(node)
        return f"~~{text}~~" if text else ""

    def _label(self, node: LexborNode) -> str:
        text = self._children(node)
        return f"{text} " if text else ""

    def _list(self, node: LexborNode) -> str:
        self._lists.append([node.tag or "ul", 0])
        self._depth += 1
        text = self._children(node)
        self._depth -= 1
        self._lists.pop()
        return f"\n{text}\n"

    def _item(self, node: LexborNode) -> str:
        stray = not self._lists
        if stray:
            self._lists.append(["ul", 0])
            self._depth += 1
        level = self._lists[-1]
        self._in_item = True
        text = self._children(node).removeprefix("\n").removesuffix("\n")
        self._in_item = False
        level[1] = int(level[1]) + 1
        mark = f"{level[1]}." if level[0] == "ol" else "*"
        indent = "    " * self._depth
        if stray:
            self._lists.pop()
            self._depth -= 1
        return f"{indent}{mark}   {text}\n" if text else "\n"

    def _anchor(self, node: LexborNode) -> str:
        text = _SPACES.sub(" ", self._children(node)).strip()
        told = node.attributes.get("href") or ""
        href = absolute(self._base, told) or told
        self._anchors += 1
        if self._links == "none":
            return ""
        if self._links == "text":
            return text
        if self._links == "gpt-oss":
            return self._citation(text, href)
        title = node.attributes.get("title")
        target = f'{href} "{title}"' if title else href
        headed = _HEADED.match(text)
        return f"{headed[0]}[{text[headed.end() :]}]({target})" if headed else f"[{text}]({target})"

    def _citation(self, text: str, href: str) -> str:
        if not text or href.startswith(("mailto:", "javascript:")):
            return text
        number = str(self._anchors)
        self.cited[number] = href
        return f"【{number}†{text}】"

    def _image(self, node: LexborNode) -> str:
        alt = re.sub(r"(?:\n+\s*)+", "\n", node.attributes.get("alt") or "")
        source = node.attributes.get("src") or node.attributes.get("data-src") or ""
        if self._images == "none" or (self._images == "all" and not source):
            return ""
        self._pictures += 1
        name = f"Image {self._pictures}: {alt}" if alt else f"Image {self._pictures}"
        if self._images == "alt":
            return f"({name})" if alt else ""
        return f"![{name}]({absolute(self._base, source) or source})"

    def _code(self, node: LexborNode) -> str:
        text = node.text()
        if not text:
            return ""
        return f"`{text.strip()}`" if "\n" not in text else f"\n```\n{text.strip()}\n```\n"

    def _preformatted(self, node: LexborNode) -> str:
        return node.text()

    def _quote(self, node: LexborNode) -> str:
        text = "".join(self._parts(node)).strip()
        return "\n> " + text.replace("\n", "\n> ") + "\n\n" if text else ""

    def _checkbox(self, node: LexborNode) -> str:
        if node.attributes.get("type") != "checkbox":
            return ""
        return f"- [{'x' if 'checked' in node.attributes else ' '}] "

    def _table(self, node: LexborNode) -> str:
        self._tables.append(False)
        text = self._children(node)
        self._tables.pop()
        return ("" if text.startswith("\n") else "\n") + text + ("" if text.endswith("\n") else "\n")

    def _row(self, node: LexborNode) -> str:
        cells = [child for child in _elements(node) if child.tag in ("td", "th")]
        headed = any(cell.tag == "th" for cell in cells)
        if not self._tables or not (headed or self._tables[-1]):
            return self._children(node) + "\n"
        self._tables[-1] = True
        line = " | ".join(_SPACES.sub(" ", self._children(cell)).strip() for cell in cells)
        rule = "| " + " | ".join("---" for cell in cells if cell.tag == "th") + " |\n" if headed else ""
        return f"| {line} |\n{rule}"

    def _cell(self, node: LexborNode) -> str:
        return self._children(node).strip()


def absolute(base: str, href: str) -> str | None:
    """The address that a browser makes of `href` on the page `base`; None where it makes none ("http://[half")."""
    try:
        address = urljoin(base, href.strip())
        split = urlsplit(address)
    except ValueError:
        return None
    bare = split.scheme in ("http", "https") and not split.path
    return split._replace(path="/").geturl() if bare else address


def _elements(node: LexborNode) -> Iterable[LexborNode]:
    child = node.first_child
    while child is not None:
        if child.is_element_node:
            yield child
        child = child.next


def _joined(parts: Iterable[str]) -> str:
    """One piece after the other; a blank only where two word characters would meet."""
    pieces: list[str] = []
    for part in parts:
        if not part:
            continue
        if pieces and _is_word(pieces[-1][-1]) and _is_word(part[0]):
            pieces.append(" ")
        pieces.append(part)
    return "".join(pieces)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
