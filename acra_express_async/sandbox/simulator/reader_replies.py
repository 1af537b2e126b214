"""Jina Reader's replies: the page that was read, and refusals in the format that the client accepts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from acra_express_async.sandbox.markup import reader as bodies
from acra_express_async.sandbox.markup.reader import LinksForm
from acra_express_async.sandbox.markup.reader_page import RenderedPage
from acra_express_async.sandbox.simulator.exchange import (
    JSON_UTF8_TYPE,
    Effects,
    Latency,
    ReceivedCall,
    Reply,
    json_reply,
)
from acra_express_async.sandbox.simulator.reader_options import ReaderOptions, accepted_forms
from acra_express_async.sandbox.simulator.reader_visit import Visit, warnings_for
from acra_express_async.sandbox.world import WebPage

QUICK: Latency = (0.3, 0.8, 2.0)
NOTHING: Mapping[str, Any] = {}


def bearer(call: ReceivedCall) -> str:
    """The key; also accepted without "Bearer"; empty for anonymous clients."""
    value = call.headers.get("Authorization", "").strip()
    return value[7:].strip() if value.lower().startswith("bearer ") else value


def script_date(seconds: float) -> str:
    """Unix seconds in the date format of the provider's messages."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")


def facts_of(options: ReaderOptions) -> dict[str, object]:
    """Values for the placeholders of error messages."""
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
    call: ReceivedCall,
    name: str,
    effects: Effects = NOTHING,
    *,
    facts: Mapping[str, object] = NOTHING,
    path: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Reply:
    """A refusal as JSON, or as one line for a client that accepts only text."""
    body = bodies.error(name, facts, extra=extra, path=path)
    status = 200 if effects.get("envelope_200") else body["code"]
    if accepted_forms(call)[1]:
        return json_reply(status, body, JSON_UTF8_TYPE, latency=QUICK, note=name)
    line = body["readableMessage"].encode()
    return Reply(status, line, "text/plain; charset=utf-8", latency=QUICK, note=name)


def limited(call: ReceivedCall, now: float, seconds: int, count: int, effects: Effects = NOTHING) -> Reply:
    """429 with the same waiting time in body and header."""
    until = datetime.fromtimestamp(now + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    facts = {"who": "UID" if bearer(call) else "IP", "count": count, "since": script_date(now - 60)}
    reply = error_reply(
        call, "rate_limit", effects, facts=facts, extra={"retryAfter": seconds, "retryAfterDate": until}
    )
    reply.headers["Retry-After"] = str(seconds)
    return reply


def page_reply(
    page: WebPage, options: ReaderOptions, found: Visit, *, links_form: LinksForm, cached: bool, latency: Latency
) -> Reply:
    """The success reply for a visit, with the tokens to bill."""
    reading = found.reading
    assert reading is not None, "a visit without a reading is an error reply"
    form = options.wanted.form
    body = bodies.success(
        url=page.url if options.final_base else options.url,
        title=reading.title,
        content=reading.text,
        description=reading.description,
        form="content" if form == "markdown" else form,
        http_status=page.http_status,
        http_reason=page.reason,
        links=_summary(reading, options.links, links_form),
        warning=warnings_for(page, found, cached=cached),
        published=page.published or None,
        tokens=found.tokens,
    )
    note = f"{found.tokens} tokens, target {page.http_status}"
    if options.json:
        return json_reply(200, body, JSON_UTF8_TYPE, latency=latency, tokens=found.tokens, note=note)
    return Reply(
        200,
        bodies.as_text(body).encode(),
        "text/plain; charset=utf-8",
        {"X-Usage-Tokens": str(found.tokens)},
        latency,
        tokens=found.tokens,
        note=note,
    )


def _summary(reading: RenderedPage, asked: str | None, form: LinksForm) -> dict[str, str] | list[list[str]] | None:
    if asked is None:
        return None
    if asked == "gpt-oss":
        return dict(reading.cited)
    return bodies.links_summary(reading.links, form if asked == "all" else "unique")
