"""Jina Reader's request options: headers or body fields, and their exact parsing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from acra_express_async.sandbox.simulator.exchange import Call

DEFAULT_TIMEOUT = 15.0
LONGEST_TIMEOUT = 180.0
LEAST_TOKENS = 500
CACHE_TOLERANCE = 3600.0
FORMATS = frozenset({"content", "markdown", "html", "text"})


class BadOption(Exception):
    """An option that Reader refuses with 400; `path` names it in the body's spelling."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(path)
        self.path = path
        self.value = value


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """What a call asks for; `links` is None, ``map`` or ``all``; `timeout` and `cache_seconds` are in seconds."""

    url: str
    form: str
    json: bool
    errors_as_json: bool
    max_tokens: int | None = None
    token_budget: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    selector: str = ""
    links: str | None = None
    images: bool = True
    cache_seconds: float = CACHE_TOLERANCE
    stores: bool = True
    robots_agent: str = ""


def accepts(header: str, kind: str) -> bool:
    """Whether an Accept header admits a media type."""
    ranges = [part.partition(";")[0].strip().lower() for part in (header or "*/*").split(",")]
    return any(one in ("*/*", kind, kind.partition("/")[0] + "/*") for one in ranges)


def accepted_forms(call: Call) -> tuple[bool, bool]:
    """(success as JSON, errors as JSON): success is JSON only when plain text is not admitted."""
    header = call.headers.get("Accept", "*/*")
    wants_json = accepts(header, "application/json")
    return wants_json and not accepts(header, "text/plain"), wants_json


def read_options(call: Call) -> ReaderOptions:
    """The options of a call, headers before body fields.

    Raises:
        BadOption: a value that Reader refuses.
    """
    body = _body(call)

    def option(header: str, field_name: str) -> str:
        value = call.headers.get(header)
        if value is None and field_name in body and body[field_name] is not None:
            value = str(body[field_name])
        return value or ""

    as_json, errors_as_json = accepted_forms(call)
    form = (option("X-Respond-With", "respondWith") or option("X-Return-Format", "returnFormat") or "content").lower()
    if form not in FORMATS:
        raise BadOption("respondWith", form)
    selector = option("X-Target-Selector", "targetSelector")
    if selector.startswith(("*", ":")) or "*:" in selector:
        raise BadOption("targetSelector", selector)
    links = option("X-With-Links-Summary", "withLinksSummary")
    return ReaderOptions(
        url=_url(call, body),
        form=form,
        json=as_json,
        errors_as_json=errors_as_json,
        max_tokens=_whole(option("X-Max-Tokens", "maxTokens"), "maxTokens", LEAST_TOKENS),
        token_budget=_whole(option("X-Token-Budget", "tokenBudget"), "tokenBudget", 1),
        timeout=_timeout(option("X-Timeout", "timeout")),
        selector=selector,
        links=("all" if links == "all" else "map") if links else None,
        images=option("X-Retain-Images", "retainImages") != "none",
        cache_seconds=0.0
        if option("X-No-Cache", "noCache")
        else _number(option("X-Cache-Tolerance", "cacheTolerance"), CACHE_TOLERANCE),
        stores=option("DNT", "doNotTrack") != "1",
        robots_agent=option("X-Robots-Txt", "robotsTxt"),
    )


def _body(call: Call) -> Mapping[str, Any]:
    if call.method != "POST":
        return {}
    if call.fields:
        return call.fields
    try:
        found = json.loads(call.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _url(call: Call, body: Mapping[str, Any]) -> str:
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
