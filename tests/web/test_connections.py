"""Clients that send half a request, send nothing or read nothing: limited in number and time, so probes get through."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from web_client import answer

from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health
from acra_express_async.web import WebServer, build_app
from acra_express_async.web.connections import ConnectionLimits, step_by_step

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-a: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENT = ConnectionLimits(connections=5, head_seconds=600, answer_seconds=600, idle_seconds=600)


@asynccontextmanager
async def served(
    limits: ConnectionLimits, *, host: str = "127.0.0.1", done: asyncio.Event | None = None
) -> AsyncIterator[int]:
    """The port of the real app with these limits, with a route that reads a body and answers when `done` is set."""
    app = build_app(health=Health(lambda: 0.0), metrics=Metrics(CollectorRegistry()), status=dict)

    async def slow_body(request: web.Request) -> web.Response:
        body = await request.read()
        if done is not None:
            await done.wait()
        return web.Response(body=body)

    app.router.add_post("/body", slow_body)
    server = WebServer(app, host, 0, limits)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


class Client:
    """A connection that a test controls; `closed` waits until the server has closed it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, first: bytes = b"") -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        if first:
            client.writer.write(first)
            await client.writer.drain()
        return client

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def whole_answer(self) -> bytes:
        head = await self.head()
        [length] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        return await self.reader.readexactly(int(length.split()[1]))

    async def closed(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while await self.reader.read(65536):
                pass
        self.writer.close()


async def test_a_probe_is_answered_while_others_never_finish() -> None:
    async with served(PATIENT) as port:
        hanging = [await Client.connect(port, HALF) for _ in range(40)]
        assert (await answer(port, "/healthz")).status == 200
        # the oldest one was closed
        for client in hanging[:36]:
            await client.closed()
        assert (await answer(port, "/readyz")).status in (200, 503)
        for client in hanging:
            client.writer.close()


async def test_a_client_that_is_being_answered_never_gives_way() -> None:
    done = asyncio.Event()
    async with served(PATIENT, done=done) as port:
        busy = await Client.connect(port, b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd")
        assert (await answer(port, "/healthz")).status == 200
        hanging = [await Client.connect(port, HALF) for _ in range(20)]
        done.set()
        assert await busy.whole_answer() == b"abcd"
        for client in (busy, *hanging):
            client.writer.close()


async def test_bodies_that_never_come_keep_no_probe_out() -> None:
    async with served(PATIENT) as port:
        first = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"
        hanging = [await Client.connect(port, first) for _ in range(20)]
        for _ in range(3):
            assert (await answer(port, "/healthz")).status == 200
        await hanging[0].closed()
        hanging[-1].writer.write(b"cd")
        assert await hanging[-1].whole_answer() == b"abcd", "the newest keep their places"
        for client in hanging:
            client.writer.close()


@pytest.mark.parametrize("first", [b"", HALF], ids=["nothing", "half"])
async def test_a_request_that_never_comes_is_given_up(first: bytes) -> None:
    limits = ConnectionLimits(head_seconds=0.05, answer_seconds=600, idle_seconds=600)
    async with served(limits) as port:
        await (await Client.connect(port, first)).closed()


async def test_a_drip_of_bytes_buys_no_time() -> None:
    """The time limit applies to the whole head, however often another byte arrives."""
    limits = ConnectionLimits(head_seconds=0.2, answer_seconds=600, idle_seconds=600)
    async with served(limits) as port:
        client = await Client.connect(port, HALF)

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    client.writer.write(b"x")
                    await client.writer.drain()
                    await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip())
            await client.closed()
            dripping.cancel()


async def test_an_idle_connection_is_closed_after_its_answer() -> None:
    limits = ConnectionLimits(head_seconds=600, answer_seconds=600, idle_seconds=0.05)
    async with served(limits) as port:
        client = await Client.connect(port, WHOLE)
        assert b"serviceId" in await client.whole_answer()
        await client.closed()


async def test_one_connection_asks_many_times() -> None:
    async with served(PATIENT) as port:
        client = await Client.connect(port)
        for _ in range(20):
            client.writer.write(WHOLE)
            assert b"serviceId" in await client.whole_answer()
        client.writer.write(WHOLE * 3)
        for _ in range(3):
            assert b"serviceId" in await client.whole_answer()
        client.writer.close()


async def test_a_second_request_has_its_own_time() -> None:
    limits = ConnectionLimits(head_seconds=0.05, answer_seconds=600, idle_seconds=600)
    async with served(limits) as port:
        client = await Client.connect(port, WHOLE)
        await client.whole_answer()
        client.writer.write(HALF)
        await client.closed()


async def test_a_client_that_takes_nothing_is_cut() -> None:
    limits = ConnectionLimits(head_seconds=600, answer_seconds=0.2, idle_seconds=600)
    app = web.Application(middlewares=[step_by_step])

    async def big(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(50_000_000))

    app.router.add_get("/big", big)
    server = WebServer(app, "127.0.0.1", 0, limits)
    await server.start()
    assert server.connections is not None
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as deaf:
            deaf.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            while not server.connections.open:  # noqa: ASYNC110 - waits for turns of the loop, not for time
                await asyncio.sleep(0)
            while server.connections.open:  # noqa: ASYNC110
                await asyncio.sleep(0)
    finally:
        await server.stop()


async def test_a_body_that_never_comes_is_given_up() -> None:
    limits = ConnectionLimits(head_seconds=600, answer_seconds=0.05, idle_seconds=600)
    async with served(limits) as port:
        await (await Client.connect(port, b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")).closed()


async def test_a_refused_request_leaves_no_place_taken() -> None:
    async with served(PATIENT) as port:
        for _ in range(20):
            await (await Client.connect(port, b"this is no HTTP\r\n\r\n")).closed()
        assert (await answer(port, "/nothing/here")).status == 404


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_the_ipv6_wildcard_answers_ipv4_too() -> None:
    """The probe of the image connects to 127.0.0.1."""
    async with served(PATIENT, host="::") as port:
        assert (await answer(port, "/healthz")).status == 200
        assert (await answer(port, "/healthz", "::1")).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])
async def test_other_hosts_listen_as_before(host: str) -> None:
    async with served(PATIENT, host=host) as port:
        assert (await answer(port, "/healthz")).status == 200
