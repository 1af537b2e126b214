"""What a process is given from outside: its clocks, its log, its secrets, and the context made of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

from acra_express_async.limits import SEND_MARGIN
from acra_express_async.limits.budget_table import BUDGETS
from acra_express_async.metrics import new_metrics
from acra_express_async.models import OutcomeKind
from acra_express_async.records.reasons import REASONS_OF
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.runtime.supervisor import Closer
from acra_express_async.settings.tree import Settings
from acra_express_async.traces import Traces


def real_time() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """What the service, a simulated day and a test give a process each in their own way.

    Args:
        wall: the wall clock.
        send_margin: the time from a charge to the first byte sent; longer on a fast clock, where a slow machine counts.
        log_lines_dropped: how many log lines were dropped since the start.
        secrets: those in force, if they may be rotated; otherwise those of the settings.
        traces: begins one for each attempt at a job.
        last_steps: closed after everything that may still use them.
    """

    wall: Callable[[], datetime] = real_time
    send_margin: timedelta = SEND_MARGIN
    log_lines_dropped: Callable[[], int] = lambda: 0
    secrets: Secrets | None = None
    traces: Traces = field(default_factory=Traces)
    last_steps: Sequence[Closer] = ()


def process_context(settings: Settings, wall: Callable[[], datetime] = real_time) -> Context:
    """The context of a process; inside a running loop."""
    return Context(
        metrics=new_metrics((row.key for row in BUDGETS), REASONS_OF[OutcomeKind.FAILED]),
        health=Health(time.monotonic),  # liveness is real time, also on a simulated clock
        random=Random(SystemRandom().random()),  # noqa: S311 - jitter, not secrets
        clock=asyncio.get_running_loop().time,
        now=_in_zone(wall, settings.zone),
    )


def _in_zone(wall: Callable[[], datetime], zone: ZoneInfo) -> Callable[[], datetime]:
    def now() -> datetime:
        """Only ticks and displays use it: the database's clock judges everything else."""
        return wall().astimezone(zone)

    return now
