"""`/__sim/*`: inspect and control the simulator from another process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from acra_express_async.sandbox.simulator.faults import KNOBS, Fault
from acra_express_async.sandbox.simulator.scenarios import SCENARIOS
from acra_express_async.sandbox.simulator.simulated_providers import SimulatedProviders


def admin_routes(simulator: SimulatedProviders) -> list[web.RouteDef]:
    """Every admin endpoint; invalid input gets 400 with a sentence, an unknown company 404."""
    desk = _Desk(simulator)
    return [
        web.get("/__sim/state", desk.state),
        web.get("/__sim/violations", desk.violations),
        web.get("/__sim/requests", desk.requests),
        web.get("/__sim/verifications", desk.verifications),
        web.get("/__sim/truth/{uen}", desk.truth),
        web.get("/__sim/slack", desk.messages),
        web.get("/__sim/scenarios", desk.scenarios),
        web.get("/__sim/faults", desk.list_faults),
        web.post("/__sim/faults", desk.add_faults),
        web.delete("/__sim/faults", desk.clear_faults),
        web.delete("/__sim/faults/{number:\\d+}", desk.remove_fault),
        web.post("/__sim/clock", desk.move_clock),
        web.post("/__sim/reset", desk.reset),
    ]


class _Desk:
    """The admin endpoints of one simulator."""

    def __init__(self, simulator: SimulatedProviders) -> None:
        self._simulator = simulator

    async def state(self, _request: web.Request) -> web.Response:
        return web.json_response(self._simulator.state())

    async def violations(self, _request: web.Request) -> web.Response:
        rows = self._simulator.violations
        return web.json_response({"count": self._simulator.ledger.violation_count, "violations": rows})

    async def requests(self, request: web.Request) -> web.Response:
        asked = request.query.get("vendor") or request.query.get("provider")
        return web.json_response(self._simulator.ledger.requests(asked))

    async def verifications(self, _request: web.Request) -> web.Response:
        ledger = self._simulator.ledger
        return web.json_response(
            {
                address: {"sent": count, "answered": ledger.verifications_answered[address]}
                for address, count in ledger.verifications_sent.items()
            }
        )

    async def truth(self, request: web.Request) -> web.Response:
        uen = request.match_info["uen"]
        if self._simulator.world.firm(uen) is None:
            return web.json_response({"error": f"no company has the UEN {uen}"}, status=404)
        return web.json_response(self._simulator.truth(uen).as_json())

    async def messages(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self._simulator.slack.messages))

    async def scenarios(self, _request: web.Request) -> web.Response:
        return web.json_response({name: scenario.about for name, scenario in SCENARIOS.items()})

    async def list_faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._simulator.faults.listed(), "knobs": dict(KNOBS)})

    async def add_faults(self, request: web.Request) -> web.Response:
        def add(body: Any) -> dict[str, Any]:
            faults = [Fault.of(spec) for spec in (body if isinstance(body, list) else [body])]
            return {"numbers": [self._simulator.faults.add(fault) for fault in faults]}

        return await _told(request, add)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._simulator.faults.clear()
        return web.json_response({})

    async def remove_fault(self, request: web.Request) -> web.Response:
        found = self._simulator.faults.remove(int(request.match_info["number"]))
        return web.json_response({}, status=200 if found else 404)

    async def move_clock(self, request: web.Request) -> web.Response:
        def move(body: Any) -> dict[str, Any]:
            self._simulator.clock.advance(float(body["advance"]))
            return {"now": self._simulator.clock.now()}

        return await _told(request, move)

    async def reset(self, request: web.Request) -> web.Response:
        def reset(body: Any) -> dict[str, Any]:
            self._simulator.reset(seed=body.get("seed"), scenario=body.get("scenario"))
            return {"scenario": self._simulator.scenario, "seed": self._simulator.options.seed}

        return await _told(request, reset)


async def _told(request: web.Request, act: Callable[[Any], dict[str, Any]]) -> web.Response:
    """Do what a JSON body asks for; 400 with the reason when it makes no sense."""
    try:
        return web.json_response(act(json.loads(await request.text() or "{}")))
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        return web.json_response({"error": str(wrong) or type(wrong).__name__}, status=400)
