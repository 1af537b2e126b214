"""The context of a part that a test builds by itself: each of its values may be replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from prometheus_client import CollectorRegistry

from acra_express_async.metrics import Metrics
from acra_express_async.runtime.context import Context, Pause
from acra_express_async.runtime.health import Health


class Always(Random):
    """Randomness that is always the same: jitter of a known length."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        return self._value


def real_time() -> datetime:
    return datetime.now(UTC)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def context_of(
    *,
    metrics: Metrics | None = None,
    health: Health | None = None,
    random: Random | None = None,
    clock: Callable[[], float] = loop_time,
    now: Callable[[], datetime] = real_time,
    pause: Pause = asyncio.sleep,
) -> Context:
    """Fresh metrics and health, the running loop's clock and the real wall clock, unless told otherwise."""
    return Context(
        metrics=metrics or Metrics(CollectorRegistry()),
        health=health or Health(clock),
        random=random or Random(7),
        clock=clock,
        now=now,
        pause=pause,
    )
