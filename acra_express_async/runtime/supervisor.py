"""Start order, guard and restart, escalation, drain, exit code.

The stop sequence, all of it within DRAIN_SECONDS: readiness goes off; nothing more is claimed; jobs that have not
started are released; busy workers start no new call and hand their job back with its progress, and their heartbeats
stop last; then the loops, the pools and the web app are closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass
from functools import partial
from typing import Protocol

from acra_express_async import logs
from acra_express_async.errors import AcraExpressError, in_words
from acra_express_async.models import Job
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.dispatch import Dispatch
from acra_express_async.runtime.realtime import real
from acra_express_async.runtime.turn_loop import full_jitter

log = logs.logger("supervisor")

EXIT_DRAINED = 0
EXIT_GAVE_UP = 1

RESTARTS_ALLOWED = 5
RESTART_WINDOW_SECONDS = 600.0
"""A component that fails more often than this has a fault that a restart cannot repair: give up with exit code 1."""
RESTART_PAUSE_SECONDS = 30.0
RESERVE_SHARE = 0.35
"""Part of DRAIN_SECONDS kept for the steps after the workers: hand jobs back, close the pools, stop the web app."""
STEP_SECONDS = 2.0
"""Longest duration of each closing step."""


@dataclass(frozen=True, slots=True)
class Component:
    """A loop that runs as long as the service; `run` returns only when the service drains.

    Attributes:
        feeds_queue: what it has under way when the service drains still reaches the queue: it is not cut off there.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    feeds_queue: bool = False


@dataclass(frozen=True, slots=True)
class Closer:
    """One closing step. The steps run in order, each for at most `STEP_SECONDS`."""

    name: str
    close: Callable[[], Awaitable[object]]


class WorkerLike(Protocol):
    """The part of jobs/worker.py that the supervisor needs. A Protocol because this room must not import that one."""

    name: str
    job: Job | None

    async def run(self) -> None: ...


@dataclass(kw_only=True, eq=False, repr=False)
class Supervisor:
    """Runs the components until a signal, idleness or a component that gives up.

    Args:
        loops: started in this order, stopped in reverse.
        workers: stopped before the loops.
        hand_back: releases a claimed job that no worker has started.
        closers: the last steps, in order.
        drain_seconds: longest duration of the whole stop sequence.
    """

    loops: Sequence[Component]
    workers: Sequence[WorkerLike]
    hand_back: Callable[[Job], Awaitable[object]]
    closers: Sequence[Closer]
    wake: Callable[[str], None]
    drain_seconds: float
    dispatch: Dispatch
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._health = context.health
        self._metrics = context.metrics
        self._random = context.random
        self._pause = context.pause
        self._ending = asyncio.Event()
        self._cut = asyncio.Event()
        self._exit_code = EXIT_DRAINED

    async def run(self) -> int:
        """Everything from start to exit code."""
        tasks = {c.name: asyncio.create_task(self._guard(c), name=c.name) for c in self.loops}
        working = {
            w.name: asyncio.create_task(self._guard(Component(w.name, w.run)), name=w.name) for w in self.workers
        }
        finished_alone = asyncio.create_task(self._end_when_idle(), name="idle")
        log.info("service.started", workers=len(self.workers))
        try:
            await self._ending.wait()
        finally:
            finished_alone.cancel()
            await self._stop(tasks, working)
        log.info("service.stopped", exit_code=self._exit_code)
        return self._exit_code

    def request_stop(self, reason: str) -> None:
        """The first request drains; the second cancels at once."""
        if self._ending.is_set():
            log.warning("service.cut", reason=reason)
            self._cut.set()
            return
        log.info("service.draining", reason=reason, seconds=self.drain_seconds)
        self._ending.set()

    async def _end_when_idle(self) -> None:
        await self.dispatch.idle.wait()
        self.request_stop("idle")

    async def _guard(self, component: Component) -> None:
        """Restart a component that fails, after growing pauses; give up when that does not help."""
        loop = asyncio.get_running_loop()
        broken: deque[float] = deque(maxlen=RESTARTS_ALLOWED)
        while not self.dispatch.draining.is_set():
            try:
                await component.run()
            except Exception as error:
                log.error("component.broke", component=component.name, error=f"{error}", exc_info=error)
            else:
                if self.dispatch.draining.is_set() or self.dispatch.idle.is_set():
                    return
                log.error("component.ended", component=component.name)
            if len(broken) == RESTARTS_ALLOWED and loop.time() - broken[0] < RESTART_WINDOW_SECONDS:
                log.critical("component.gave_up", component=component.name, restarts=RESTARTS_ALLOWED)
                self._exit_code = EXIT_GAVE_UP
                self.request_stop(f"{component.name} gave up")
                return
            broken.append(loop.time())
            await self._pause(full_jitter(self._random, len(broken), first=0.5, most=RESTART_PAUSE_SECONDS))

    async def _stop(self, tasks: dict[str, asyncio.Task[None]], working: dict[str, asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.drain_seconds
        self._health.draining = True
        self._health.ends_by = self._health.clock() + self.drain_seconds
        self._metrics.draining.set(1)
        self.dispatch.draining.set()
        self.wake("free")
        for worker in self.workers:
            if worker.job is None:
                working[worker.name].cancel()
        await self._finish_workers(working.values(), ends_at - self.drain_seconds * RESERVE_SHARE)
        await self._last_claims(tasks[loop.name] for loop in self.loops if loop.feeds_queue)
        await self._hand_back_unstarted()
        for task in reversed(tasks.values()):
            task.cancel()
        await self._cancelled(tasks.values())
        for closer in self.closers:
            await self._ran(closer)

    async def _finish_workers(self, working: Iterable[asyncio.Task[None]], until: float) -> None:
        """Let busy workers finish their call and hand back; cancel those that are late, or all on a second signal."""
        waiting = [task for task in working if not task.done()]
        cut = asyncio.create_task(self._cut.wait(), name="cut")
        loop = asyncio.get_running_loop()
        while waiting and not cut.done() and loop.time() < until:
            await asyncio.wait([*waiting, cut], timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            waiting = [task for task in waiting if not task.done()]
        cut.cancel()
        for task in waiting:
            log.warning("worker.cancelled", worker=task.get_name())
            task.cancel()
        await self._cancelled(waiting)

    async def _cancelled(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Wait for cancelled tasks, but no longer than handing a job back takes."""
        pending = [task for task in tasks if not task.done()]
        if pending:
            _, stubborn = await asyncio.wait(pending, timeout=self.drain_seconds * RESERVE_SHARE / 2)
            for task in stubborn:
                log.error("task.stubborn", task=task.get_name())

    async def _last_claims(self, feeding: Iterable[asyncio.Task[None]]) -> None:
        """Wait for the answer to a claim in flight: the server may grant it, even a job that was just handed back."""
        claiming = [task for task in feeding if not task.done()]
        if claiming and not self._cut.is_set():
            await asyncio.wait(claiming, timeout=real(STEP_SECONDS))

    async def _hand_back_unstarted(self) -> None:
        while not self.dispatch.queue.empty():
            job = self.dispatch.queue.get_nowait()
            if not await self._ran(Closer("hand back", partial(self.hand_back, job))):
                log.warning("job.left_to_its_lease", job_id=job.job_id)

    async def _ran(self, closer: Closer) -> bool:
        """Run one closing step within its time; the steps after it run whatever it raises."""
        try:
            async with asyncio.timeout(real(STEP_SECONDS)):
                await closer.close()
        except Exception as error:
            expected = isinstance(error, AcraExpressError | OSError)
            log.warning("close.incomplete", step=closer.name, error=in_words(error), exc_info=not expected)
            return False
        return True
