"""ZeroBounce v2: results, credits, two forms of refusing a key, and the published penalties."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from acra_express_async.models import Provider
from acra_express_async.sandbox.draws import hexadecimal, unit
from acra_express_async.sandbox.markup import cdn
from acra_express_async.sandbox.markup import zerobounce_answer as bodies
from acra_express_async.sandbox.simulator.exchange import (
    Effects,
    Latency,
    ReceivedCall,
    Reply,
    Surroundings,
    html_reply,
    json_reply,
)
from acra_express_async.sandbox.simulator.ledger import Arrival, Violation
from acra_express_async.sandbox.simulator.windows import SlidingWindow

VALIDATE: Latency = (2.0, 8.0, 30.0)
BATCH: Latency = (15.0, 50.0, 70.0)
CREDITS: Latency = (0.2, 0.5, 2.0)
SLOW_SHARE, SLOW_SECONDS = 0.02, (20.0, 30.0)
"""Documented: about 2 % of the verifications take 20 to 30 seconds."""

GREYLIST_SECONDS = 30 * 60
GREYLISTED_KEPT = 20_000
HOST = "api.zerobounce.net"

PENALTIES: Mapping[str, tuple[float, float, float]] = {
    "validate": (80_000, 10, 60),
    "validate, bad key": (200, 3_600, 3_600),
    "getcredits": (80_000, 3_600, 86_400),
    "getcredits, bad key": (200, 3_600, 86_400),
    "getapiusage": (800, 3_600, 3_600),
    "validatebatch": (5, 60, 600),
    "bad request": (100, 60, 3_600),
    "unknown path": (100, 120, 3_600),
}
"""Published limits: (requests, within seconds, seconds of the block)."""


@dataclass(slots=True)
class SimulatedZeroBounce:
    """One account."""

    around: Surroundings
    credits: int = 0
    _windows: dict[str, SlidingWindow] = field(default_factory=dict)
    _blocked_until: dict[str, float] = field(default_factory=dict)
    _first_asked: OrderedDict[str, float] = field(default_factory=OrderedDict)
    results: Counter[tuple[str, str]] = field(default_factory=Counter)

    provider = Provider.ZEROBOUNCE

    def __post_init__(self) -> None:
        options = self.around.options
        self.credits = options.credits
        scale = options.allowance_scale * options.real_scale
        self._windows = {name: SlidingWindow(seconds, count * scale) for name, (count, seconds, _) in PENALTIES.items()}

    def key_of(self, call: ReceivedCall) -> str:
        if call.route == "v2/validatebatch":
            return f"batch of {len(_members(call))}"
        return call.fields.get("email", "")

    def client_of(self, call: ReceivedCall) -> str:
        return "key " + hexadecimal(8, _key(call))

    def headers(self) -> dict[str, str]:
        return {
            "Server": "cloudflare",
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=14400",
            "CF-Cache-Status": "MISS",
            "Vary": "Accept-Encoding",
        }

    def state(self) -> dict[str, Any]:
        now = self.around.clock.now()
        blocked = {name: until - now for name, until in self._blocked_until.items() if until > now}
        return {"credits": self.credits, "blocked_seconds": blocked}

    def charge(self, call: ReceivedCall, arrival: Arrival) -> Violation | None:
        if call.route == "v2/validate" and call.fields.get("email"):
            return self.around.ledger.verify(arrival, [call.fields["email"]])
        if call.route == "v2/validatebatch":
            return self.around.ledger.verify(
                arrival, [str(member.get("email_address", "")) for member in _members(call)]
            )
        return None

    def answer(self, call: ReceivedCall, arrival: Arrival, violation: Violation | None, effects: Effects) -> Reply:
        if "credits" in effects:
            self.credits = int(effects["credits"])
        good_key = _key(call) == self.around.options.zerobounce_key and effects.get("key_state", "good") in (
            "good",
            "empty",
        )
        if self.around.options.real_layer and self._penalised(call, good_key, arrival.at):
            return self.failure(call, 429)
        if violation is not None:
            return self.failure(call, 429)
        if effects.get("shield") == "all":
            return self._denied(call)
        handlers = {
            "v2/validate": self._validate,
            "v2/getcredits": self._balance,
            "v2/validatebatch": self._batch,
            "v2/getapiusage": self._usage,
        }
        handler = handlers.get(call.route)
        if handler is None:
            return json_reply(404, {"message": "Not Found"}, note="unknown path")
        missing = _missing(call)
        if missing:
            return json_reply(400, missing, latency=CREDITS, note="missing parameter")
        if effects.get("key_state") == "empty":
            self.credits = 0
        return handler(call, good_key, effects)

    def failure(self, call: ReceivedCall, status: int) -> Reply:
        if status == 429:
            return Reply(429, b"", "text/html", latency=CREDITS, note="too many")
        if status == 403:
            return self._denied(call)
        if status >= 500:
            return html_reply(status, cdn.upstream_error(HOST, status, self._stamp()), latency=CREDITS, note="failure")
        return json_reply(status, {"error": "Bad request"}, latency=CREDITS, note="failure")

    def fixture(self, name: str, _call: ReceivedCall) -> Reply | None:
        if name == "greylist_pending":
            return json_reply(200, {"Message": "Greylist validation still in progress. Please try again later."})
        return None

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self.around.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def _denied(self, call: ReceivedCall) -> Reply:
        url = f"{HOST}/{call.route}?" + "&".join(f"{name}={value}" for name, value in call.fields.items())
        page = cdn.access_denied(HOST, url, self._stamp() + " UTC")
        return html_reply(403, page, headers={"Cache-Control": "private, no-store"}, latency=CREDITS, note="shield")

    def _penalised(self, call: ReceivedCall, good_key: bool, now: float) -> bool:
        """Count the request against the published limits; True when it is blocked."""
        name = call.route.removeprefix("v2/")
        kinds = ["unknown path"] if name not in PENALTIES else [name]
        if not good_key and f"{name}, bad key" in PENALTIES:
            kinds = [f"{name}, bad key"]
        if _missing(call):
            kinds.append("bad request")
        for kind in kinds:
            if self._windows[kind].book(now) > self._windows[kind].allowance:
                self._blocked_until[kind] = now + PENALTIES[kind][2]
        everywhere = ("bad request", "unknown path")
        return any(now < self._blocked_until.get(kind, 0.0) for kind in (*kinds, *everywhere))

    def _refused_key(self, call: ReceivedCall, body: object, effects: Effects) -> Reply:
        if effects.get("shield") in (True, "on"):
            return self._denied(call)
        return json_reply(200, body, headers={"zb-status": "4001"}, latency=CREDITS, note="bad key or no credits")

    def _validate(self, call: ReceivedCall, good_key: bool, effects: Effects) -> Reply:
        address = call.fields["email"]
        result = bodies.sandbox_result(address, processed_at=self._stamp()) if good_key else None
        free = result is not None
        if not good_key or (self.credits < 1 and not free):
            return self._refused_key(call, bodies.error(), effects)
        result = self._result(address, effects)
        self._pay(result, free)
        self.around.ledger.verifications_answered[address.lower()] += 1
        floor = self._slow_seconds(address)
        return json_reply(200, result, latency=VALIDATE, latency_floor=floor, note=result.get("status", ""))

    def _slow_seconds(self, address: str) -> float:
        """The minimum duration of a verification: some mail servers delay every client."""
        seed, day = self.around.options.seed, self.around.day
        if unit(seed, "slow server", address.lower(), day) >= SLOW_SHARE:
            return 0.0
        return SLOW_SECONDS[0] + unit(seed, "how slow", address.lower(), day) * (SLOW_SECONDS[1] - SLOW_SECONDS[0])

    def _result(self, address: str, effects: Effects) -> dict[str, Any]:
        stamp = self._stamp()
        result = bodies.sandbox_result(address, processed_at=stamp)
        if result is None:
            box = self.around.world.mailbox(address)
            status, sub_status = box.status, box.sub_status
            if box.unknown and not (box.unknown == "greylisted" and self._waited(address)):
                status, sub_status = "unknown", box.unknown
            result = bodies.result(
                address,
                status,
                sub_status,
                processed_at=stamp,
                free_email=box.free,
                mx_record=box.mx_record,
                domain_age_days=box.domain_age_days,
            )
        if effects.get("sub_status"):
            result["sub_status"] = effects["sub_status"]
        result |= effects.get("extra_fields") or {}
        for name in effects.get("missing_fields") or ():
            result.pop(name, None)
        return result

    def _waited(self, address: str) -> bool:
        """True when a greylisting host was first asked at least half an hour ago."""
        now, address = self.around.clock.now(), address.lower()
        first = self._first_asked.setdefault(address, now)
        if len(self._first_asked) > GREYLISTED_KEPT:
            self._first_asked.popitem(last=False)
        return now - first >= GREYLIST_SECONDS

    def _pay(self, result: Mapping[str, Any], free: bool) -> None:
        self.results[str(result.get("status", "")), str(result.get("sub_status", ""))] += 1
        if not free and result.get("status") != "unknown":
            self.credits -= 1

    def _balance(self, call: ReceivedCall, good_key: bool, effects: Effects) -> Reply:
        if not good_key:
            return self._refused_key(call, bodies.credit_balance(-1), effects)
        return json_reply(200, bodies.credit_balance(self.credits), latency=CREDITS)

    def _usage(self, call: ReceivedCall, good_key: bool, effects: Effects) -> Reply:
        if not good_key:
            return self._refused_key(call, bodies.error("Invalid API key"), effects)
        dates = call.fields.get("start_date", ""), call.fields.get("end_date", "")
        return json_reply(200, bodies.api_usage(self.results, *dates), latency=CREDITS)

    def _batch(self, call: ReceivedCall, good_key: bool, effects: Effects) -> Reply:
        members = _members(call)
        if not good_key or self.credits < 1:
            return self._refused_key(call, bodies.batch_refusal(), effects)
        if len(members) > self.around.options.batch_limit:
            return json_reply(400, {"Message": "Too many emails in email_batch."}, latency=CREDITS, note="too large")
        results, errors = [], []
        for member in members:
            address = member.get("email_address")
            if not address:
                errors.append({"email_address": "unknown", "error": "Missing email_batch key: email_address."})
                continue
            result = self._result(str(address), effects)
            self._pay(result, bodies.sandbox_result(str(address), processed_at="") is not None)
            self.around.ledger.verifications_answered[str(address).lower()] += 1
            results.append(result)
        results.sort(key=lambda result: hexadecimal(8, result["address"]))  # not in the order of the request
        return json_reply(200, {"email_batch": results, "errors": errors}, latency=BATCH)


def _document(call: ReceivedCall) -> dict[str, Any]:
    try:
        found = json.loads(call.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _members(call: ReceivedCall) -> list[dict[str, Any]]:
    members = _document(call).get("email_batch")
    return [member for member in members if isinstance(member, dict)] if isinstance(members, list) else []


def _key(call: ReceivedCall) -> str:
    return str(call.fields.get("api_key") or _document(call).get("api_key") or "")


def _missing(call: ReceivedCall) -> dict[str, str] | None:
    """The refusal for a request that lacks a required parameter."""
    if not _key(call):
        return {"error": "Missing parameter: api_key."}
    if call.route == "v2/validate" and not call.fields.get("email"):
        return {"error": "Missing parameter: email."}
    if call.route == "v2/validatebatch" and "email_batch" not in _document(call):
        return {"Message": "Missing parameter: email_batch."}
    return None
