"""Parse Jina Reader's request options, from headers or body fields, as Reader does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import unquote

from acra_express_async.sandbox.markup.reader_markdown import Images, Retention
from acra_express_async.sandbox.markup.reader_page import RenderOptions
from acra_express_async.sandbox.simulator.exchange import ReceivedCall

DEFAULT_TIMEOUT = 15.0
LONGEST_TIMEOUT = 180.0
LEAST_TOKENS = 500
CACHE_TOLERANCE = 3600.0
FORMATS = frozenset({"content", "markdown", "html", "text"})
RETENTIONS = frozenset(get_args(Retention))
IMAGES: Mapping[str, Images] = {"all": "all", "none": "none", "alt": "alt", "all_p": "all", "alt_p": "alt"}


class BadOption(Exception):
    """An option that Reader refuses with 400; `path` is its name in the body."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(path)
        self.path = path
        self.value = value


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """The options of a call.

    `links` is None, ``true``, ``all`` or ``gpt-oss``. `wait_for` holds the selectors to wait for, by default those of
    the target. `final_base` resolves links against the target of a redirect. `timeout` and `cache_seconds` are in
    seconds.
    """

    url: str
    json: bool
    errors_as_json: bool
    wanted: RenderOptions
    max_tokens: int | None = None
    token_budget: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    wait_for: tuple[str, ...] = ()
    links: str | None = None
    final_base: bool = False
    cache_seconds: float = CACHE_TOLERANCE
    stores: bool = True
    robots_agent: str = ""

    @property
    def selector(self) -> str:
        """The target selectors in the form of the provider's messages."""
        return ", ".join(self.wanted.target)


class _Given:
    """The options of one call by name, headers before body fields; empty text for an absent option."""

    def __init__(self, call: ReceivedCall, body: Mapping[str, Any]) -> None:
        self._headers = call.headers
        self._body = body

    def text(self, header: str, field: str) -> str:
        value = self._headers.get(header)
        if value is None and self._body.get(field) not in (None, False):
            value = str(self._body[field])
        return value or ""

    def listed(self, header: str, field: str) -> tuple[str, ...]:
        """Selectors: a header is split at comma and space; a field may be an array and is not split."""
        told = self._body.get(field)
        if told:
            return tuple(map(str, told)) if isinstance(told, list) else (str(told),)
        return tuple(part for part in self._headers.get(header, "").split(", ") if part)


def accepts(header: str, kind: str) -> bool:
    """True when an Accept header admits a media type."""
    ranges = [part.partition(";")[0].strip().lower() for part in (header or "*/*").split(",")]
    return any(one in ("*/*", kind, kind.partition("/")[0] + "/*") for one in ranges)


def accepted_forms(call: ReceivedCall) -> tuple[bool, bool]:
    """(success as JSON, errors as JSON); success is JSON only when the client does not accept plain text."""
    header = call.headers.get("Accept", "*/*")
    wants_json = accepts(header, "application/json")
    return wants_json and not accepts(header, "text/plain"), wants_json


def read_options(call: ReceivedCall) -> ReaderOptions:
    """The options of a call; headers take precedence over body fields.

    Raises:
        BadOption: a value that Reader refuses.
    """
    body = _body(call)
    given = _Given(call, body)
    as_json, errors_as_json = accepted_forms(call)
    wanted = _wanted(given)
    links = given.text("X-With-Links-Summary", "withLinksSummary")
    summary = ("all" if links == "all" else "true") if links else None
    tolerance = _number(given.text("X-Cache-Tolerance", "cacheTolerance"), CACHE_TOLERANCE)
    return ReaderOptions(
        url=_url(call, body),
        json=as_json,
        errors_as_json=errors_as_json,
        wanted=wanted,
        max_tokens=_whole(given.text("X-Max-Tokens", "maxTokens"), "maxTokens", LEAST_TOKENS),
        token_budget=_whole(given.text("X-Token-Budget", "tokenBudget"), "tokenBudget", 1),
        timeout=_timeout(given.text("X-Timeout", "timeout")),
        wait_for=given.listed("X-Wait-For-Selector", "waitForSelector") or wanted.target,
        links="gpt-oss" if wanted.links == "gpt-oss" else summary,
        final_base=given.text("X-Base", "base") == "final",
        cache_seconds=0.0 if given.text("X-No-Cache", "noCache") else tolerance,
        stores=given.text("DNT", "doNotTrack") != "1",
        robots_agent=given.text("X-Robots-Txt", "robotsTxt"),
    )


def _wanted(given: _Given) -> RenderOptions:
    form = (
        given.text("X-Respond-With", "respondWith") or given.text("X-Return-Format", "returnFormat") or "content"
    ).lower()
    if form not in FORMATS:
        raise BadOption("respondWith", form)
    target = given.listed("X-Target-Selector", "targetSelector")
    for selector in (part.strip() for each in target for part in each.split(",")):
        if selector.startswith(("*", ":")) or "*:" in selector:
            raise BadOption("targetSelector", selector)
    kept = given.text("X-Retain-Links", "retainLinks")
    retention: Retention = kept if kept in RETENTIONS else "all"  # type: ignore[assignment]
    return RenderOptions(
        target=target,
        remove=given.listed("X-Remove-Selector", "removeSelector"),
        form=form,
        links=retention,
        images=IMAGES.get(given.text("X-Retain-Images", "retainImages"), "all"),
    )


def _body(call: ReceivedCall) -> Mapping[str, Any]:
    if call.method != "POST":
        return {}
    if call.fields:
        return call.fields
    try:
        found = json.loads(call.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _url(call: ReceivedCall, body: Mapping[str, Any]) -> str:
    if call.method == "POST":
        url = str(body.get("url") or "")
    else:
        url = re.sub(r"^(https?://)(?:https?://)+", r"\1", unquote(call.raw_target))
    if url and "://" not in url:
        url = "https://" + url
    if not re.match(r"https?://[^/\s?#]+\.[^/\s?#]+", url):
        raise BadOption("url", url)
    return url


def _whole(text: str, path: str, least: int) -> int | None:
    if not text:
        return None
    if not text.strip().isdigit() or int(text) < least:
        raise BadOption(path, text)
    return int(text)


def _number(text: str, otherwise: float) -> float:
    return float(text) if re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", text) else otherwise


def _timeout(text: str) -> float:
    asked = _number(text, 0.0)
    return min(asked, LONGEST_TIMEOUT) if asked else DEFAULT_TIMEOUT
