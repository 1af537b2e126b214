"""Limits on the status port's clients: the number of connections, and the time for each step.

aiohttp limits neither the number of connections nor the time in which a client must read an answer. Both use up the
process's file descriptors: of 256, 237 half-sent requests left none for database and providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of the status port.

    Args:
        connections: open at the same time. Two probes, a few Prometheus servers and a few browsers, which open six
            each, need about thirty.
        head_seconds: from the connection, or the first byte of a further request, until its head is complete.
        answer_seconds: for reading a request's body and answering it; also for the client to read what was sent.
        idle_seconds: between two requests of one connection; Prometheus asks every 15 to 60 s.
    """

    connections: int = 64
    head_seconds: float = 10.0
    answer_seconds: float = 30.0
    idle_seconds: float = 75.0


@dataclass(slots=True)
class Connections:
    """The open connections of a server; calling it makes the protocol of the next one.

    When the limit is reached, the connection that has waited longest for its client is closed. So a probe is served
    even while many other clients never finish the heads or the bodies of their requests.

    Args:
        serve: makes aiohttp's protocol for one connection.
    """

    serve: Callable[[], asyncio.Protocol]
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    open: dict[Connection, None] = field(default_factory=dict)

    def __call__(self) -> Connection:
        return Connection(self, self.serve())

    def admit(self, new: Connection) -> None:
        """Count a connection; with too many, close another one or this one."""
        self.open[new] = None
        if len(self.open) > self.limits.connections:
            waiting = [connection for connection in self.open if not connection.answering]
            min(waiting, key=lambda connection: connection.waits_since).cut()


class Connection(asyncio.Protocol):
    """aiohttp's protocol for one client, with a deadline for each of the client's steps."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._limits = connections.limits
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._begun = True
        self._request: web.Request | None = None
        self.waits_since = self._loop.time()

    def cut(self) -> None:
        """Close at once; unsent data is lost."""
        self._connections.open.pop(self, None)
        if self._transport is not None:
            self._transport.abort()

    @property
    def answering(self) -> bool:
        """A request is complete and not answered yet; until its body is complete, we wait for the client."""
        return self._request is not None and self._request.content.is_eof()

    def request_came(self, request: web.Request) -> None:
        """The head of a request is complete."""
        self._request = request
        self._expect_within(self._limits.answer_seconds)

    def request_answered(self) -> None:
        """The answer is sent; the client may send its next request."""
        self._request, self._begun = None, False
        self.waits_since = self._loop.time()
        self._expect_within(self._limits.idle_seconds)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._expect_within(self._limits.head_seconds)
        self._inner.connection_made(transport)
        self._connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._connections.open.pop(self, None)
        for timer in (self._deadline, self._taking):
            if timer is not None:
                timer.cancel()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass the data on; the first byte of a further request ends the idle time."""
        if not self._begun and self._request is None:
            self._begun = True
            self._expect_within(self._limits.head_seconds)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client does not read: from now on it has `answer_seconds`."""
        self._taking = self._loop.call_later(self._limits.answer_seconds, self.cut)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has read enough."""
        if self._taking is not None:
            self._taking.cancel()
        self._inner.resume_writing()

    def _expect_within(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.cut)


@web.middleware
async def step_by_step(request: web.Request, handler: Handler) -> web.StreamResponse:
    """aiohttp middleware that tells the connection when a request has arrived and when it is answered."""
    connection = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(connection, Connection):  # a test's client, or a connection that has just been cut
        return await handler(request)
    connection.request_came(request)
    try:
        return await handler(request)
    finally:
        connection.request_answered()


def still_answering(request: web.Request) -> None:
    """A long answer made progress: its client has `answer_seconds` again."""
    connection = request.transport.get_protocol() if request.transport is not None else None
    if isinstance(connection, Connection):
        connection.request_came(request)
