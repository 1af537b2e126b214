"""Jina Reader's replies: the page that was read, and refusals in the form that the caller admits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from acra_express_async.sandbox.markup import reader as bodies
from acra_express_async.sandbox.simulator.exchange import JSON_UTF8_TYPE, Call, Effects, Latency, Reply, json_reply
from acra_express_async.sandbox.simulator.reader_options import ReaderOptions, accepted_forms
from acra_express_async.sandbox.world import WebPage

QUICK: Latency = (0.3, 0.8, 2.0)
SHORT_PAGE_TOKENS = 200
"""Below it Reader adds its doubts as warnings."""

SELECTABLE = {"body": "whole", "main": "main", "article": "main", "footer": "foot", "header": "top", "nav": "top"}
NOTHING: Mapping[str, Any] = {}


def bearer(call: Call) -> str:
    """The key; a bare token without "Bearer" counts too; empty for anonymous callers."""
    value = call.headers.get("Authorization", "").strip()
    return value[7:].strip() if value.lower().startswith("bearer ") else value


def script_date(seconds: float) -> str:
    """Unix seconds as the provider's messages write a date."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")


def facts_of(options: ReaderOptions) -> dict[str, object]:
    """What the braces of any error message may stand for."""
    return {
        "url": options.url,
        "host": urlsplit(options.url).hostname or "",
        "ms": int(options.timeout * 1000),
        "selector": options.selector,
        "agent": options.robots_agent,
        "value": "",
        "who": "IP",
        "count": 20,
        "since": "",
        "until": "",
        "budget": options.token_budget or 0,
        "charge": 0,
    }


def error_reply(
    call: Call,
    name: str,
    effects: Effects = NOTHING,
    *,
    facts: Mapping[str, object] = NOTHING,
    path: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Reply:
    """A refusal: JSON, or its one readable line for a caller who only takes text."""
    body = bodies.error(name, facts, extra=extra, path=path)
    status = 200 if effects.get("envelope_200") else body["code"]
    if accepted_forms(call)[1]:
        return json_reply(status, body, JSON_UTF8_TYPE, latency=QUICK, note=name)
    line = body["readableMessage"].encode()
    return Reply(status, line, "text/plain; charset=utf-8", latency=QUICK, note=name)


def limited(call: Call, now: float, seconds: int, count: int, effects: Effects = NOTHING) -> Reply:
    """429 with the same waiting time in body and header."""
    until = datetime.fromtimestamp(now + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    facts = {"who": "UID" if bearer(call) else "IP", "count": count, "since": script_date(now - 60)}
    reply = error_reply(
        call, "rate_limit", effects, facts=facts, extra={"retryAfter": seconds, "retryAfterDate": until}
    )
    reply.headers["Retry-After"] = str(seconds)
    return reply


def selected(page: WebPage, options: ReaderOptions) -> str:
    """The text that is asked for: readability's part, the whole page, or what a selector picks."""
    if not options.selector:
        return page.markdown(whole=options.form != "content", images=options.images)
    parts = [SELECTABLE.get(one.strip()) for one in options.selector.split(", ")]
    texts = {"whole": page.markdown(images=options.images), "main": page.main, "foot": page.foot, "top": page.top}
    return "\n\n".join(texts[part] for part in parts if part)


def page_reply(page: WebPage, options: ReaderOptions, text: str, *, cached: bool, latency: Latency) -> Reply:
    """The success for `text` of `page`, with its tokens to bill."""
    tokens = bodies.token_count(text)
    body = bodies.success(
        url=options.url,
        title=page.title,
        content=text,
        description=page.description,
        form="content" if options.form == "markdown" else options.form,
        http_status=page.http_status,
        http_reason=page.reason,
        links=_links(page, options),
        warning=_warnings(page, tokens, cached),
        published=page.published or None,
    )
    note = f"{tokens} tokens, target {page.http_status}"
    if options.json:
        return json_reply(200, body, JSON_UTF8_TYPE, latency=latency, tokens=tokens, note=note)
    return Reply(
        200,
        bodies.as_text(body).encode(),
        "text/plain; charset=utf-8",
        {"X-Usage-Tokens": str(tokens)},
        latency,
        tokens=tokens,
        note=note,
    )


def _links(page: WebPage, options: ReaderOptions) -> dict[str, str] | list[list[str]] | None:
    if options.links is None:
        return None
    if options.links == "all":
        return [[label, url] for label, url in page.links()]
    return dict(reversed(page.links()))  # of two links with one label the first stays


def _warnings(page: WebPage, tokens: int, cached: bool) -> str | None:
    lines = []
    if not 200 <= page.http_status < 400:
        lines.append(f"Target URL returned error {page.http_status}: {page.reason}")
    if tokens < SHORT_PAGE_TOKENS:
        if page.wall:
            lines.append("This page maybe requiring CAPTCHA, please make sure you are authorized to access this page.")
        if cached:
            lines.append("This is a cached snapshot of the original page, consider retry with caching opt-out.")
    return "\n".join(lines) or None
