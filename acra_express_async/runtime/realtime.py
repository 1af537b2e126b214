"""Time-outs that wait for a machine are real time, whatever the event loop's clock does.

In production the loop's second is a second, and nothing here changes a value. The sandbox's fast loop (a simulated day)
runs timers `rate` times faster, and a stall of the machine must not be taken for a dead server there. So the time-outs
of the database and of the stop sequence convert their real seconds into the loop's seconds here.
"""

from __future__ import annotations

import asyncio
import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux only; elsewhere a suspended machine is noticed when the next heartbeat is refused."""


def suspended() -> float:
    """Seconds for which this machine has been suspended since it started; the event loop's clock stands still then.

    A virtual machine that its host pauses shows this on no clock of its own. There the fences hold alone: the next
    heartbeat is refused, every write carries the token, and an address with an open intent is not sent again.
    """
    if _BOOTTIME is None:
        return 0.0
    return time.clock_gettime(_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """The running loop's clock plus the time for which the machine was suspended; for leases and the send margin."""
    return asyncio.get_running_loop().time() + suspended()


def rate() -> float:
    """Seconds of the running loop's clock per real second; 1 except on the sandbox's fast loop."""
    found: float = getattr(asyncio.get_running_loop(), "rate", 1.0)
    return found


def real(seconds: float) -> float:
    """The running loop's seconds in which `seconds` of real time pass."""
    return seconds * rate()
