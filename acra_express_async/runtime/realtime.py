"""Time-outs that wait for a machine are real time, whatever the event loop's clock does.

In production the loop's second is a second, and nothing here changes a value. The sandbox's fast loop (a simulated day)
runs timers `rate` times faster, and a stall of the machine must not be taken for a dead server there. So the time-outs
of the database and of the stop sequence convert their real seconds into the loop's seconds here.
"""

from __future__ import annotations

import asyncio


def rate() -> float:
    """Seconds of the running loop's clock per real second; 1 except on the sandbox's fast loop."""
    found: float = getattr(asyncio.get_running_loop(), "rate", 1.0)
    return found


def real(seconds: float) -> float:
    """The running loop's seconds in which `seconds` of real time pass."""
    return seconds * rate()
