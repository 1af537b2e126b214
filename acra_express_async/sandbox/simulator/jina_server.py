"""Jina Reader: reads pages of the world, bills tokens, and fails in all documented ways."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from acra_express_async.models import Provider
from acra_express_async.sandbox.draws import hexadecimal
from acra_express_async.sandbox.markup import cdn
from acra_express_async.sandbox.markup import reader as bodies
from acra_express_async.sandbox.markup.reader_page import RenderOptions
from acra_express_async.sandbox.simulator.exchange import (
    JSON_UTF8_TYPE,
    Effects,
    Latency,
    ReceivedCall,
    Reply,
    Surroundings,
    html_reply,
    json_reply,
)
from acra_express_async.sandbox.simulator.ledger import TOKENS, Arrival, Violation
from acra_express_async.sandbox.simulator.reader_options import BadOption, ReaderOptions, read_options
from acra_express_async.sandbox.simulator.reader_replies import (
    QUICK,
    bearer,
    error_reply,
    facts_of,
    limited,
    page_reply,
    script_date,
)
from acra_express_async.sandbox.simulator.reader_visit import visit
from acra_express_async.sandbox.simulator.windows import SlidingWindow

CACHED: Latency = (0.6, 1.5, 5.0)
MEDIAN, P95 = 4.0, 20.0
"""Latency of an uncached page; the maximum is the client's X-Timeout."""

KEYLESS_PER_MINUTE, KEYED_PER_MINUTE = 20, 500
KEYLESS_IN_FLIGHT, KEYED_IN_FLIGHT = 2, 50
FAILURES_BEFORE_PAUSE = 10
PAUSE_SECONDS = 3_600.0
REMEMBERED = 20_000
"""Most URLs and clients that are remembered."""

BY_STATUS = {
    401: "bad_key",
    402: "no_balance",
    409: "robots",
    422: "no_content",
    500: "generic",
    503: "ServiceNodeResourceDrain",
}


@dataclass(slots=True)
class SimulatedJinaReader:
    """The Reader API with its cache and its record of failed URLs."""

    around: Surroundings
    _minutes: OrderedDict[str, SlidingWindow] = field(default_factory=OrderedDict)
    _cached_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _failures: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    provider = Provider.JINA

    def key_of(self, call: ReceivedCall) -> str:
        try:
            return read_options(call).url
        except BadOption as bad:
            return f"({bad.path}: {bad.value})"

    def client_of(self, call: ReceivedCall) -> str:
        key = bearer(call)
        return f"key {hexadecimal(8, key)}" if key else call.address

    def headers(self) -> dict[str, str]:
        return {"Server": "cloudflare", "Vary": "Accept, Accept-Encoding", "CF-Cache-Status": "DYNAMIC"}

    def state(self) -> dict[str, Any]:
        return {"cached_pages": len(self._cached_at), "failing_urls": len(self._failures)}

    def charge(self, _call: ReceivedCall, arrival: Arrival) -> Violation | None:
        ledger = self.around.ledger
        return ledger.charge(arrival, "jina_calls") or ledger.admits_tokens(arrival)

    def answer(self, call: ReceivedCall, arrival: Arrival, violation: Violation | None, effects: Effects) -> Reply:
        if violation is not None:
            seconds = self.around.ledger.retry_after(violation.budget)
            return limited(call, arrival.at, seconds, int(violation.allowance), effects)
        refusal = self._refused_key(call, effects) or self._real_limit(call, arrival.at, effects)
        if refusal is not None:
            return refusal
        if call.method == "GET" and not call.raw_target:
            return Reply(200, b"[Balance left] 1000000\n", "text/plain; charset=utf-8", latency=QUICK, note="balance")
        try:
            options = read_options(call)
        except BadOption as bad:
            name = "invalid_url" if bad.path == "url" else "invalid_option"
            return error_reply(call, name, effects, facts={"value": bad.value}, path=bad.path)
        if "error" in effects:
            return error_reply(call, str(effects["error"]), effects, facts=facts_of(options))
        return self._refused_target(call, options, effects) or self._read(call, options, effects)

    def failure(self, call: ReceivedCall, status: int) -> Reply:
        now = self.around.clock.now()
        if status == 429:
            return limited(call, now, 1, KEYED_PER_MINUTE)
        if status in BY_STATUS:
            return error_reply(call, BY_STATUS[status], facts={"url": self.key_of(call), "agent": "*"})
        stamp = datetime.fromtimestamp(now, UTC).isoformat(" ", "seconds")
        return html_reply(status, cdn.upstream_error("r.jina.ai", status, stamp), latency=QUICK, note="failure")

    def fixture(self, name: str, call: ReceivedCall) -> Reply | None:
        if name not in bodies.ERRORS:
            return None
        now = self.around.clock.now()
        asked = ReaderOptions(
            self.key_of(call), json=True, errors_as_json=True, wanted=RenderOptions(target=("#main",))
        )
        facts = facts_of(asked) | {"until": script_date(now + 600), "since": script_date(now - 60)}
        body = bodies.error(name, facts)
        return json_reply(body["code"], body, JSON_UTF8_TYPE)

    def _refused_key(self, call: ReceivedCall, effects: Effects) -> Reply | None:
        key = bearer(call)
        if not key:
            return None
        state = effects.get("key_state", "good")
        if key != self.around.options.jina_key or state in ("unknown", "revoked"):
            return error_reply(call, "bad_key", effects)
        return error_reply(call, "no_balance", effects) if state == "empty" else None

    def _real_limit(self, call: ReceivedCall, now: float, effects: Effects) -> Reply | None:
        if not self.around.options.real_layer:
            return None
        keyed = bool(bearer(call))
        per_minute = (KEYED_PER_MINUTE if keyed else KEYLESS_PER_MINUTE) * self.around.options.allowance_scale
        window = self._minutes.setdefault(call.client, SlidingWindow(60, per_minute))
        _forget_oldest(self._minutes)
        if call.in_flight > (KEYED_IN_FLIGHT if keyed else KEYLESS_IN_FLIGHT):
            return limited(call, now, 1, int(per_minute), effects)
        if window.total(now) >= per_minute:  # the log holds served calls only: a refused one does not count
            return limited(call, now, max(1, math.ceil(window.frees_in(now))), int(per_minute), effects)
        window.book(now)
        return None

    def _refused_target(self, call: ReceivedCall, options: ReaderOptions, effects: Effects) -> Reply | None:
        facts, now = facts_of(options), self.around.clock.now()
        blocked = effects.get("domain_block") or ()
        if _under(options.url, blocked) and not bearer(call):
            name = "domain_blocked_451" if "451" in blocked else "domain_blocked"
            return error_reply(call, name, effects, facts=facts | {"until": script_date(now + 600)})
        if _under(options.url, effects.get("dns_fail_domains") or ()):
            return error_reply(call, "dns", effects, facts=facts, path="url")
        failures, last = self._failures.get(options.url, (0, 0.0))
        if failures >= FAILURES_BEFORE_PAUSE and now < last + PAUSE_SECONDS:
            until = datetime.fromtimestamp(last + PAUSE_SECONDS, UTC).isoformat()
            return error_reply(call, "too_many_failures", effects, facts=facts | {"until": until})
        return None

    def _read(self, call: ReceivedCall, options: ReaderOptions, effects: Effects) -> Reply:
        page = self.around.world.page(options.url)
        facts = facts_of(options)
        if page.failure == "dns":
            return error_reply(call, "dns", effects, facts=facts, path="url")
        if options.robots_agent and page.robots_denied:
            return error_reply(call, "robots", effects, facts=facts)
        if page.failure is not None:
            return self._failed(call, options, effects, page.failure if page.failure != "empty" else "no_content")
        found = visit(page, options)
        if found.reading is None:
            reply = self._failed(call, options, effects, found.trouble)
            reply.latency_floor = max(reply.latency_floor, found.seconds)
            return reply
        self._failures.pop(options.url, None)
        if options.token_budget is not None and found.tokens > options.token_budget:
            return error_reply(call, "over_budget", effects, facts=facts | {"charge": found.tokens})
        cached = self._seen_before(options)
        latency = CACHED if cached else (MEDIAN, P95, options.timeout)
        form = effects.get("links_form", self.around.options.links_form)
        reply = page_reply(page, options, found, links_form=form, cached=cached, latency=latency)
        reply.latency_floor = found.seconds
        reply.refusal = lambda: self._too_many_tokens(call, effects)
        return reply

    def _too_many_tokens(self, call: ReceivedCall, effects: Effects) -> Reply:
        ledger = self.around.ledger
        allowance = int(ledger.budgets[TOKENS].allowance)
        return limited(call, self.around.clock.now(), ledger.retry_after(TOKENS), allowance, effects)

    def _failed(self, call: ReceivedCall, options: ReaderOptions, effects: Effects, name: str) -> Reply:
        failures, _ = self._failures.get(options.url, (0, 0.0))
        self._failures[options.url] = (failures + 1, self.around.clock.now())
        _forget_oldest(self._failures)
        extra = {"cause": {"name": "TimeoutError"}} if name == "timeout" else None
        reply = error_reply(call, name, effects, facts=facts_of(options), extra=extra)
        if name == "timeout":
            reply.latency, reply.latency_floor = None, options.timeout
        return reply

    def _seen_before(self, options: ReaderOptions) -> bool:
        """True when a fresh enough snapshot exists; stores one if the client allows it."""
        now = self.around.clock.now()
        cached = now - self._cached_at.get(options.url, float("-inf")) < options.cache_seconds
        if not cached and options.stores:
            self._cached_at[options.url] = now
            self._cached_at.move_to_end(options.url)
            _forget_oldest(self._cached_at)
        return cached


def _under(url: str, domains: list[str] | tuple[str, ...]) -> bool:
    """True when the URL's host is one of `domains` or a subdomain."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _forget_oldest(memory: OrderedDict[str, Any]) -> None:
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
