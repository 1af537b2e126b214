"""The ledger: records every request on arrival and sums every rolling window exactly."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.simulator_clock import Clock
from acra_express_async.sandbox.simulator.windows import CalendarDay, SlidingWindow, Window

REQUESTS_PER_HOUR = 200
"""DuckDuckGo: requests in any rolling hour, failed ones included."""
CALLS_PER_HOUR = 120
TOKENS_PER_MINUTE = 5_000
VERIFICATIONS_PER_DAY = 500

ARRIVALS_KEPT = 20_000
VIOLATIONS_KEPT = 10_000

TOKENS = "jina_tokens"


@dataclass(slots=True)
class Arrival:
    """One request. `at`: virtual Unix seconds. `key`: the query, URL or address, never a secret.

    `status` is None until the answer is sent, and stays None when the connection was cut.
    """

    number: int
    at: float
    provider: str
    route: str
    key: str
    client: str
    status: int | None = None
    note: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """One request that exceeded a budget: `total` is the sum of the window including it."""

    at: float
    provider: str
    budget: str
    total: float
    allowance: float
    key: str


class ArrivalLedger:
    """Arrivals, budget windows, violations, and how often each address was verified.

    Sums cover one window and lists are bounded, so memory stays flat in a long run; only counters grow.
    """

    def __init__(self, clock: Clock, options: Options) -> None:
        self._clock = clock
        self._enforced = options.budget_layer
        self._rule = options.token_rule
        scale = options.allowance_scale
        day: Window = (
            SlidingWindow(86_400, VERIFICATIONS_PER_DAY * scale)
            if options.day_boundary == "rolling"
            else CalendarDay(options.day_boundary, VERIFICATIONS_PER_DAY * scale)
        )
        self.budgets: dict[str, Window] = {
            "duckduckgo_requests": SlidingWindow(3600, REQUESTS_PER_HOUR * scale),
            "jina_calls": SlidingWindow(3600, CALLS_PER_HOUR * scale),
            TOKENS: SlidingWindow(60, TOKENS_PER_MINUTE * scale),
            "zerobounce_verifications": day,
        }
        self.violations: deque[Violation] = deque(maxlen=VIOLATIONS_KEPT)
        self.violation_count = 0
        self.arrivals: deque[Arrival] = deque(maxlen=ARRIVALS_KEPT)
        self.arrival_counts: Counter[str] = Counter()
        self.status_counts: Counter[tuple[str, int | None]] = Counter()
        self.tokens_sent = 0
        self.verifications_sent: Counter[str] = Counter()
        self.verifications_answered: Counter[str] = Counter()

    def arrive(self, provider: Provider, route: str, key: str, client: str) -> Arrival:
        """Record a request now; call this before anything else is done with the request."""
        number = sum(self.arrival_counts.values()) + 1
        arrival = Arrival(number, self._clock.now(), provider.value, route, key, client)
        self.arrivals.append(arrival)
        self.arrival_counts[provider.value] += 1
        return arrival

    def charge(self, arrival: Arrival, budget: str, amount: int = 1) -> Violation | None:
        """Charge a request to a budget; return the violation if it exceeds the allowance."""
        total = self.budgets[budget].book(arrival.at, amount)
        return self._judged(arrival, budget, total, arrival.at)

    def verify(self, arrival: Arrival, addresses: Iterable[str]) -> Violation | None:
        """Charge verifications, one per address."""
        sent = [address.lower() for address in addresses]
        self.verifications_sent.update(sent)
        return self.charge(arrival, "zerobounce_verifications", len(sent))

    def admits_tokens(self, arrival: Arrival) -> Violation | None:
        """Under the rule ``admit``, the violation that keeps a call from starting."""
        window = self.budgets[TOKENS]
        if self._rule == "strict" or window.total(arrival.at) < window.allowance:
            return None
        return self._judged(arrival, TOKENS, window.total(arrival.at) + 1, arrival.at)

    def bill_tokens(self, arrival: Arrival, tokens: int) -> Violation | None:
        """Charge the tokens of an answer when it is sent.

        Under the rule ``strict``, an answer that would exceed the window is a violation, is refused and costs nothing.
        """
        now = self._clock.now()
        window = self.budgets[TOKENS]
        if self._rule == "strict" and self._enforced and window.total(now) + tokens > window.allowance:
            window.worst = max(window.worst, window.total(now) + tokens)
            return self._judged(arrival, TOKENS, window.total(now) + tokens, now)
        window.book(now, tokens)
        arrival.tokens = tokens
        self.tokens_sent += tokens
        return None

    def close(self, arrival: Arrival, status: int | None, note: str = "") -> None:
        """Record how a request ended; status None means that the connection was cut."""
        arrival.status = status
        arrival.note = note
        self.status_counts[arrival.provider, status] += 1

    def retry_after(self, budget: str) -> int:
        """Whole seconds until the budget's oldest entry leaves the window, at least 1."""
        return max(1, math.ceil(self.budgets[budget].frees_in(self._clock.now())))

    def state(self) -> dict[str, Any]:
        """The use of every budget with its worst window, and the counters."""
        now = self._clock.now()
        return {
            "now": now,
            "budgets": {
                name: {
                    "window_seconds": window.seconds,
                    "allowance": window.allowance,
                    "used": window.total(now),
                    "worst": window.worst,
                }
                for name, window in self.budgets.items()
            },
            "violations": self.violation_count,
            "requests": dict(self.arrival_counts),
            "statuses": {f"{provider} {status}": count for (provider, status), count in self.status_counts.items()},
            "tokens": self.tokens_sent,
            "verifications": {
                "sent": self.verifications_sent.total(),
                "answered": self.verifications_answered.total(),
                "sent_more_than_once": sum(count > 1 for count in self.verifications_sent.values()),
            },
        }

    def requests(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The kept arrivals, oldest first."""
        return [asdict(arrival) for arrival in self.arrivals if provider in (None, arrival.provider)]

    def _judged(self, arrival: Arrival, budget: str, total: float, at: float) -> Violation | None:
        allowance = self.budgets[budget].allowance
        if not self._enforced or total <= allowance:
            return None
        violation = Violation(at, arrival.provider, budget, total, allowance, arrival.key)
        self.violations.append(violation)
        self.violation_count += 1
        return violation
