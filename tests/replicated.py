"""Two PostgreSQL 15 servers of Debian with streaming replication, and a link between them that can be cut."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from faults import FaultProxy

from acra_express_async.sandbox.postgres import free_port

PROGRAMS = "/usr/lib/postgresql/15/bin"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
hot_standby = on
max_connections = 60
timezone = 'UTC'
log_min_messages = warning
# kill -9 leaves the page cache; what a failover loses is what the standby did not get
fsync = off
"""


@dataclass
class Server:
    """One server's data and process; programs run as the system user `postgres` when we are root."""

    data: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def configure(self, extra: str = "") -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}port = {self.port}\n{extra}\n")

    async def start(self) -> None:
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                f"{PROGRAMS}/postgres", "-D", str(self.data), stdout=log, stderr=log, cwd="/", **_account()
            )
        await self.answers("SELECT true")

    async def answers(self, question: str) -> None:
        """Until the server answers `question` with true; the test's own time-out ends a wait in vain."""
        while True:
            try:
                connection = await asyncpg.connect(self.dsn(), timeout=5)
                try:
                    if await connection.fetchval(question):
                        return
                finally:
                    await connection.close()
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)

    async def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
        self.process = None


@dataclass
class Pair:
    """A primary, its standby, and the link through which the standby gets the log."""

    primary: Server
    standby: Server
    link: FaultProxy

    def dsn(self, database: str = "postgres") -> str:
        """Both hosts, the primary first; only one that accepts writes will do."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"

    async def kill_primary(self) -> None:
        """kill -9, as a machine that loses its power; its sessions end with it."""
        await self.primary.stop(signal.SIGKILL)
        self.link.cut()

    async def promote(self) -> None:
        done = await asyncio.create_subprocess_exec(
            f"{PROGRAMS}/pg_ctl",
            "promote",
            "-D",
            str(self.standby.data),
            stdout=subprocess.DEVNULL,
            cwd="/",
            **_account(),
        )
        assert await done.wait() == 0
        await self.standby.answers("SELECT NOT pg_is_in_recovery()")


@asynccontextmanager
async def primary_and_standby(*, synchronous: bool) -> AsyncIterator[Pair]:
    """Both run; with `synchronous` a commit waits until the standby has it."""
    folder = Path(tempfile.mkdtemp(prefix="acra-express-pair-"))
    if _account():
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    primary, standby = Server(folder / "primary", free_port()), Server(folder / "standby", free_port())
    link = FaultProxy("127.0.0.1", primary.port)
    try:
        await _run("initdb", "-D", str(primary.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        primary.configure()
        await primary.start()
        await link.start()
        await _run(
            "pg_basebackup",
            "-D",
            str(standby.data),
            "-h",
            "127.0.0.1",
            "-p",
            str(primary.port),
            "-U",
            "postgres",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        )
        (standby.data / "standby.signal").touch()
        source = f"host=127.0.0.1 port={link.listening} user=postgres application_name=standby"
        standby.configure(f"primary_conninfo = '{source}'")
        await standby.start()
        if synchronous:
            primary.configure("synchronous_standby_names = 'standby'")
            assert primary.process is not None
            primary.process.send_signal(signal.SIGHUP)
        state = "sync" if synchronous else "async"
        await primary.answers(f"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = '{state}')")
        yield Pair(primary, standby, link)
    finally:
        await standby.stop()
        await primary.stop()
        await link.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _run(program: str, *arguments: str) -> None:
    done = await asyncio.create_subprocess_exec(
        f"{PROGRAMS}/{program}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd="/",
        **_account(),
    )
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode()


def _account() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres"} if os.geteuid() == 0 else {}
