"""Providers: their breakers and budgets, and a probe by the running service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from acra_express_async.console.trail import acted
from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.console.wording_filters import moment
from acra_express_async.db.limits.probe_requests import ProbeRequests
from acra_express_async.errors import AcraExpressError
from acra_express_async.limits.budget_table import BUDGETED
from acra_express_async.ops.probe_refusals import refuse_probe


class ProviderPages:
    """See the module.

    Args:
        status: what /status.json says, for the budgets.
    """

    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self._status = status

    async def shown(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Breakers, budgets and the latest probes; it renews itself while a probe is under way."""
        requests = ProbeRequests(visit.database)
        probes = {line.provider: line for line in await requests.latest()}
        pending = any(line.ended_at is None and not line.is_void for line in probes.values())
        return await visit.show(
            "providers.html",
            breakers=[row for row in await requests.breakers() if row.provider in BUDGETED],
            probes=probes,
            pending=pending,
            budgets=self._status()["budgets"],
        )

    async def probe(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Ask the running service to probe; the page then waits for its answer."""
        name = visit.request.match_info["provider"]
        provider = next((each for each in BUDGETED if each.value == name), None)
        if provider is None:
            raise web.HTTPNotFound
        requests = ProbeRequests(visit.database)

        async def ask() -> None:
            [row] = [each for each in await requests.breakers() if each.provider == provider]
            refuse_probe(row, lambda at: moment(at, visit.zone))
            if await requests.ask(provider, visit.person.name) is None:
                raise AcraExpressError(f"{provider.display_name} is being probed just now")

        await acted(visit, "probe", ask, provider=provider.value)
        return await visit.go_to("/providers", f"The service was asked to probe {provider.display_name}.")
