"""Everything that happens to a running service in a bad week, one misfortune at a time: kills, freezes, cut sessions,
restarts and crashes of the server, faults of providers, a clock that is set, and rows that make no sense."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

from database_clock import ShiftedClock
from odd_rows import ODD, insert
from process import Process, Stage

from acra_express_async.db.session.pool import connect
from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import EmbeddedPostgres
from acra_express_async.sandbox.simulation.fast_clock import ZONE
from acra_express_async.sandbox.simulator import Fault

BROKEN = ("component.broke", "component.gave_up", "company.broke", "job.error")
FROZEN_SECONDS = 8.0
"""Longest freeze: more than two leases of 3 s."""
GONE_SECONDS = 30.0
STEPS = tuple(timedelta(seconds=by) for by in (75, -45, 3600, -20, 3600))
"""Added in turn, over midnight and back; together less than the 24 hours for which an intent bars its address."""


def children_of(pid: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = status.read_text().partition(" (")
        except OSError:
            continue  # it has ended meanwhile
        if int(rest.rpartition(")")[2].split()[1]) == pid:
            found.add(int(number))
    return found


def crash(server: EmbeddedPostgres) -> None:
    """kill -9 of the postmaster, then a start; its children notice by themselves, and must be gone first."""
    left = children_of(server.pid)
    server.stop(how=signal.SIGKILL, keep=True)
    for child in left:
        descriptor = None
        try:
            descriptor = os.pidfd_open(child)
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            continue
        finally:
            if descriptor is not None:
                os.close(descriptor)
    server.start()


class Seat:
    """A place where one service always runs: a process that ends is followed by another one."""

    def __init__(self, standing: Stage, settings: dict[str, str]) -> None:
        self._standing = standing
        self._settings = settings
        self._process: Process | None = None
        self.lines: list[str] = []

    @property
    def process(self) -> Process:
        assert self._process is not None, "nothing was started"
        assert self._process.running, "the process ended by itself:\n" + "\n".join(self._process.lines[-40:])
        return self._process

    async def start(self) -> None:
        self._process = await self._standing.start(**self._settings)

    async def works(self, most_seconds: float) -> None:
        """Wait until it has ended a company, but not for ever: it may be waiting for the database."""
        try:
            async with asyncio.timeout(most_seconds):
                await self.process.event("company.ended")
        except TimeoutError:
            return

    async def kill(self) -> None:
        killed = self.process
        await killed.kill()
        self.lines += killed.lines
        await self.start()

    async def stop(self) -> int:
        stopped = self.process
        stopped.signal(signal.SIGTERM)
        code = await stopped.ended()
        self.lines += stopped.lines
        return code


class Misfortunes:
    """What can happen; each method is one misfortune and returns when it is over or under way.

    Args:
        server: must belong to this test alone.
        uens: companies that are enqueued bit by bit.
    """

    def __init__(
        self,
        standing: Stage,
        server: EmbeddedPostgres,
        dsn: str,
        seats: list[Seat],
        uens: list[str],
        dice: Random,
    ) -> None:
        self._standing = standing
        self._server = server
        self._dsn = dsn
        self._seats = seats
        self._left = list(uens)
        self._dice = dice
        self._clock = ShiftedClock()
        self._steps = 0
        self._odd = self._odd_rows()
        self.enqueued: list[str] = []
        self.odd: dict[int, str] = {}
        self.count: Counter[str] = Counter()
        self.midnights = 0

    async def set_clock_before_midnight(self) -> None:
        tomorrow = datetime.now(ZONE).date() + timedelta(days=1)
        midnight = datetime.combine(tomorrow, time(), ZONE)
        await self._clock.install(self._standing.owner, (midnight - timedelta(seconds=40)).astimezone(UTC))
        self._standing.simulator.clock.advance(max(self._clock.shift.total_seconds(), 0.0))

    async def strike(self) -> None:
        """One misfortune by chance, and some more work."""
        likely: dict[Callable[[], Awaitable[None]], int] = {
            self.kill: 5,
            self.freeze: 3,
            self.cut_sessions: 5,
            self.restart_server: 1,
            self.crash_server: 1,
            self.kill_backend: 1,
            self.break_provider: 3,
            self.set_clock: 3,
            self.insert_odd_rows: 5,
        }
        await self.enqueue()
        [what] = self._dice.choices(list(likely), list(likely.values()))
        self.count[what.__name__] += 1
        await what()

    async def enqueue(self) -> None:
        batch, self._left = self._left[:5], self._left[5:]
        if batch:
            await self._standing.enqueue({"uens": batch})
            self.enqueued += batch

    async def kill(self) -> None:
        await self._dice.choice(self._seats).kill()

    async def freeze(self) -> None:
        """SIGSTOP for longer than a lease, while the others go on."""
        frozen, other = self._dice.sample(self._seats, 2)
        process = frozen.process
        process.signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(FROZEN_SECONDS):
                await other.process.event("job.claimed", expired=True)
        except TimeoutError:
            return  # the third one took over, or the frozen one had no job
        finally:
            process.signal(signal.SIGCONT)

    async def cut_sessions(self) -> None:
        await self._standing.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
            " WHERE application_name LIKE 'acra-express%' ORDER BY random() LIMIT $1) AS chosen",
            self._dice.randint(1, 6),
        )

    async def restart_server(self) -> None:
        await self._without_sessions(self._server.restart)

    async def crash_server(self) -> None:
        await self._without_sessions(lambda: crash(self._server))

    async def kill_backend(self) -> None:
        """kill -9 of one backend: the server throws all sessions out and recovers."""
        pid = await self._standing.owner.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'acra-express%' ORDER BY random() LIMIT 1"
        )
        if pid is not None:
            await self._without_sessions(lambda: os.kill(pid, signal.SIGKILL))

    async def _without_sessions(self, happens: Callable[[], object]) -> None:
        self._standing.owner.terminate()
        await asyncio.to_thread(happens)
        async with asyncio.timeout(GONE_SECONDS):
            while True:
                try:
                    self._standing.owner = await connect(self._dsn, {"search_path": "public"})
                    await self._standing.owner.fetchval("SELECT 1")
                except Exception as recovering:  # noqa: BLE001 - whatever a server says while it starts
                    self.count[f"server: {type(recovering).__name__}"] += 1
                    await asyncio.sleep(0.2)
                else:
                    return

    async def break_provider(self) -> None:
        provider = self._dice.choice([Provider.DUCKDUCKGO, Provider.JINA, Provider.ZEROBOUNCE])
        knob, value, count = self._dice.choice(
            [
                ("status", 503, 1),
                ("status", 429, 1),
                ("reset_connection", True, 1),
                ("bad_json", True, 1),
                ("truncate_after", 100, 1),
                ("slow_drip", 2, 2),
                ("hang", 6, 1),
                ("outage", True, 4),
            ]
        )
        self._standing.simulator.faults.add(Fault(provider, knob, value, count=count))

    async def set_clock(self) -> None:
        """The simulator's clock follows forwards only, so its windows are never shorter than ours."""
        step = STEPS[self._steps % len(STEPS)]
        self._steps += 1
        before = await self._day()
        if step > timedelta():
            self._standing.simulator.clock.advance(step.total_seconds())
        await self._clock.step(self._standing.owner, step)
        self.midnights += before != await self._day()

    async def _day(self) -> Any:
        return (await self._standing.owner.fetchval("SELECT acra_express.clock()")).astimezone(ZONE).date()

    async def insert_odd_rows(self) -> None:
        for _ in range(self._dice.randint(1, 3)):
            name = next(self._odd)
            self.odd[await insert(self._standing.owner, ODD[name])] = name

    def _odd_rows(self) -> Iterator[str]:
        """Each once, in any order, then those again that need no ID."""
        names = list(ODD)
        while names:
            self._dice.shuffle(names)
            yield from names
            names = [name for name in names if ODD[name].job_id is None]

    async def be_over(self) -> None:
        """Providers answer again; the clock goes on by five hours, after which no breaker is open."""
        self._standing.simulator.faults.clear()
        self._standing.simulator.clock.advance(timedelta(hours=5).total_seconds())
        await self._clock.step(self._standing.owner, timedelta(hours=5))


def broken_lines(lines: list[str]) -> list[str]:
    """Log lines that no misfortune excuses."""
    found = []
    for line in lines:
        try:
            event = json.loads(line).get("event")
        except ValueError:
            event = None if line.startswith("{") else line  # a line that was cut by a kill, or a traceback
        if event in BROKEN or (event == line and line):
            found.append(line)
    return found
