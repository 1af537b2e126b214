"""Slack's incoming webhook: stores messages and answers with Slack's plain-text refusals."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from acra_express_async.models import Provider
from acra_express_async.sandbox.draws import hexadecimal
from acra_express_async.sandbox.simulator.exchange import (
    Effects,
    Latency,
    ReceivedCall,
    Reply,
    Surroundings,
    json_reply,
)
from acra_express_async.sandbox.simulator.ledger import Arrival, Violation
from acra_express_async.sandbox.simulator.windows import SlidingWindow

USUAL: Latency = (0.15, 0.5, 3.0)

BURST = 25
"""Messages accepted in a burst; after that one per second (measured once against the real webhook)."""
SWITCHED_OFF_AFTER = 3_600
"""Messages within five minutes after which Slack disables a webhook permanently."""
MESSAGES_KEPT = 1_000
LONGEST_TEXT, LONGEST_SECTION, LONGEST_HEADER, MOST_BLOCKS, MOST_FIELDS = 40_000, 3_000, 150, 50, 10
MOST_ATTACHMENTS = 100

STATES: Mapping[str, tuple[int, str]] = {
    "removed": (404, "no_service"),
    "archived": (410, "channel_is_archived"),
    "bad_token": (403, "invalid_token"),
    "disabled": (404, "no_active_hooks"),
}


@dataclass(slots=True)
class SimulatedSlack:
    """One webhook and the messages that it accepted."""

    around: Surroundings
    messages: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT))
    stored: int = 0
    _level: float = 0.0
    _seen: float = 0.0
    _flood: SlidingWindow = field(default_factory=lambda: SlidingWindow(300, SWITCHED_OFF_AFTER))
    _off: bool = False

    provider = Provider.SLACK

    def key_of(self, call: ReceivedCall) -> str:
        return "webhook " + hexadecimal(8, call.route)

    def client_of(self, call: ReceivedCall) -> str:
        return self.key_of(call)

    def headers(self) -> dict[str, str]:
        return {"Server": "Apache", "X-Slack-Backend": "r", "Referrer-Policy": "no-referrer"}

    def state(self) -> dict[str, Any]:
        return {"messages": self.stored, "switched_off": self._off}

    def charge(self, _call: ReceivedCall, arrival: Arrival) -> Violation | None:
        self._flood.book(arrival.at)
        return None  # alerts have no budget

    def answer(self, call: ReceivedCall, arrival: Arrival, _violation: Violation | None, effects: Effects) -> Reply:
        if self._flood.total(arrival.at) > SWITCHED_OFF_AFTER * self.around.options.allowance_scale:
            self._off = True
        state = "disabled" if self._off else effects.get("webhook_state", "active")
        if state in STATES:
            return _plain(*STATES[state])
        if call.route != self.around.options.slack_path:
            return _plain(404, "no_team")
        if self.around.options.real_layer and not self._pours(arrival.at):
            return self.failure(call, 429)
        problem = _problem(_payload(call))
        if problem:
            return _plain(400, problem)
        return self._store(call, effects)

    def failure(self, _call: ReceivedCall, status: int) -> Reply:
        if status == 429:
            body = {"retry_after": 1, "ok": False, "error": "rate_limited"}
            return json_reply(429, body, headers={"Retry-After": "1"}, latency=USUAL, note="too many")
        known = {400: "invalid_payload", 403: "action_prohibited", 404: "channel_not_found", 500: "rollup_error"}
        return _plain(status, known.get(status, "server_error"))

    def fixture(self, _name: str, _call: ReceivedCall) -> Reply | None:
        return None

    def _pours(self, now: float) -> bool:
        """True when the bucket (25 messages, one leaks per second) overflows."""
        rate = self.around.options.allowance_scale
        self._level = max(0.0, self._level - (now - self._seen) * rate)
        self._seen = now
        if self._level + 1 > BURST * rate:
            return False
        self._level += 1
        return True

    def _store(self, call: ReceivedCall, effects: Effects) -> Reply:
        payload = _payload(call)
        assert payload is not None, "a payload without problem is there"
        for _ in range(2 if effects.get("duplicate_delivery") else 1):
            self.messages.append({"at": self.around.clock.now(), **payload})
            self.stored += 1
        match effects.get("after_store"):
            case "rollup_error":
                return _plain(500, "rollup_error")
            case "timeout":
                return Reply(504, b"", "text/html", latency_floor=120.0, cut=True, note="stored, then silence")
            case "reset":
                return Reply(502, b"", "text/html", cut=True, note="stored, then cut")
        return _plain(200, "ok")


def _plain(status: int, text: str) -> Reply:
    return Reply(status, text.encode(), "text/html", latency=USUAL, note=text)


def _payload(call: ReceivedCall) -> dict[str, Any] | None:
    """The JSON of the body or of the legacy form field ``payload``; None when there is none."""
    text = call.fields.get("payload") or call.body.decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problem(payload: dict[str, Any] | None) -> str:
    """The reason why Slack refuses a payload; empty when it accepts it."""
    if payload is None:
        return "invalid_payload"
    blocks = payload.get("blocks")
    if not payload.get("text") and not blocks and not payload.get("attachments"):
        return "no_text"
    if len(str(payload.get("text", ""))) > LONGEST_TEXT:
        return "msg_too_long"
    if len(payload.get("attachments") or ()) > MOST_ATTACHMENTS:
        return "too_many_attachments"
    if blocks is None:
        return ""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) and "type" in block for block in blocks):
        return "invalid_blocks_format"
    return "invalid_blocks" if len(blocks) > MOST_BLOCKS or any(map(_too_large, blocks)) else ""


def _too_large(block: dict[str, Any]) -> bool:
    text = block.get("text")
    length = len(str(text.get("text", ""))) if isinstance(text, dict) else 0
    longest = LONGEST_HEADER if block["type"] == "header" else LONGEST_SECTION
    fields = block.get("fields") or ()
    wide = any(isinstance(item, dict) and len(str(item.get("text", ""))) > 2_000 for item in fields)
    return length > longest or len(fields) > MOST_FIELDS or wide
