"""The real service in separate processes, on a real database, with the simulator as every provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acra_express_async.db.registry.registry_rows import load_registry
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.demo_run import settings_for
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.testbed import KEEP_FROM_PARENT
from acra_express_async.sandbox.world import World


async def acra_express(*arguments: str, **environ: str) -> tuple[int, str, str]:
    """Run the command in a clean environment; return exit code, stdout and stderr."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async",
        *arguments,
        env=kept | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


class Process:
    """One `acra-express` process; its log lines are available as events."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.lines: list[str] = []
        self._new_line = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            text = line.decode(errors="replace").rstrip()
            self.lines.append(text)
            self._new_line.set()
            with contextlib.suppress(ValueError):
                self._events.put_nowait(json.loads(text))
        self._new_line.set()
        self._events.put_nowait({"event": "process.ended"})

    async def event(self, name: str, **facts: Any) -> dict[str, Any]:
        """Wait for the next event with this name and these facts; fail when the process ends first."""
        while True:
            event = await self._events.get()
            if event.get("event") == name and all(event.get(key) == value for key, value in facts.items()):
                return event
            if event.get("event") == "process.ended":
                raise AssertionError(f"the process ended before {name}:\n" + "\n".join(self.lines[-30:]))

    async def line(self, beginning: str) -> str:
        """Wait for a line of stderr that begins so; fail when the process ends first."""
        while True:
            for line in self.lines:
                if line.startswith(beginning):
                    return line
            assert not self._reading.done(), f"the process ended before {beginning!r}:\n" + "\n".join(self.lines[-30:])
            await self._new_line.wait()
            self._new_line.clear()

    async def any_event(self) -> str:
        """The name of the next event of any kind."""
        return str((await self._events.get()).get("event"))

    async def any_event_with_facts(self) -> dict[str, Any]:
        """The next event of any kind; fail when the process ends first."""
        event = await self._events.get()
        if event.get("event") == "process.ended":
            raise AssertionError("the process ended:\n" + "\n".join(self.lines[-30:]))
        return event

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, after all output has been read."""
        code = await self._process.wait()
        await self._reading
        return code

    async def kill(self) -> None:
        if self.running:
            self._process.kill()
        await self.ended()


@asynccontextmanager
async def started(*arguments: str, **environ: str) -> AsyncIterator[Process]:
    """The command in a clean environment, as a process that runs; it is killed at the end."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = Process(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acra_express_async", *arguments),
            env=kept | environ,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield process
    finally:
        await process.kill()


class Stage:
    """A database with a registry, the simulator for it, and the settings that connect both."""

    def __init__(self, owner: Connection, simulator: Simulator, environ: dict[str, str], uens: list[str]) -> None:
        self.owner = owner
        self.simulator = simulator
        self.environ = environ
        self.uens = uens
        self._started: list[Process] = []
        self._silent: dict[int, tuple[int, asyncio.subprocess.Process]] = {}

    async def start(self, *arguments: str, **settings: str) -> Process:
        """Start `acra-express ARGUMENTS` (default ``run``) with further settings, named without the prefix."""
        return await self._start(("-m", "acra_express_async", *(arguments or ("run",))), settings)

    async def start_script(self, script: Path, *arguments: str, **settings: str) -> Process:
        """Start a script of the test instead of the command."""
        return await self._start((str(script), *arguments), settings)

    async def start_through(self, command: Callable[..., tuple[str, ...]], **settings: str) -> Process:
        """Start `acra-express run` through a wrapper: `command` turns its words into a command that execs it."""
        words = command(sys.executable, "-m", "acra_express_async", "run")
        return await self._start(words[1:], settings, program=words[0])

    async def start_silently(self, *, stderr: int | None, **settings: str) -> asyncio.subprocess.Process:
        """Start `acra-express run` with the given stderr; None closes it. `port_of` returns its port."""
        extra = {f"ACRA_EXPRESS_{name}": value for name, value in settings.items()}
        extra["ACRA_EXPRESS_HTTP__PORT"] = str(free_port())
        words = [sys.executable, "-m", "acra_express_async", "run"]
        if stderr is None:
            words = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *words]
        process = await asyncio.create_subprocess_exec(
            *words, env=self.environ | extra, stdout=asyncio.subprocess.DEVNULL, stderr=stderr
        )
        self._silent[process.pid] = int(extra["ACRA_EXPRESS_HTTP__PORT"]), process
        return process

    async def port_of(self, process: asyncio.subprocess.Process) -> int:
        """The status port of a process whose log is not read, once it answers there."""
        port, _ = self._silent[process.pid]
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return port
        raise AssertionError(f"the process ended with {process.returncode} before it listened")

    async def _start(
        self, arguments: tuple[str, ...], settings: dict[str, str], *, program: str = sys.executable
    ) -> Process:
        extra = {f"ACRA_EXPRESS_{name}": value for name, value in settings.items()}
        process = Process(
            await asyncio.create_subprocess_exec(
                program,
                *arguments,
                env=self.environ | extra,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        )
        self._started.append(process)
        return process

    async def enqueue(self, params: Mapping[str, Any]) -> int:
        return int(
            await self.owner.fetchval(
                "INSERT INTO background_jobs (job_type, status, params)"
                " VALUES ('acra_express_staging_upsert', 'queued', $1) RETURNING job_id",
                dict(params),
            )
        )

    async def stop_all(self) -> None:
        for process in self._started:
            await process.kill()
        for _, silent in self._silent.values():
            if silent.returncode is None:
                silent.kill()
                await silent.wait()

    async def outcomes(self) -> dict[str, list[str]]:
        """The outcomes of each UEN, one entry for each commit."""
        rows = await self.owner.fetch("SELECT uen, kind FROM acra_express.outcomes ORDER BY ended_at")
        ended: dict[str, list[str]] = {}
        for row in rows:
            ended.setdefault(row["uen"], []).append(row["kind"])
        return ended

    async def assert_each_once(self, wanted: list[str]) -> dict[str, list[str]]:
        """Exactly these companies ended, each once, within every limit and with no verification paid twice."""
        outcomes = await self.outcomes()
        assert sorted(outcomes) == wanted
        assert all(len(kinds) == 1 for kinds in outcomes.values()), outcomes
        state = self.simulator.state()
        assert state["violations"] == 0
        assert state["verifications"]["sent_more_than_once"] == 0
        return outcomes


@asynccontextmanager
async def stage(
    dsn: str,
    folder: Path,
    *,
    rows: int = 60,
    seed: int = 7,
    allowance_scale: float = 60.0,
    latency_scale: float = 0.02,
    scenario: str = "happy",
    host: str = "127.0.0.1",
) -> AsyncIterator[Stage]:
    """Start database and simulator; stop every started process at the end. `host`: where the simulator listens."""
    file = folder / "registry.csv"
    registry_sample.write_csv(file, rows, seed)
    owner = await connect(dsn, OWNER_SETTINGS)
    options = Options(host=host, allowance_scale=allowance_scale, latency_scale=latency_scale, seed=seed)
    async with Simulator(World.from_csv(file, seed=seed), options, scenario=scenario) as simulator:
        await load_registry(owner, file, rejects_path=folder / "rejects.csv")
        await owner.execute(  # an empty table is worth a look
            "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ('99999', 'Not known', 's', 's')"
        )
        found = await owner.fetch(
            "SELECT uen FROM staging_acra_companies WHERE entity_status_description ILIKE 'live%'"
            " AND uen !~ '^[0-9]{8}[A-Z]$' ORDER BY uen"
        )
        environ = {name: os.environ[name] for name in KEEP_FROM_PARENT if name in os.environ}
        environ |= settings_for(simulator, dsn, cap=1000, sole_proprietors=False)
        environ |= {"ACRA_EXPRESS_HTTP__HOST": "127.0.0.1", "ACRA_EXPRESS_HTTP__PORT": "0"}
        standing = Stage(owner, simulator, environ, [row["uen"] for row in found])
        try:
            yield standing
        finally:
            await standing.stop_all()
            await standing.owner.close()  # a test that restarts the server makes a new one
