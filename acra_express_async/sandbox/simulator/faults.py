"""Faults: which knob is set for which provider and route, with what probability, how often, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

from acra_express_async.models import Provider
from acra_express_async.sandbox.draws import unit

KNOBS: Mapping[str, str] = {
    "latency_scale": "multiplies the latency by the value",
    "latency_add": "adds seconds to the latency",
    "hang": "seconds without an answer, then the connection closes (Jina Reader: 524)",
    "status": "answers with this HTTP status and the provider's usual body for it",
    "body": "name of a fixture, or the text itself",
    "truncate_after": "bytes after which the connection is cut; {'bytes': n, 'clean': true} ends the answer in order",
    "reset_connection": "RST instead of an answer",
    "close_before_headers": "closes the connection instead of an answer",
    "slow_drip": "seconds over which the body trickles",
    "bad_json": "cuts the JSON in half, length and status intact",
    "wrong_content_type": "this Content-Type instead",
    "drop_header": "name of a header that is left out",
    "retry_after": "absent, 0, -5, date, huge, or a number: the Retry-After of a refusal",
    "duplicate_delivery": "Slack stores the message twice",
    "key_state": "good, unknown, empty or revoked (Jina Reader, ZeroBounce)",
    "credits": "ZeroBounce: sets the balance",
    "shield": "on: a bad key gets 403 and HTML; all: everybody does; off",
    "ddg_block_now": "DuckDuckGo: blocks the client for these minutes (true: as configured)",
    "markup": "v2: a result page that nobody parses yet",
    "dns_fail_domains": "list of domains that do not resolve",
    "outage": "the connection is cut, or this status is answered",
    "clock_skew": "seconds by which the provider's dates are off",
    "link_form": "direct or wrapped",
    "domain_block": "list of domains; with 451 as the first entry in the form of 2024",
    "error": "Jina Reader: a key of markup.reader.ERRORS",
    "links_form": "Jina Reader: object or pairs, the form of a links summary under all",
    "envelope_200": "Jina Reader: errors come under HTTP 200",
    "sub_status": "ZeroBounce: this sub-status in results",
    "extra_fields": "ZeroBounce: object merged into results",
    "missing_fields": "ZeroBounce: list of fields left out of results",
    "webhook_state": "active, removed, archived, bad_token or disabled",
    "after_store": "Slack stores the message, then: rollup_error, timeout or reset",
}
"""Every knob with the meaning of its value."""

ONE_SHOT = frozenset({"credits", "ddg_block_now"})
"""Knobs that apply once unless a count is given, because they change a state that then persists."""

FIELDS = frozenset({"provider", "knob", "value", "route", "probability", "count", "from", "to"})


@dataclass(slots=True)
class Fault:
    """One knob that is set.

    Attributes:
        provider: the affected provider.
        knob: a key of `KNOBS`.
        value: see `KNOBS`.
        route: pattern such as ``v2/*``; ``*`` matches everything.
        probability: probability per request.
        count: how many more requests it affects; None for no limit.
        since, until: virtual seconds after the simulator's start between which it applies.
    """

    provider: Provider
    knob: str
    value: Any = True
    route: str = "*"
    probability: float = 1.0
    count: int | None = None
    since: float = 0.0
    until: float | None = None
    number: int = 0

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Fault:
        """The fault described by a JSON object with the keys `FIELDS`.

        Raises:
            ValueError: an unknown key, provider or knob; the text names it.
        """
        unknown = spec.keys() - FIELDS
        if unknown:
            raise ValueError(f"unknown key {min(unknown)!r} in a fault")
        if spec.get("knob") not in KNOBS:
            raise ValueError(f"unknown knob {spec.get('knob')!r}")
        return cls(
            provider=Provider(spec.get("provider", "")),
            knob=spec["knob"],
            value=spec.get("value", True),
            route=spec.get("route", "*"),
            probability=float(spec.get("probability", 1.0)),
            count=spec.get("count", 1 if spec["knob"] in ONE_SHOT else None),
            since=float(spec.get("from", 0.0)),
            until=spec.get("to"),
        )

    def hits(self, provider: Provider, route: str, elapsed: float, seed: int, ordinal: int) -> bool:
        """True when the fault affects this request."""
        return (
            provider is self.provider
            and (self.count is None or self.count > 0)
            and self.since <= elapsed
            and (self.until is None or elapsed < self.until)
            and fnmatch(route, self.route)
            and (self.probability >= 1 or unit(seed, "fault", self.number, ordinal) < self.probability)
        )


class Faults:
    """The faults that are active now."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 1) -> None:
        self._seed = seed
        self._faults: dict[int, Fault] = {}
        self._next = 1
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Add a fault; return the number by which it can be removed."""
        number, self._next = self._next, self._next + 1
        self._faults[number] = replace(fault, number=number)
        return number

    def remove(self, number: int) -> bool:
        """Remove a fault; False when there is none with this number."""
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def effects(self, provider: Provider, route: str, elapsed: float, ordinal: int) -> dict[str, Any]:
        """Knob and value of each fault for one request; decrements counts. A later fault overrides an earlier one.

        Args:
            provider: the provider that is called.
            route: the route that is called.
            elapsed: virtual seconds since the start.
            ordinal: number of the request; random choices depend on it.
        """
        found: dict[str, Any] = {}
        for fault in self._faults.values():
            if fault.hits(provider, route, elapsed, self._seed, ordinal):
                found[fault.knob] = fault.value
                if fault.count is not None:
                    fault.count -= 1
        return found

    def listed(self) -> list[dict[str, Any]]:
        """Every fault as a JSON object with its number."""
        return [
            {
                "number": fault.number,
                "provider": fault.provider.value,
                "knob": fault.knob,
                "value": fault.value,
                "route": fault.route,
                "probability": fault.probability,
                "count": fault.count,
                "from": fault.since,
                "to": fault.until,
            }
            for fault in self._faults.values()
        ]
