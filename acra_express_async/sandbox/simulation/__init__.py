"""A simulated day of the real service: `acra-express simulate`.

Real loops, real PostgreSQL and real HTTP run on a fast clock (`fast_clock`, `gears`); `arrivals` says what is enqueued
when, `surroundings` prepares registry and nightly, `day` runs it, `record` keeps what was seen, `day_report` judges it
by the simulator's ledger, and `show` and `picture` present it.
"""

from acra_express_async.sandbox.simulation.arrivals import PROFILES
from acra_express_async.sandbox.simulation.day import lived
from acra_express_async.sandbox.simulation.day_record import DayOptions
from acra_express_async.sandbox.simulation.day_report import DayReport, report
from acra_express_async.sandbox.simulation.fast_clock import FastLoop
from acra_express_async.sandbox.simulation.picture import day_picture
from acra_express_async.sandbox.simulation.show import as_markdown, show, show_several

__all__ = [
    "PROFILES",
    "DayOptions",
    "DayReport",
    "FastLoop",
    "as_markdown",
    "day_picture",
    "lived",
    "report",
    "show",
    "show_several",
]
