"""Requests to a simulator in the form that the service's clients send."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx

from acra_express_async.sandbox.simulator import Simulator, SimulatorClock

T = TypeVar("T")

AGENT = {"User-Agent": "acra-express-test/1.0 (+https://example.com)"}


async def search(
    http: httpx.AsyncClient, sim: Simulator, query: str, *, page: str = "html", **fields: str
) -> httpx.Response:
    """POST like the form of the search page."""
    form = {"q": query, "b": "", "kl": "sg-en"} | fields
    return await http.post(f"{sim.base_url('duckduckgo')}/{page}/", data=form, headers=AGENT)


async def read(
    http: httpx.AsyncClient, sim: Simulator, url: str, *, key: str | None = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    """POST JSON; an empty `key` means the valid key, None an anonymous client."""
    sent = {"Accept": "application/json", "X-Respond-With": "markdown"} | (headers or {})
    if key is not None:
        sent["Authorization"] = f"Bearer {key or sim.options.jina_key}"
    return await http.post(f"{sim.base_url('jina')}/", json={"url": url}, headers=sent)


async def verify(http: httpx.AsyncClient, sim: Simulator, address: str, *, key: str = "") -> httpx.Response:
    parameters = {"api_key": key or sim.options.zerobounce_key, "email": address, "ip_address": ""}
    return await http.get(f"{sim.base_url('zerobounce')}/v2/validate", params=parameters)


async def balance(http: httpx.AsyncClient, sim: Simulator, *, key: str = "") -> Any:
    parameters = {"api_key": key or sim.options.zerobounce_key}
    response = await http.get(f"{sim.base_url('zerobounce')}/v2/getcredits", params=parameters)
    return response.json() if response.headers["content-type"] == "application/json" else response.status_code


async def post(http: httpx.AsyncClient, sim: Simulator, payload: object) -> httpx.Response:
    return await http.post(sim.webhook_url, json=payload)


async def in_virtual_time(clock: SimulatorClock, asking: Coroutine[Any, Any, T]) -> T:
    """The result of `asking`, while the stopped clock is advanced to each next sleeper."""
    mover = asyncio.ensure_future(_move_on(clock))
    try:
        return await asking
    finally:
        mover.cancel()


async def _move_on(clock: SimulatorClock) -> None:
    while True:
        clock.advance(await clock.until_next_sleeper())
        await asyncio.sleep(0)  # let the woken sleepers continue first
