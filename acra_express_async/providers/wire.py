"""One HTTP request with what a paid call must know: was it sent, and was it sent in time?

httpcore reports through its trace extension when it begins to write a request. Before that moment nothing can have cost
anything, and the charge may be handed back; after it, the request may have been served and billed.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from acra_express_async.errors import Transient
from acra_express_async.limits import SEND_MARGIN
from acra_express_async.limits.budget_table import BudgetRow
from acra_express_async.models import Provider
from acra_express_async.runtime.realtime import suspended

LONGEST_RETRY_AFTER = timedelta(minutes=5)
"""A longer Retry-After is not credible; longer waits are left to the breaker."""


@dataclass(slots=True)
class Answer:
    """A response, read to its end or up to the cap.

    The client that judges the answer fills `billed`: the amounts that the provider says it billed. Without an entry the
    reserved amount stands.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False
    billed: dict[BudgetRow, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as UTF-8, which all four providers speak; other bytes become replacement characters."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body's JSON, or None when it is not JSON (an HTML page of the CDN in front, a cut body)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(slots=True)
class Wire:
    """What is known of one send; `sent` turns True just before the first byte is written.

    Args:
        charged_at: the loop's time just before it was charged.
        margin: longest time from then to the first byte sent.
    """

    charged_at: float
    margin: timedelta = SEND_MARGIN
    sent: bool = False
    answer: Answer | None = None
    _suspended_before: float = field(default_factory=suspended, repr=False)
    _timer: asyncio.Timeout | None = field(default=None, repr=False)
    _patience: timedelta = timedelta()

    async def send(
        self, http: httpx.AsyncClient, request: httpx.Request, *, provider: Provider, patience: timedelta, cap: int
    ) -> Answer:
        """Send `request` and read at most `cap` bytes of the answer; redirects are answers.

        Args:
            http: client of the process; its own time-outs do not matter, `patience` covers the whole try.
            request: built by the provider's client.
            provider: for the error.
            patience: from the first byte sent to the last byte read.
            cap: bytes of the decoded body that are kept.

        Raises:
            Transient: no complete answer came; `sent` tells whether the request may have arrived.
        """
        loop = asyncio.get_running_loop()
        request.extensions = {**request.extensions, "trace": self._trace, "timeout": httpx.Timeout(None).as_dict()}
        self._patience = patience
        try:
            async with asyncio.timeout_at(self.charged_at + self.margin.total_seconds()) as self._timer:
                response = await http.send(request, stream=True, follow_redirects=False)
                self._on_the_wire(loop.time())  # a transport without the trace (in tests) only shows it by answering
                try:
                    body, truncated = await _body(response, cap)
                finally:
                    await response.aclose()
            self.answer = Answer(response.status_code, response.headers, body, truncated)
            return self.answer
        except TimeoutError as late:
            reason, what = ("timeout", "did not answer in time") if self.sent else ("not_sent", "could not be reached")
            raise Transient(f"{provider} {what}", provider=provider, reason=reason, sent=self.sent) from late
        except (httpx.ConnectError, httpx.PoolTimeout, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as away:
            # only the class name: the message may contain the URL
            raise Transient(
                f"{provider} could not be reached ({type(away).__name__})",
                provider=provider,
                reason="connection",
                sent=self.sent,
            ) from away
        except httpx.ProxyError as refused:
            self.sent = False  # the proxy made no tunnel, so nothing went to the provider
            raise Transient(
                f"{provider} could not be reached (ProxyError)", provider=provider, reason="connection", sent=False
            ) from refused
        except (httpx.HTTPError, httpx.StreamError) as broken:
            self.sent = True
            raise Transient(
                f"the answer of {provider} broke off ({type(broken).__name__})", provider=provider, reason="connection"
            ) from broken

    async def _trace(self, event: str, _facts: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started") and not self.sent:
            now = asyncio.get_running_loop().time()
            asleep = suspended() - self._suspended_before
            if now + asleep > self.charged_at + self.margin.total_seconds():
                raise TimeoutError  # after a freeze, the process may get here before its timer fires
            self._on_the_wire(now)

    def _on_the_wire(self, now: float) -> None:
        if not self.sent and self._timer is not None:
            self._timer.reschedule(now + self._patience.total_seconds())
        self.sent = True


async def _body(response: httpx.Response, cap: int) -> tuple[bytes, bool]:
    kept = bytearray()
    async for chunk in response.aiter_bytes():
        kept += chunk
        if len(kept) > cap:
            return bytes(kept[:cap]), True
    return bytes(kept), False


def retry_after(
    headers: Mapping[str, str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> timedelta | None:
    """What `Retry-After` asks for (seconds or HTTP date), from 0 to `LONGEST_RETRY_AFTER`; None without a valid one.

    A date is compared with the answer's own `Date`, and with our clock only if there is none.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = _http_date(value)
        if until is None:
            return None
        seconds = (until - (_http_date(headers.get("date", "")) or now())).total_seconds()
    if math.isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_RETRY_AFTER.total_seconds()))


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
