"""What travels between the server and a provider's file: a call that was read, and a reply to send."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator.ledger import Arrival, Ledger, Violation
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.simulator_clock import Clock
from acra_express_async.sandbox.world import World

Latency = tuple[float, float, float]
"""Median, 95th percentile and longest, in seconds (contracts/providers.md 5.4)."""

Effects = Mapping[str, Any]
"""Knob -> value of the faults that hit one request."""

JSON_TYPE = "application/json"
JSON_UTF8_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"


@dataclass(slots=True)
class Call:
    """A request of a provider, read to its end.

    `route` is the path below the provider's base, `fields` the form or query, `client` whoever the provider counts
    (address or key), `in_flight` how many requests of that client are being answered, this one included.
    """

    method: str
    route: str
    raw_target: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    body: bytes
    address: str
    client: str = ""
    in_flight: int = 1


@dataclass(slots=True)
class Reply:
    """What a provider answers, before any fault touches it.

    `tokens` are billed when it is sent, `refusal` goes out instead when they are too many; `note` goes to the list of
    requests; `latency` None answers at once, `latency_floor` seconds are waited at least; `cut` ends the connection
    without an answer.
    """

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    latency: Latency | None = None
    latency_floor: float = 0.0
    tokens: int = 0
    refusal: Callable[[], Reply] | None = None
    note: str = ""
    cut: bool = False


def json_reply(status: int, body: object, content_type: str = JSON_TYPE, **details: Any) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, json.dumps(body, ensure_ascii=False).encode(), content_type, **details)


def html_reply(status: int, body: str, **details: Any) -> Reply:
    """A reply with an HTML page."""
    return Reply(status, body.encode(), HTML_TYPE, **details)


@dataclass(slots=True)
class Surroundings:
    """What every provider's file works with."""

    world: World
    options: Options
    clock: Clock
    ledger: Ledger

    @property
    def day(self) -> int:
        """The virtual day; chances are drawn anew each day."""
        return int(self.clock.now() // 86_400)


class SimulatedProvider(Protocol):
    """One file per provider implements this."""

    @property
    def provider(self) -> Provider: ...

    def key_of(self, call: Call, /) -> str:
        """What is asked, for the list of requests; no secret."""
        ...

    def client_of(self, call: Call, /) -> str:
        """Whom the provider counts; no secret."""
        ...

    def charge(self, call: Call, arrival: Arrival, /) -> Violation | None:
        """Enter what the arrival takes of our budget, whatever becomes of it."""
        ...

    def answer(self, call: Call, arrival: Arrival, violation: Violation | None, effects: Effects, /) -> Reply:
        """The answer, the provider's own limits applied; a refusal when there is a `violation`."""
        ...

    def failure(self, call: Call, status: int, /) -> Reply:
        """The provider's usual body under an error status."""
        ...

    def headers(self) -> dict[str, str]:
        """Headers of every answer."""
        ...

    def fixture(self, name: str, call: Call, /) -> Reply | None:
        """A named body for the knob ``body``; None when the name is unknown."""
        ...

    def state(self) -> dict[str, Any]:
        """For `/__sim/state`."""
        ...
