"""The four simulated providers with what they share: the world, the clock, the ledger and the faults."""

from __future__ import annotations

from typing import Any

from acra_express_async.sandbox.simulator import delivery
from acra_express_async.sandbox.simulator.duckduckgo_server import SimulatedDuckDuckGo
from acra_express_async.sandbox.simulator.exchange import SimulatedProvider, Surroundings
from acra_express_async.sandbox.simulator.faults import Fault, Faults
from acra_express_async.sandbox.simulator.jina_server import SimulatedJinaReader
from acra_express_async.sandbox.simulator.ledger import ArrivalLedger
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.scenarios import SCENARIOS
from acra_express_async.sandbox.simulator.simulator_clock import Clock, SimulatorClock
from acra_express_async.sandbox.simulator.slack_server import SimulatedSlack
from acra_express_async.sandbox.simulator.zerobounce_server import SimulatedZeroBounce
from acra_express_async.sandbox.world import Truth, World


class SimulatedProviders:
    """The state of a simulator, without its server; `reset` replaces all of it except the clock.

    Args:
        world: the companies, sites and pages that it serves.
        options: options of the whole run.
        clock: virtual time; real time when None.
        scenario: a name of `SCENARIOS`, whose faults and options are added.
    """

    def __init__(
        self,
        world: World,
        options: Options | None = None,
        *,
        clock: Clock | None = None,
        scenario: str = "happy",
    ) -> None:
        self.clock: Clock = clock or SimulatorClock()
        self._given = options or Options()
        self._build(world, scenario)

    def _build(self, world: World, scenario: str) -> None:
        if scenario not in SCENARIOS:
            raise ValueError(f"unknown scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
        chosen = SCENARIOS[scenario]
        self.options = chosen.applied_to(self._given)
        self.scenario = scenario
        self.world = world
        if (chosen.site_share, chosen.copied_share) != (None, None):
            self.world = world.redrawn(site_share=chosen.site_share, copied_share=chosen.copied_share)
        self.started_at = self.clock.now()
        self.ledger = ArrivalLedger(self.clock, self.options)
        self.faults = Faults((Fault.of(spec) for spec in chosen.faults), seed=self.options.seed)
        around = Surroundings(self.world, self.options, self.clock, self.ledger)
        self.duckduckgo, self.jina = SimulatedDuckDuckGo(around), SimulatedJinaReader(around)
        self.zerobounce, self.slack = SimulatedZeroBounce(around), SimulatedSlack(around)
        everyone: tuple[SimulatedProvider, ...] = (self.duckduckgo, self.jina, self.zerobounce, self.slack)
        self.providers = {each.provider: each for each in everyone}

    def reset(self, *, seed: int | None = None, scenario: str | None = None) -> None:
        """Forget everything that happened; `seed` redraws the world and all random choices."""
        world = self.world
        if seed is not None:
            self._given = delivery.with_seed(self._given, seed)
            world = world.redrawn(seed=seed)
        self._build(world, scenario or self.scenario)

    @property
    def violations(self) -> list[dict[str, Any]]:
        """The retained violation records; `ledger.violation_count` counts all."""
        return delivery.as_rows(self.ledger.violations)

    def truth(self, uen: str) -> Truth:
        """The expected answer for a company."""
        return self.world.truth(uen)

    def state(self) -> dict[str, Any]:
        """The content of `/__sim/state`: budgets with their worst windows, counters, and the state of each provider."""
        return {
            **self.ledger.state(),
            "scenario": self.scenario,
            "layers": {"budget": self.options.budget_layer, "real": self.options.real_layer},
            "allowance_scale": self.options.allowance_scale,
            "latency_scale": self.options.latency_scale,
            "providers": {provider.value: each.state() for provider, each in self.providers.items()},
        }
