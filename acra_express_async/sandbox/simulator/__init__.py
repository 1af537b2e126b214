"""The provider simulator: DuckDuckGo, Jina Reader, ZeroBounce and Slack on one loopback port.

Status codes, bodies, limits and latencies follow the providers' documents, their public source code and captured
answers; faults are switched on per request. A ledger counts every arrival and every budget window independently of the
service. All time comes from an injected clock.
"""

from acra_express_async.sandbox.simulator.faults import Fault
from acra_express_async.sandbox.simulator.ledger import Arrival, ArrivalLedger, Violation
from acra_express_async.sandbox.simulator.options import Options
from acra_express_async.sandbox.simulator.scenarios import SCENARIOS
from acra_express_async.sandbox.simulator.server import Simulator
from acra_express_async.sandbox.simulator.simulator_clock import Clock, SimulatorClock

__all__ = [
    "SCENARIOS",
    "Arrival",
    "ArrivalLedger",
    "Clock",
    "Fault",
    "Options",
    "Simulator",
    "SimulatorClock",
    "Violation",
]
