"""Fault injection: a TCP proxy that can delay, blackhole, reset and cut connections, and frozen servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class FaultProxy:
    """Forwards TCP to a target on loopback; faults apply to open and new connections until `heal`.

    `blackhole` drops bytes in both directions (the peer's kernel still acknowledges), `cut` resets open connections,
    `refuse` resets new ones, `refuse_number` only the new one of that number, counted from 1, `latency` delays every
    chunk by this many seconds, and `close_after` resets a connection after this many bytes from the server.
    `hold_close` keeps the client's side open after the server closed, which `hung_up` counts.
    """

    host: str
    port: int
    latency: float = 0.0
    close_after: int | None = None
    refuse: bool = False
    refuse_number: int | None = None
    connections: int = 0
    hold_close: bool = False
    hung_up: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    refused: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    errors: list[BaseException] = field(default_factory=list)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def listening(self) -> int:
        """The port to connect to."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def blackhole(self) -> None:
        self._flowing.clear()

    def heal(self) -> None:
        self.latency, self.close_after, self.refuse = 0.0, None, False
        self._flowing.set()

    def cut(self) -> None:
        """Reset every open connection, so that the client sees ECONNRESET instead of an orderly close."""
        for writer in list(self._open):
            _reset(writer)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuse or self.connections == self.refuse_number:
            self.refused.put_nowait(1)
            _reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(self.host, self.port)
            self._open.add(upstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream))
                group.create_task(self._pump(answers, writer, limit=True))
        except* OSError as broken:
            self.errors.extend(broken.exceptions)
        finally:
            for side in (writer, upstream):
                if side is not None:
                    self._open.discard(side)
                    side.close()
            self._tasks.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, limit: bool = False) -> None:
        passed = 0
        while chunk := await source.read(65536):
            await self._flowing.wait()
            if self.latency:
                await asyncio.sleep(self.latency)
            passed += len(chunk)
            if limit and self.close_after is not None and passed > self.close_after:
                _reset(sink)
                return
            sink.write(chunk)
            await sink.drain()
        if limit:
            self.hung_up.put_nowait(1)
            if self.hold_close:
                await asyncio.Event().wait()
        with contextlib.suppress(OSError):
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A proxy in front of an embedded PostgreSQL, and the DSN that goes through it."""
    address, database = dsn.removeprefix("postgresql://").split("/", 1)
    user, place = address.split("@")
    host, port = place.split(":")
    proxy = FaultProxy(host, int(port))
    await proxy.start()
    try:
        yield proxy, f"postgresql://{user}@127.0.0.1:{proxy.listening}/{database}"
    finally:
        await proxy.stop()
