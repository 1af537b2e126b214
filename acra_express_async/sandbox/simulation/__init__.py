"""A simulated day of the real service: `acra-express simulate`."""

from acra_express_async.sandbox.simulation.arrivals import PROFILES
from acra_express_async.sandbox.simulation.day import lived
from acra_express_async.sandbox.simulation.day_report import DayReport, report
from acra_express_async.sandbox.simulation.fast_clock import FastLoop
from acra_express_async.sandbox.simulation.picture import day_picture
from acra_express_async.sandbox.simulation.record import DayOptions
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
