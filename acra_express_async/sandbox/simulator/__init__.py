"""The provider simulator: DuckDuckGo, Jina Reader, ZeroBounce and Slack on one loopback port.

Answers, limits, latencies and faults follow contracts/providers.md section 5. All time goes through an injected clock.
"""

from acra_express_async.sandbox.simulator.faults import Fault
from acra_express_async.sandbox.simulator.ledger import Arrival, Ledger, Violation
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.scenarios import SCENARIOS
from acra_express_async.sandbox.simulator.server import Simulator
from acra_express_async.sandbox.simulator.simulator_clock import Clock, SimulatorClock

__all__ = ["SCENARIOS", "Arrival", "Clock", "Fault", "Ledger", "Options", "Simulator", "SimulatorClock", "Violation"]
