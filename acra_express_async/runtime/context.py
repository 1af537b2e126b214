"""What nearly every part of a process needs, in one value: where it reports, its clocks, its randomness, how it waits.

It holds no part of the service: what a part works with is passed to it by name. So the reader of a constructor sees all
of its collaborators, and a test replaces time and randomness in one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One per process; `dataclasses.replace` gives a part another clock.

    Args:
        metrics: of this process.
        health: beacons, and what is known of the database.
        random: for jitter; decides nothing that must be secret.
        clock: monotonic seconds, of the event loop.
        now: the wall clock in the configured time zone; for ticks and displays.
        pause: waits, in seconds of `clock`.
    """

    metrics: Metrics
    health: Health
    random: Random
    clock: Callable[[], float]
    now: Callable[[], datetime]
    pause: Pause = asyncio.sleep
