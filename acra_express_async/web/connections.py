"""What one client may take of the status port: so many connections, so much time for each step.

aiohttp bounds neither the number of connections nor the time in which an answer must be taken. Both end in the
process's file descriptors: with 256 of them, 237 half-sent requests left none for database and providers.
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
    """Bounds of the status port.

    Args:
        connections: open at once. Two probes, a few Prometheus servers and a few people's browsers, which open six
            each, need some thirty.
        head_seconds: from the connection, or the first byte of a further request, until its head is complete.
        answer_seconds: for the answer to a request, its body read included; and for a client to take what was sent.
        idle_seconds: between two requests of one connection; Prometheus asks every 15 to 60 s.
    """

    connections: int = 64
    head_seconds: float = 10.0
    answer_seconds: float = 30.0
    idle_seconds: float = 75.0


@dataclass(slots=True)
class Connections:
    """The open connections of a server; calling it makes the protocol of the next one.

    When all places are taken the connection that has waited longest for its client gives way, so a probe gets in
    however many others never finish their requests.

    Args:
        serve: makes aiohttp's protocol for one connection.
    """

    serve: Callable[[], asyncio.Protocol]
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    open: dict[Connection, None] = field(default_factory=dict)

    def __call__(self) -> Connection:
        return Connection(self, self.serve())

    def admit(self, new: Connection) -> None:
        """Count a connection, and cut another one, or this one, where there are too many."""
        self.open[new] = None
        if len(self.open) > self.limits.connections:
            waiting = [connection for connection in self.open if not connection.answering]
            min(waiting, key=lambda connection: connection.waits_since).cut()


class Connection(asyncio.Protocol):
    """aiohttp's protocol for one client, with a deadline for each step of the client's."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._limits = connections.limits
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._begun = True
        self.answering = False
        self.waits_since = self._loop.time()

    def cut(self) -> None:
        """Close at once; what was not sent yet is lost."""
        self._connections.open.pop(self, None)
        if self._transport is not None:
            self._transport.abort()

    def request_came(self) -> None:
        """The head of a request is complete."""
        self.answering = True
        self._expect_within(self._limits.answer_seconds)

    def request_answered(self) -> None:
        """The client may ask again."""
        self.answering = self._begun = False
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
        """Hand on; the first byte of a further request ends the idle time."""
        if not self._begun and not self.answering:
            self._begun = True
            self._expect_within(self._limits.head_seconds)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client takes nothing: from now on it has `answer_seconds`."""
        self._taking = self._loop.call_later(self._limits.answer_seconds, self.cut)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It took enough of it."""
        if self._taking is not None:
            self._taking.cancel()
        self._inner.resume_writing()

    def _expect_within(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.cut)


@web.middleware
async def step_by_step(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection where its client stands."""
    connection = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(connection, Connection):  # a test's client, or a connection that has just been cut
        return await handler(request)
    connection.request_came()
    try:
        return await handler(request)
    finally:
        connection.request_answered()
