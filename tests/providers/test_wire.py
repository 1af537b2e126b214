"""One send over real sockets: what was sent, when, and how much of the answer is kept."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from acra_express_async.errors import Transient
from acra_express_async.models import Provider
from acra_express_async.providers import wire as wires
from acra_express_async.providers.wire import Answer, Wire, retry_after

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LONG, SHORT = timedelta(seconds=30), timedelta(milliseconds=50)


@asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server on loopback that handles each connection with `behaviour`."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        except ConnectionError:
            writer.transport.abort()  # the client may have left first, as some tests intend
        finally:
            writer.close()

    listening = await asyncio.start_server(treat, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield f"http://127.0.0.1:{port}/"


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(body: bytes, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        length = f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status}\r\n{length}{headers}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return behaviour


async def send(url: str, wire: Wire, *, patience: timedelta = LONG, cap: int = 1000) -> Answer:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await wire.send(http, http.build_request("GET", url), provider=Provider.JINA, patience=patience, cap=cap)


def fresh(margin: timedelta = LONG) -> Wire:
    return Wire(asyncio.get_running_loop().time(), margin)


async def test_an_answer_is_read_to_its_end() -> None:
    wire = fresh()
    async with server(answering(b'{"a": 1}', headers="X-Seen: yes\r\n")) as url:
        answer = await send(url, wire)
    assert (answer.status, answer.json(), answer.headers["x-seen"], answer.truncated) == (200, {"a": 1}, "yes", False)
    assert wire.sent
    assert wire.answer is answer


async def test_a_redirect_is_returned_not_followed() -> None:
    async with server(answering(b"", status="303 See Other", headers="Location: http://127.0.0.1:1/\r\n")) as url:
        assert (await send(url, fresh())).status == 303


async def test_the_body_is_capped_after_decoding() -> None:
    body = gzip.compress(b"x" * 100_000)
    async with server(answering(body, headers="Content-Encoding: gzip\r\n")) as url:
        answer = await send(url, fresh(), cap=500)
    assert (answer.body, answer.truncated) == (b"x" * 500, True)


async def test_a_refused_connection_is_transient_and_not_sent() -> None:
    async with server(answering(b"")) as url:
        gone = url
    wire = fresh()
    with pytest.raises(Transient) as failed:
        await send(gone, wire)
    assert (failed.value.sent, failed.value.reason, wire.sent) == (False, "connection", False)


async def test_a_silent_server_times_out_and_counts_as_sent() -> None:
    over = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await over.wait()

    wire = fresh()
    async with server(swallow) as url:
        with pytest.raises(Transient) as failed:
            await send(url, wire, patience=SHORT)
        over.set()
    assert (failed.value.sent, failed.value.reason) == (True, "timeout")


async def test_a_slow_answer_ends_at_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)

    wire = fresh()
    async with server(drip) as url:
        with pytest.raises(Transient) as failed:
            await send(url, wire, patience=SHORT, cap=1_000_000_000)
    assert (failed.value.sent, failed.value.reason, wire.answer) == (True, "timeout", None)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"garbage\r\n\r\n"])
async def test_a_connection_cut_after_the_request_may_have_cost(start: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(start)
        await writer.drain()

    wire = fresh()
    async with server(hang_up) as url:
        with pytest.raises(Transient) as failed:
            await send(url, wire)
    assert (failed.value.sent, failed.value.reason) == (True, "connection")


async def test_a_proxy_that_makes_no_tunnel_sent_nothing() -> None:
    """The host's own way out is broken; the provider never saw the request, so its charge is handed back."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await head(reader)).startswith(b"CONNECT r.jina.ai:443")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    wire = fresh()
    async with server(refuse) as proxy, httpx.AsyncClient(proxy=proxy, verify=False) as http:
        request = http.build_request("POST", "https://r.jina.ai/")
        with pytest.raises(Transient) as failed:
            await wire.send(http, request, provider=Provider.JINA, patience=timedelta(seconds=5), cap=100)
    assert (failed.value.sent, failed.value.reason, wire.sent) == (False, "connection", False)


async def test_a_request_past_the_send_margin_is_not_sent() -> None:
    """A process that was frozen resumes after its send margin: the check happens just before the first byte."""
    heads: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.read(1))

    wire = Wire(asyncio.get_running_loop().time() - 10, timedelta(seconds=5))
    async with server(listen) as url:
        with pytest.raises(Transient) as failed:
            await send(url, wire)
    assert (failed.value.sent, failed.value.reason) == (False, "not_sent")
    assert b"".join(heads) == b""


async def test_a_request_of_a_suspended_machine_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's clock stood still meanwhile: by it, the charge is a moment old."""
    slept = 1000.0
    monkeypatch.setattr(wires, "suspended", lambda: slept)
    charged = Wire(asyncio.get_running_loop().time(), timedelta(seconds=60), _suspended_before=slept)
    slept += 61

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with server(listen) as url:
        with pytest.raises(Transient) as failed:
            await send(url, charged)
    assert (failed.value.sent, failed.value.reason) == (False, "not_sent")


async def test_a_connection_not_made_in_time_is_abandoned() -> None:
    """The margin ends during the handshake: nothing was sent, so nothing was spent."""
    silent = asyncio.Event()

    class Pending(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await silent.wait()
            raise AssertionError

    wire = fresh(margin=SHORT)
    async with httpx.AsyncClient(transport=Pending()) as http:
        request = http.build_request("GET", "http://x.test/")
        with pytest.raises(Transient) as failed:
            await wire.send(http, request, provider=Provider.JINA, patience=LONG, cap=10)
    assert (failed.value.sent, failed.value.reason) == (False, "not_sent")


async def test_the_send_margin_does_not_cut_an_answer_short() -> None:
    """Once the request is sent, only the deadline of the answer counts."""
    wire = fresh(margin=timedelta(seconds=5))
    left: list[float] = []

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        assert wire._timer is not None
        left.append((wire._timer.when() or 0) - asyncio.get_running_loop().time())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with server(look) as url:
        assert (await send(url, wire, patience=LONG)).text == "ok"
    assert 5 < left[0] <= 30


async def test_cancellation_records_whether_it_was_sent() -> None:
    arrived, over = asyncio.Event(), asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        arrived.set()
        await over.wait()

    wire = fresh()
    async with server(swallow) as url:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(send(url, wire))
            await arrived.wait()
            call.cancel()
        over.set()
    assert call.cancelled()
    assert wire.sent
    assert wire.answer is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b'{"a":', b"[" * 100_000],
    ids=["empty", "html", "not-utf-8", "cut", "too-deep"],
)
def test_a_body_without_json_reads_as_none(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("5", 5),
        ("0.5", 0.5),
        ("-3", 0),
        ("9999", 300),
        ("inf", 300),
        ("nan", None),
        ("soon", None),
        ("Mon, 23 Nov 2026 08:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0),
        ("Mon, 99 Nov 2026 07:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after({"retry-after": value}, lambda: now) == wanted
