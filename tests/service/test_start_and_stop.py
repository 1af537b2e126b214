"""Start and stop of the process: signals at any moment, a server that disappears meanwhile, a blocked stderr."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from faults import FaultProxy
from logs.readers import pipe
from process import Process, Stage, stage
from web_client import answer

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import Fault

BLOCKED_IMPORT = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            import os, signal
            os.write(2, b'{{"event": "import.reached"}}\\n')
            signal.pause()

sys.meta_path.insert(0, Finder())
"""
"""As sitecustomize it stops the start in the middle of an import until a signal arrives."""


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


def stopped_in_import(standing: Stage, folder: Path, module: str) -> None:
    (folder / "sitecustomize.py").write_text(BLOCKED_IMPORT.format(module=module))
    standing.environ["PYTHONPATH"] = str(folder)


def as_pid_1(*command: str) -> tuple[str, ...]:
    """Run in a separate PID namespace, as in a container without an init."""
    return ("unshare", "--pid", "--fork", "--kill-child", *command)


def inner_pid(process: Process) -> int:
    """The outer id of the process that is PID 1 inside."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return int(children.split()[0])


@pytest.fixture
def namespaces() -> None:
    """Skip if this user cannot create a PID namespace."""
    if shutil.which("unshare") is None or subprocess.run(as_pid_1("true"), check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a PID namespace")


@pytest.mark.parametrize("module", ["click", "asyncpg", "pydantic_settings", "aiohttp"])
async def test_sigterm_during_the_imports_is_exit_0(standing: Stage, tmp_path: Path, module: str) -> None:
    stopped_in_import(standing, tmp_path, module)
    service = await standing.start()
    await service.event("import.reached")
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0


async def test_sigterm_to_pid_1_during_the_imports_is_exit_0(standing: Stage, tmp_path: Path, namespaces: None) -> None:
    """The kernel drops a signal to PID 1 without a handler, so an early one used to be lost."""
    stopped_in_import(standing, tmp_path, "click")
    service = await standing.start_through(as_pid_1)
    await service.event("import.reached")
    os.kill(inner_pid(service), signal.SIGTERM)
    assert await service.ended() == 0


async def test_sigterm_to_pid_1_at_work_is_exit_0(standing: Stage, namespaces: None) -> None:
    service = await standing.start_through(as_pid_1)
    await service.event("listener.proven")
    os.kill(inner_pid(service), signal.SIGTERM)
    await service.event("service.stopped")
    assert await service.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_the_server_is_awaited_is_exit_0(standing: Stage, number: signal.Signals) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = f"postgresql://svc@127.0.0.1:{deaf.getsockname()[1]}/x"
        service = await standing.start()
        await service.event("database.unreachable")
        service.signal(number)
        await service.event("service.stopped", during="start")
        assert await service.ended() == 0


async def test_sigterm_while_a_server_accepts_and_is_silent(standing: Stage) -> None:
    """SIGTERM arrives during a connect, before its time-out."""
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = f"postgresql://svc@127.0.0.1:{port}/x"
        service = await standing.start()
        await connected.wait()
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_connection_cut_late_in_the_start_is_tried_again(standing: Stage, number: int) -> None:
    """The first connection checks the database, the second and third belong to the pools."""
    server = urlsplit(standing.environ["ACRA_EXPRESS_POSTGRES_DSN"])
    assert server.hostname is not None
    assert server.port is not None
    proxy = FaultProxy(server.hostname, server.port, refuse_number=number)
    await proxy.start()
    try:
        standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = server._replace(
            netloc=server.netloc.replace(str(server.port), str(proxy.listening))
        ).geturl()
        service = await standing.start("run", "--until-idle")
        await service.event("database.unreachable")
        assert await service.ended() == 0
    finally:
        await proxy.stop()


async def probed_until_ended(standing: Stage, port: int, companies: int) -> None:
    """Probe liveness until this many companies have ended; every probe must be answered."""
    while len(await standing.outcomes()) < companies:
        assert (await answer(port, "/healthz")).status == 200


async def drops_are_counted(port: int) -> None:
    while b"acra_express_log_lines_dropped_total 0.0" in (await answer(port, "/metrics")).body:
        pass


async def test_a_stderr_without_a_reader_holds_up_nothing(standing: Stage) -> None:
    """With a stuck log driver jobs end, probes answer, dropped lines are counted, and SIGTERM gives exit 0."""
    with pipe() as reader:
        reader.fill()
        service = await standing.start_silently(stderr=reader.writing)
        port = await standing.port_of(service)
        await standing.enqueue({"uens": standing.uens[:5]})
        await probed_until_ended(standing, port, 5)
        service.send_signal(signal.SIGTERM)
        assert await service.wait() == 0


@pytest.mark.parametrize("kind", ["hung up", "full disk", "closed"])
async def test_a_process_without_stderr_works_and_exits_0(standing: Stage, kind: str) -> None:
    with pipe() as reader:
        stderr = reader.writing
        if kind == "full disk":
            stderr = os.open("/dev/full", os.O_WRONLY)
        service = await standing.start_silently(stderr=None if kind == "closed" else stderr)
        if kind == "hung up":
            reader.hang_up()
        port = await standing.port_of(service)
        await standing.enqueue({"uens": standing.uens[:3]})
        await probed_until_ended(standing, port, 3)
        await drops_are_counted(port)
        service.send_signal(signal.SIGTERM)
        assert await service.wait() == 0
        if kind == "full disk":
            os.close(stderr)


async def test_bad_configuration_is_78_without_stderr(standing: Stage) -> None:
    standing.environ["ACRA_EXPRESS_WORKER"] = "3"
    with pipe() as reader:
        reader.hang_up()
        assert await (await standing.start_silently(stderr=reader.writing)).wait() == 78
    with pipe() as reader:
        reader.fill()
        assert await (await standing.start_silently(stderr=reader.writing)).wait() == 78


async def test_a_second_sigterm_cuts_the_stop(standing: Stage) -> None:
    """The first waits for the call in flight, which takes its time here."""
    standing.simulator.faults.add(Fault(Provider.DUCKDUCKGO, "hang", 120))
    service = await standing.start(DRAIN_SECONDS="60")
    await service.event("listener.proven")
    await standing.enqueue({"uens": standing.uens[:5]})
    await service.event("job.claimed", job_type="enrichment")
    service.signal(signal.SIGTERM)
    await service.event("service.draining", reason="SIGTERM")
    service.signal(signal.SIGTERM)
    await service.event("service.cut", reason="SIGTERM")
    await service.event("service.stopped", exit_code=0)
    assert await service.ended() == 0
