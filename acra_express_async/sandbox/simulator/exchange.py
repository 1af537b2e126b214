"""What the server and the provider modules exchange: a call that was read, and a reply to send."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator.ledger import Arrival, ArrivalLedger, Violation
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.simulator_clock import Clock
from acra_express_async.sandbox.world import World

Latency = tuple[float, float, float]
"""Median, 95th percentile and maximum, in seconds."""

Effects = Mapping[str, Any]
"""Knob and value of each fault that affects one request."""

JSON_TYPE = "application/json"
JSON_UTF8_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"


@dataclass(slots=True)
class ReceivedCall:
    """A complete request to a provider.

    `route`: the path below the provider's base. `fields`: the form or query. `client`: the address or key that the
    provider counts. `in_flight`: how many requests of that client are being answered, this one included.
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
    """The answer of a provider before any fault changes it.

    `tokens` are billed when it is sent; if they exceed the budget, `refusal` is sent instead. `note` appears in the
    list of requests. `latency` None answers immediately, `latency_floor` is the minimum in seconds, and `cut` closes
    the connection without an answer.
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
    """What every provider module needs."""

    world: World
    options: Options
    clock: Clock
    ledger: ArrivalLedger

    @property
    def day(self) -> int:
        """The virtual day; random choices change each day."""
        return int(self.clock.now() // 86_400)


class SimulatedProvider(Protocol):
    """One provider; each of the modules `*_server.py` implements it."""

    @property
    def provider(self) -> Provider: ...

    def key_of(self, call: ReceivedCall, /) -> str:
        """What is requested, for the list of requests; never a secret."""
        ...

    def client_of(self, call: ReceivedCall, /) -> str:
        """The client that the provider counts; never a secret."""
        ...

    def charge(self, call: ReceivedCall, arrival: Arrival, /) -> Violation | None:
        """Charge our budget for an arrival, whatever its answer will be."""
        ...

    def answer(self, call: ReceivedCall, arrival: Arrival, violation: Violation | None, effects: Effects, /) -> Reply:
        """The answer under the provider's own limits; a refusal when there is a `violation`."""
        ...

    def failure(self, call: ReceivedCall, status: int, /) -> Reply:
        """The provider's usual body for an error status."""
        ...

    def headers(self) -> dict[str, str]:
        """Headers of every answer."""
        ...

    def fixture(self, name: str, call: ReceivedCall, /) -> Reply | None:
        """The body of this name for the knob ``body``; None when the name is unknown."""
        ...

    def state(self) -> dict[str, Any]:
        """The provider's part of `/__sim/state`."""
        ...
