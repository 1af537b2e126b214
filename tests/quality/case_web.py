"""Serves the pages of a case to the simulated Jina Reader, as they are or wrapped in pages of real size.

At size 0 a text is served unchanged as markdown. At sizes 1 and 4 it is wrapped in an HTML page with the menu, cookie
banner, filler and footer of a site of that size, none of which holds a fact about any company. The contact lines of the
case stand at the end of the body or in the footer. No word of the case is lost.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from quality.cases import Case

from acra_express_async.extract.domains import same_url
from acra_express_async.models import Page
from acra_express_async.sandbox.draws import unit
from acra_express_async.sandbox.markup.markdown_html import html_of
from acra_express_async.sandbox.world import PageSize, WebPage, World
from acra_express_async.sandbox.world.furniture import SECTIONS
from acra_express_async.sandbox.world.layout import Extras, laid_out, look_of
from acra_express_async.sandbox.world.web import document, error_page

IN_THE_FOOTER = 0.6
"""Share of pages whose contact lines move to the footer; on the others they stay in the body."""
MOST_CONTACT_BLOCKS = 12
"""A page with more contact blocks lists several companies; its blocks stay together."""

_CONTACT = re.compile(
    r"@|\[at\]|\(at\)|mailto:|tel:|wa\.me|©|\bUEN\b|\bReg(?:istration|\.)?\s+No|\b\d{4}[ -]?\d{4}\b|\b\d{6}\b",
    re.IGNORECASE,
)
_TURNSTILE = '<form><input type="hidden" name="cf-turnstile-response"></form>\n'
_FOLDERS = frozenset(section.lower().replace(" ", "-") for section in SECTIONS)


class CaseWeb(World):
    """The pages of one case at a time; `show` selects the case.

    Args:
        size: size of the pages.
        seed: seed of the layouts.
    """

    def __init__(self, size: PageSize, seed: int = 1) -> None:
        super().__init__([], seed=seed, page_size=size)
        self._case: Case | None = None

    def show(self, case: Case) -> None:
        """Serve the pages of `case` from now on."""
        self._case = case

    def page(self, url: str) -> WebPage:
        assert self._case is not None, "no case is shown"
        found = self._case.pages.get(same_url(url))
        if found is not None:
            return self._of_case(url, found)
        if self.page_size and self._is_furniture(url):
            return self._laid_out(WebPage(url, title="Range", main="## Range"))
        return error_page(url, 404, "Not Found", "Page not found")

    def _is_furniture(self, url: str) -> bool:
        """True when `url` comes from an added menu; such pages exist and hold no facts."""
        hosts = {key.partition("/")[0] for key in self._case.pages} if self._case else set()
        folder = urlsplit(url).path.strip("/").partition("/")[0]
        return same_url(url).partition("/")[0] in hosts and folder in _FOLDERS

    def _of_case(self, url: str, page: Page) -> WebPage:
        reason = page.unusable_reason or ""
        if reason.startswith("http_"):
            return error_page(url, int(reason.removeprefix("http_")), "Error", page.text or "Error")
        if reason == "captcha":
            return WebPage(url, page.title, source=document(page.title, "", html_of(page.text) + _TURNSTILE))
        if reason:
            return WebPage(url, failure="empty")
        if self.page_size == 0 or (self._case and "dead-page" in self._case.tags):
            return WebPage(url, page.title, verbatim=page.text)
        return self._wrapped(url, page)

    def _wrapped(self, url: str, page: Page) -> WebPage:
        split = urlsplit(url)
        root = f"{split.scheme}://{split.netloc}"
        body, contacts = page.text, ""
        if unit(self.seed, "contacts in the footer", url) < IN_THE_FOOTER:
            body, contacts = contacts_apart(page.text)
        extras = Extras(text_last=unit(self.seed, "text last", url) < 0.5)
        bare = WebPage(url, title=page.title, main=body, foot=contacts)
        return laid_out(bare, look_of(root, self.seed, self.page_size), self.seed, extras=extras)


def contacts_apart(text: str) -> tuple[str, str]:
    """The text without its contact blocks, and those blocks; lists and pure contact texts stay whole."""
    blocks = re.split(r"\n{2,}", text.strip())
    contact = [bool(_CONTACT.search(block)) and not block.startswith("|") for block in blocks]
    if not 0 < sum(contact) <= MOST_CONTACT_BLOCKS or all(contact):
        return text, ""
    body = "\n\n".join(block for block, is_contact in zip(blocks, contact, strict=True) if not is_contact)
    return body, "\n\n".join(block for block, is_contact in zip(blocks, contact, strict=True) if is_contact)
