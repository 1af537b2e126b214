"""Patience with machines is real time, whatever the loop's clock does.

In production the loop's second is a second and nothing here changes a figure. The sandbox's fast loop (a simulated day)
runs timers `rate` times faster, and then a stall of the machine must not be taken for a dead server: time-outs of the
database and the stop sequence ask here how many of the loop's seconds their real ones are.
"""

from __future__ import annotations

import asyncio


def rate() -> float:
    """Seconds of the running loop's clock for each real second; 1 unless a fast loop says otherwise."""
    found: float = getattr(asyncio.get_running_loop(), "rate", 1.0)
    return found


def real(seconds: float) -> float:
    """What to tell the running loop so that `seconds` of real time go by."""
    return seconds * rate()
