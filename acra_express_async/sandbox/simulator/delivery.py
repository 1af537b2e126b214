"""Read a request from aiohttp, and send a reply: complete, cut, corrupted or slowly."""

from __future__ import annotations

import dataclasses
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from email.utils import formatdate
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from acra_express_async.sandbox.simulator.exchange import HTML_TYPE, Effects, ReceivedCall, Reply, SimulatedProvider
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.simulator_clock import Clock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HANG_SECONDS = 100.0
"""After this many seconds without an answer, the network in front of Jina Reader returns 524."""
DRIPS = 10
LEAST_COMPRESSED = 1_000
"""The providers compress answers of at least this many bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """The request ends without an answer of the provider: after `seconds`, with `status` or with no response."""

    reason: str
    seconds: float = 0.0
    status: int | None = None
    reset: bool = False


def with_seed(options: Options, seed: int) -> Options:
    """The same options under another seed."""
    return dataclasses.replace(options, seed=seed)


def as_rows(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Dataclasses as JSON objects."""
    return [dataclasses.asdict(entry) for entry in entries]


async def read_call(request: web.Request, base: str) -> ReceivedCall:
    """Read the whole request; form fields take precedence over the query string."""
    body = await request.read()
    fields = dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        fields |= {name: str(value) for name, value in (await request.post()).items()}
    path, _, _ = request.raw_path.removeprefix(base).lstrip("/").partition("?")
    return ReceivedCall(
        method=request.method,
        route=request.match_info["route"],
        raw_target=request.raw_path.removeprefix(base).removeprefix("/") if request.method == "GET" else path,
        headers=request.headers,
        fields=fields,
        body=body,
        address=request.remote or "",
    )


def cut_before_answer(effects: Effects) -> Cut | None:
    """The fault that ends the request before the provider answers, if there is one."""
    if "outage" in effects:
        status = effects["outage"]
        return Cut("outage", status=status if isinstance(status, int) and status is not True else None, reset=True)
    if effects.get("reset_connection"):
        return Cut("reset", reset=True)
    if effects.get("close_before_headers"):
        return Cut("closed")
    if effects.get("hang"):
        seconds = HANG_SECONDS if effects["hang"] is True else float(effects["hang"])
        return Cut("hung", seconds=seconds, status=524)
    return None


def cut_connection(request: web.Request, *, reset: bool) -> web.StreamResponse:
    """Close the connection without sending a byte; with RST when `reset`."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if reset and raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


def is_gone(request: web.Request) -> bool:
    """True when the client has closed the connection."""
    return request.transport is None or request.transport.is_closing()


def with_body(reply: Reply, effects: Effects, each: SimulatedProvider, call: ReceivedCall) -> Reply:
    """Replace the body of a reply: a named fixture, literal text, JSON cut in half, or another content type."""
    if "body" in effects:
        named = each.fixture(str(effects["body"]), call)
        status = int(effects.get("status", named.status if named else reply.status))
        body, kind = (named.body, named.content_type) if named else (str(effects["body"]).encode(), HTML_TYPE)
        reply = dataclasses.replace(reply, status=status, body=body, content_type=kind, tokens=0, note="body by knob")
    if effects.get("bad_json"):
        reply = dataclasses.replace(reply, body=reply.body[: max(1, len(reply.body) // 2)])
    if "wrong_content_type" in effects:
        wrong = effects["wrong_content_type"]
        reply = dataclasses.replace(reply, content_type=wrong if isinstance(wrong, str) else HTML_TYPE)
    return reply


def final_headers(usual: dict[str, str], reply: Reply, effects: Effects, now: float) -> CIMultiDict[str]:
    """All headers of the answer, with dates by the virtual clock."""
    now += float(effects.get("clock_skew", 0.0))
    headers = CIMultiDict({**usual, **reply.headers})
    headers["Content-Type"] = reply.content_type
    headers["Date"] = formatdate(now, usegmt=True)
    if "retry_after" in effects:
        headers.pop("Retry-After", None)
        asked = effects["retry_after"]
        if asked == "date":
            headers["Retry-After"] = formatdate(now + 30, usegmt=True)
        elif asked == "huge":
            headers["Retry-After"] = "86400000"
        elif asked != "absent":
            headers["Retry-After"] = str(asked)
    dropped = effects.get("drop_header")
    if isinstance(dropped, str):
        headers.pop(dropped, None)
    return headers


async def send(
    request: web.Request,
    reply: Reply,
    headers: CIMultiDict[str],
    effects: Effects,
    clock: Clock,
) -> web.StreamResponse:
    """Send the answer as far and as fast as the faults allow."""
    body, whole = reply.body, len(reply.body)
    ends_in_order = True
    if "truncate_after" in effects:
        rule = effects["truncate_after"]
        clean = isinstance(rule, dict) and bool(rule.get("clean"))
        body = body[: int(rule["bytes"] if isinstance(rule, dict) else rule)]
        ends_in_order = clean
        whole = len(body) if clean else whole
    if ends_in_order and "slow_drip" not in effects:
        whole_answer = web.Response(status=reply.status, body=body, headers=headers)
        if len(body) > LEAST_COMPRESSED:
            whole_answer.enable_compression()  # with an encoding that the client accepts; never brotli
        return whole_answer
    headers["Content-Length"] = str(whole)
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    size = max(1, -(-len(body) // DRIPS)) if "slow_drip" in effects else max(1, len(body))
    pause = float(effects.get("slow_drip", 0.0)) / DRIPS
    for start in range(0, len(body), size):
        if is_gone(request):
            return response
        await response.write(body[start : start + size])
        if pause:
            await clock.sleep(pause)
    if not ends_in_order and request.transport is not None:
        request.transport.close()
    return response
