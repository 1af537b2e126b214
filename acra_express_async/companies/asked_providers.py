"""The providers as the pipeline of one company asks them."""

from __future__ import annotations

from typing import Protocol

from acra_express_async.limits.scope import Scope
from acra_express_async.models import Page, SearchPage


class Searcher(Protocol):
    """The provider that finds sites: DuckDuckGo, and in tests a table."""

    async def search(self, query: str, scope: Scope) -> SearchPage:
        """Page one of a search."""
        ...


class Reader(Protocol):
    """The provider that reads pages: Jina Reader, and in tests a table."""

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        """One page as text; an unusable page is returned with `usable=False`."""
        ...

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        """Only the footer of a page, with or without the labels of its links."""
        ...
