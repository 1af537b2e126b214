"""DuckDuckGo's pages without scripts: results, genuine "no results", and the challenge with a success status."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from acra_express_async.models import Provider
from acra_express_async.sandbox import markup
from acra_express_async.sandbox.draws import one_of, unit
from acra_express_async.sandbox.markup import Ad, LinkForm, Listing
from acra_express_async.sandbox.simulator.exchange import (
    Effects,
    Latency,
    ReceivedCall,
    Reply,
    Surroundings,
    html_reply,
)
from acra_express_async.sandbox.simulator.ledger import Arrival, Violation
from acra_express_async.sandbox.simulator.windows import SlidingWindow

GOOD: Latency = (0.75, 1.8, 5.0)
CHALLENGE: Latency = (0.25, 0.6, 2.0)

REQUESTS_PER_MINUTE = 15
"""The undocumented limit of the real layer, per client."""
SCORE_LIMIT = 6
"""Suspicious signs (GET, a robot's User-Agent, under a second since the last request) within ten minutes."""
LONGEST_QUERY = 499
CLIENTS_KEPT = 1_000

ADS = (
    Ad(
        "Office Furniture Sale - Up To 60% Off",
        "deskdealz.example",
        "Islandwide delivery. Shop desks and chairs today.",
    ),
    Ad("Business Insurance Quotes in Minutes", "coverquick.example", "Compare plans for small companies."),
    Ad("Register Your Company Online", "incorpfast.example", "Incorporation from $99. Fast and paperless."),
)
_ROBOT = re.compile(r"^$|python-httpx|python-requests|aiohttp|curl/", re.IGNORECASE)


@dataclass(slots=True)
class _Client:
    """What the search engine remembers about one client address."""

    minute: SlidingWindow
    marks: SlidingWindow
    last_seen: float = float("-inf")
    blocked_until: float = float("-inf")
    block_seconds: float = 0.0


@dataclass(slots=True)
class SimulatedDuckDuckGo:
    """One search engine; each request during a block restarts the block."""

    around: Surroundings
    _clients: OrderedDict[str, _Client] = field(default_factory=OrderedDict)
    blocks: int = 0

    provider = Provider.DUCKDUCKGO

    def key_of(self, call: ReceivedCall) -> str:
        return call.fields.get("q", "")

    def client_of(self, call: ReceivedCall) -> str:
        return call.address

    def headers(self) -> dict[str, str]:
        return {
            "Server": "nginx",
            "Vary": "Accept-Encoding",
            "Server-Timing": 'total;dur=672;desc="Backend Total [n]"',
            "X-Robots-Tag": "noindex",
            "Referrer-Policy": "origin",
            "Cache-Control": "max-age=1",
            "X-DuckDuckGo-Locale": "en_US",
        }

    def state(self) -> dict[str, Any]:
        now = self.around.clock.now()
        blocked = {
            name: client.blocked_until - now for name, client in self._clients.items() if client.blocked_until > now
        }
        return {"blocks": self.blocks, "blocked_seconds": blocked}

    def charge(self, _call: ReceivedCall, arrival: Arrival) -> Violation | None:
        return self.around.ledger.charge(arrival, "duckduckgo_requests")

    def answer(self, call: ReceivedCall, arrival: Arrival, violation: Violation | None, effects: Effects) -> Reply:
        if call.route.strip("/") not in ("html", "lite"):
            return self.failure(call, 404)
        client = self._client(call.client)
        suspicion = self._suspicion(call, client, arrival, effects)
        client.last_seen = arrival.at
        if violation is not None:
            return self._challenge(call, "over the budget")
        if suspicion:
            return self._challenge(call, suspicion)
        query = call.fields.get("q", "").strip()
        if not query:
            return html_reply(200, markup.html_landing(), latency=GOOD, note="landing")
        if len(query) > LONGEST_QUERY:
            return self.failure(call, self.around.options.long_query_status)
        if query.startswith("!") or " !" in query:
            return html_reply(303, "", headers={"Location": "https://duckduckgo.com/?q=bang"}, note="bang")
        return self._results(call, query, effects)

    def failure(self, call: ReceivedCall, status: int) -> Reply:
        if status == 202:
            return self._challenge(call, "knob")
        page = f"<html><head><title>{status}</title></head>\n<body><center><h1>{status}</h1></center></body></html>\n"
        return html_reply(status, page, latency=CHALLENGE, note="failure")

    def fixture(self, name: str, call: ReceivedCall) -> Reply | None:
        query = call.fields.get("q", "")
        pages: dict[str, Callable[[], str]] = {
            "challenge": lambda: markup.challenge_page(query),
            "challenge_botnet": lambda: markup.challenge_page(query, kind="botnet", service="lite"),
            "landing": markup.html_landing,
            "no_results_eof": lambda: markup.html_no_results(query, "eof"),
            "no_results_message": lambda: markup.html_no_results(query, "message"),
            "no_results_past_end": lambda: markup.html_no_results(query, "past_end"),
            "lite_no_results": lambda: markup.lite_no_results(query),
        }
        return html_reply(200, pages[name]()) if name in pages else None

    def _client(self, name: str) -> _Client:
        scale = self.around.options.allowance_scale
        client = self._clients.get(name)
        if client is None:
            client = _Client(SlidingWindow(60, REQUESTS_PER_MINUTE * scale), SlidingWindow(600, SCORE_LIMIT * scale))
            self._clients[name] = client
            if len(self._clients) > CLIENTS_KEPT:
                self._clients.popitem(last=False)
        return client

    def _suspicion(self, call: ReceivedCall, client: _Client, arrival: Arrival, effects: Effects) -> str:
        """Why this request gets the challenge; empty when it does not."""
        options, now = self.around.options, arrival.at
        marks = self._marks(call)
        real = self._real_limit(client, now, len(marks)) if options.real_layer else ""
        asked = effects.get("ddg_block_now")
        if asked:
            self._block(client, now, options.block_minutes if asked is True else float(asked))
            return "blocked by knob"
        if now < client.blocked_until:
            client.blocked_until = now + client.block_seconds
            return "blocked"
        chances = {"get": options.flag_get, "user agent": options.flag_user_agent, "no vqd": options.flag_no_vqd}
        for mark in marks:
            if unit(options.seed, "flag", mark, self.key_of(call), self.around.day) < chances[mark]:
                self._block(client, now, options.block_minutes)
                return f"flagged: {mark}"
        if real:
            self._block(client, now, options.block_minutes)
        return real

    def _real_limit(self, client: _Client, now: float, marks: int) -> str:
        hasty = now - client.last_seen < 1.0 / self.around.options.allowance_scale
        score = client.marks.book(now, marks + hasty)
        if client.minute.book(now) > client.minute.allowance:
            return "15 a minute"
        return "score" if score > client.marks.allowance else ""

    def _marks(self, call: ReceivedCall) -> list[str]:
        marks = []
        if call.method == "GET":
            marks.append("get")
        if _ROBOT.search(call.headers.get("User-Agent", "")):
            marks.append("user agent")
        if call.fields.get("s") and call.fields.get("vqd") != markup.vqd(call.fields.get("q", "")):
            marks.append("no vqd")
        return marks

    def _block(self, client: _Client, now: float, minutes: float) -> None:
        client.block_seconds = minutes * 60
        client.blocked_until = now + client.block_seconds
        self.blocks += 1

    def _challenge(self, call: ReceivedCall, why: str) -> Reply:
        kind: Literal["sre", "botnet"] = one_of(("sre", "botnet"), self.around.options.seed, "cc", self.key_of(call))
        page = markup.challenge_page(
            self.key_of(call),
            kind=kind,
            service="lite" if call.route.startswith("lite") else "html",
            stamp=int(self.around.clock.now()),
        )
        return html_reply(202, page, latency=CHALLENGE, note=f"challenge: {why}")

    def _results(self, call: ReceivedCall, query: str, effects: Effects) -> Reply:
        options, day, region = self.around.options, self.around.day, call.fields.get("kl", "")
        lite = call.route.startswith("lite")
        limit = options.most_exclusions
        answered = limit is None or query.count("-site:") <= limit
        listings = self.around.world.search(query) if answered and not call.fields.get("s") else ()
        form: LinkForm = "wrapped" if lite or call.method == "GET" else "direct"
        form = effects.get("link_form") or options.link_form or form
        ad = one_of(ADS, query, day) if unit(options.seed, "ad", query, day) < options.ad_share else None
        if not listings:
            return html_reply(200, self._nothing(call, query, lite), latency=GOOD, note="no results")
        if effects.get("markup") == "v2":
            page = markup.html_changed_markup(query, listings)
        elif lite:
            page = markup.lite_results(query, listings, form=form, ad=ad, region=region)
        else:
            page = markup.html_results(query, listings, form=form, ad=ad, box=self._box(query, day), region=region)
        return html_reply(200, page, latency=GOOD, note=f"{len(listings)} results")

    def _nothing(self, call: ReceivedCall, query: str, lite: bool) -> str:
        past_end = bool(call.fields.get("s"))
        if lite:
            return markup.lite_no_results(query, past_end=past_end)
        variant = one_of(markup.NO_RESULTS, self.around.options.seed, "nothing", query)
        return markup.html_no_results(query, "past_end" if past_end else variant)

    def _box(self, query: str, day: int) -> Listing | None:
        if unit(self.around.options.seed, "box", query, day) >= self.around.options.box_share:
            return None
        word = query.split(maxsplit=1)[0].capitalize()
        return Listing(
            f"{word} (disambiguation)", f"https://en.wikipedia.org/wiki/{word}", f"{word} may refer to several things."
        )
