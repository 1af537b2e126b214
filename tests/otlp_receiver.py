"""An OTLP/HTTP collector that keeps what it gets, and a trace drawn as text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """A collector that keeps what it gets; `answering` clear, it takes requests and never answers them."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        await self.answering.wait()
        for group in told.resource_spans:
            self.resources.append({entry.key: entry.value.string_value for entry in group.resource.attributes})
            self.spans += [one for scope in group.scope_spans for one in scope.spans]
        return web.Response()

    def named(self, name: str) -> list[Any]:
        return [one for one in self.spans if one.name == name]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.answering.set()
        await runner.cleanup()


def drawn(spans: list[Any], top: Any, depth: int = 0) -> Iterator[str]:
    """A span and those inside it as indented lines, with milliseconds."""
    told = {entry.key.removeprefix("acra_express."): _plain(entry.value) for entry in top.attributes}
    shown = ", ".join(f"{name}={value}" for name, value in told.items() if value != "")
    took = f"{(top.end_time_unix_nano - top.start_time_unix_nano) / 1e6:.0f} ms"
    yield f"{'  ' * depth}{top.name} {took}{f' ({shown})' if shown else ''}"
    inside = sorted((one for one in spans if one.parent_span_id == top.span_id), key=lambda o: o.start_time_unix_nano)
    for one in inside:
        yield from drawn(spans, one, depth + 1)


def _plain(value: Any) -> object:
    return getattr(value, value.WhichOneof("value"))
