"""The runbook as a page: config/runbook.md, packed with the service, with an anchor for each heading."""

from __future__ import annotations

import re
from html import escape
from importlib import resources
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from acra_express_async.web.page import page_templates

_NO_WORD = re.compile(r"[^\w\- ]")


def runbook_page() -> str:
    """The whole document; some 50 ms of work, so build it once and in a thread."""
    return page_templates().get_template("runbook.html").render(text=as_html(runbook_text()))


def runbook_text() -> str:
    """The text that was packed into the wheel, or that of the checkout."""
    packed = resources.files("acra_express_async.web").joinpath("assets", "runbook.md")
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "config" / "runbook.md").read_text(encoding="utf-8")


def as_html(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as text, and each heading can be linked to."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(content.content))
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    # a wide table scrolls by itself, as on the status page
    return html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: ``Budget 95`` is ``budget-95``."""
    return escape(_NO_WORD.sub("", heading.strip().lower()).replace(" ", "-"))
