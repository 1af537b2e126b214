"""The server: read a request, record it in the ledger, let the provider answer, and apply the faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from acra_express_async.models import Provider
from acra_express_async.sandbox.draws import lognormal
from acra_express_async.sandbox.simulator import delivery
from acra_express_async.sandbox.simulator.admin import admin_routes
from acra_express_async.sandbox.simulator.exchange import Effects, ReceivedCall, Reply, SimulatedProvider
from acra_express_async.sandbox.simulator.ledger import Arrival
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.simulated_providers import SimulatedProviders
from acra_express_async.sandbox.simulator.simulator_clock import Clock
from acra_express_async.sandbox.world import World

BASES: Mapping[Provider, str] = {
    Provider.DUCKDUCKGO: "/ddg",
    Provider.JINA: "/jina",
    Provider.ZEROBOUNCE: "/zb",
    Provider.SLACK: "/slack",
}
"""The path of each provider, before the path that a client appends to its base URL."""

LARGEST_BODY = 1024 * 1024


class Simulator(SimulatedProviders):
    """Four providers on one loopback port, with a ledger of arrivals.

    Use it as an async context manager within a test, or as a separate process (``python -m
    acra_express_async.sandbox.simulator``). `ledger`, `world`, `faults` and `slack` may be inspected while it runs;
    `reset` replaces them.

    The arguments are those of `SimulatedProviders`.
    """

    def __init__(
        self,
        world: World,
        options: Options | None = None,
        *,
        clock: Clock | None = None,
        scenario: str = "happy",
    ) -> None:
        super().__init__(world, options, clock=clock, scenario=scenario)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._in_flight: Counter[tuple[Provider, str]] = Counter()

    @property
    def root(self) -> str:
        """Scheme, host and port.

        Raises:
            RuntimeError: the simulator is not running.
        """
        if not self._port:
            raise RuntimeError("the simulator is not running")
        return f"http://{self.options.host}:{self._port}"

    def base_url(self, provider: Provider | str) -> str:
        """The base URL for clients of `provider`, without a trailing slash."""
        return self.root + BASES[Provider(provider)]

    @property
    def webhook_url(self) -> str:
        """The URL of Slack's incoming webhook."""
        return f"{self.base_url(Provider.SLACK)}/{self.options.slack_path}"

    async def start(self) -> Self:
        """Start listening; return when clients can connect."""
        app = web.Application(client_max_size=LARGEST_BODY)
        for provider, base in BASES.items():
            app.router.add_route("*", base + "/{route:.*}", self._handler(provider))
        app.add_routes(admin_routes(self))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.options.host, self.options.port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Close every connection."""
        runner, self._runner, self._port = self._runner, None, 0
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _handler(self, provider: Provider) -> delivery.Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await delivery.read_call(request, BASES[provider])
            each = self.providers[provider]
            call.client = each.client_of(call)
            place = (provider, call.client)
            self._in_flight[place] += 1
            call.in_flight = self._in_flight[place]
            try:
                return await self._serve(each, call, request)
            finally:
                self._in_flight[place] -= 1
                if not self._in_flight[place]:
                    del self._in_flight[place]

        return handle

    async def _serve(self, each: SimulatedProvider, call: ReceivedCall, request: web.Request) -> web.StreamResponse:
        ledger = self.ledger
        route = "webhook" if each.provider is Provider.SLACK else call.route  # Slack's path is a secret
        arrival = ledger.arrive(each.provider, route, each.key_of(call), call.client)
        # Recorded first and without an await in between, so that arrivals stay in the order of their times.
        violation = each.charge(call, arrival)
        effects = self.faults.effects(each.provider, route, arrival.at - self.started_at, arrival.number)
        cut = delivery.cut_before_answer(effects)
        if cut is not None:
            if cut.seconds:
                await self.clock.sleep(cut.seconds)
            if cut.status is None:
                ledger.close(arrival, None, cut.reason)
                return delivery.cut_connection(request, reset=cut.reset)
            reply = each.failure(call, cut.status)
        elif "status" in effects:
            reply = each.failure(call, int(effects["status"]))
        else:
            reply = each.answer(call, arrival, violation, effects)
        reply = delivery.with_body(reply, effects, each, call)
        await self._wait(reply, effects, arrival)
        return await self._send(reply, effects, each, arrival, request)

    async def _wait(self, reply: Reply, effects: Effects, arrival: Arrival) -> None:
        seconds = reply.latency_floor
        if reply.latency is not None:
            day = int(arrival.at // 86_400)
            chance = (self.options.seed, "latency", arrival.provider, arrival.key, day)
            seconds = max(seconds, lognormal(*reply.latency, *chance))
        seconds *= self.options.latency_scale * float(effects.get("latency_scale", 1.0))
        seconds += float(effects.get("latency_add", 0.0))
        if seconds > 0:
            await self.clock.sleep(seconds)

    async def _send(
        self, reply: Reply, effects: Effects, each: SimulatedProvider, arrival: Arrival, request: web.Request
    ) -> web.StreamResponse:
        if reply.cut:
            self.ledger.close(arrival, None, reply.note)
            return delivery.cut_connection(request, reset=True)
        if delivery.is_gone(request):
            if reply.tokens:
                self.ledger.bill_tokens(arrival, reply.tokens)  # the page was read, even if no one waits for it
            self.ledger.close(arrival, None, "the caller had left")
            return web.Response(status=499)
        if reply.tokens and self.ledger.bill_tokens(arrival, reply.tokens) and reply.refusal is not None:
            reply = reply.refusal()
        self.ledger.close(arrival, reply.status, reply.note)
        headers = delivery.final_headers(each.headers(), reply, effects, self.clock.now())
        return await delivery.send(request, reply, headers, effects, self.clock)
