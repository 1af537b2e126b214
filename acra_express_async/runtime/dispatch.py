"""What poller, workers and supervisor share: claimed jobs on their way to a worker, and whether the service goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from acra_express_async.models import Job


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One per process.

    Args:
        queue: jobs that are claimed and that no worker has begun.
        draining: nothing more is claimed or begun.
        idle: nothing is due and nothing runs, and the service was asked to end then.
    """

    queue: asyncio.Queue[Job] = field(default_factory=asyncio.Queue)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
