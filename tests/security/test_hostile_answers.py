"""Answers of hostile sites and broken providers: bounded in memory and time, and never followed."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from acra_express_async.errors import Transient
from acra_express_async.models import Provider
from acra_express_async.providers.jina import BODY_CAP
from acra_express_async.providers.wire import Answer, Wire

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
MEGABYTE = 1_000_000
PATIENCE = timedelta(seconds=60)
HEAD = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def site(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server on loopback that reads a request and then runs `behaviour`."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await behaviour(writer)
        except ConnectionError:
            writer.transport.abort()  # the client has left, as it should
        finally:
            writer.close()

    listening = await asyncio.start_server(treat, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


async def read(url: str, *, patience: timedelta = PATIENCE) -> Answer:
    wire = Wire(asyncio.get_running_loop().time(), PATIENCE)
    async with httpx.AsyncClient(trust_env=False) as http:
        request = http.build_request("GET", url)
        return await wire.send(http, request, provider=Provider.JINA, patience=patience, cap=BODY_CAP)


def bomb(megabytes: int) -> bytes:
    """A gzip stream that is a thousand times smaller than its content."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(MEGABYTE)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


async def test_a_compression_bomb_is_never_fully_unpacked() -> None:
    packed = bomb(600)

    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + packed)
        await writer.drain()

    async with site(behaviour) as url:
        tracemalloc.start()
        try:
            answer = await read(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (len(answer.body), answer.truncated) == (BODY_CAP, True)
    # One read of the socket is unpacked at once: 64 KiB times deflate's maximum of 1,032, and a copy of it.
    assert peak < 200 * MEGABYTE


async def test_an_answer_without_end_is_cut_at_the_cap() -> None:
    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with site(behaviour) as url:
        answer = await read(url)
    assert (len(answer.body), answer.truncated) == (BODY_CAP, True)


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"X-Filler: " + b"x" * 2 * MEGABYTE + b"\r\n\r\n",
        HEAD + b"X-Filler: x\r\n" * 200_000 + b"\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffffffff\r\nx",
        HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\nthis is no gzip",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    ],
    ids=["long-header", "many-headers", "two-lengths", "negative-length", "huge-chunk", "no-gzip", "no-http"],
)
async def test_a_malformed_answer_is_an_error_of_that_call(start: bytes) -> None:
    async def behaviour(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()

    async with site(behaviour) as url:
        with pytest.raises(Transient) as error:
            await read(url)
    assert error.value.provider == Provider.JINA
    assert url not in str(error.value)
    assert len(str(error.value)) < 200


async def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    inside: list[str] = []

    async def secret(writer: asyncio.StreamWriter) -> None:
        inside.append("reached")

    async with site(secret) as private:

        async def behaviour(writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {private}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

        async with site(behaviour) as url:
            assert (await read(url)).status == 302
    assert inside == []


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"1" * 10_000, b"\xff\xfe\x00", b"NaN"])
def test_json_bombs_do_not_break_the_parser(body: bytes) -> None:
    """The caller finds no JSON object; nothing is raised."""
    assert not isinstance(Answer(200, {}, body).json(), dict | list)
