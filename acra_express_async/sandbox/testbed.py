"""The testbed of demo and trials: an embedded PostgreSQL with the platform's tables, our schema and a registry, the
provider simulator, and the environment in which the real service runs as a separate process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from acra_express_async.db.registry.registry_rows import LoadReport, load_registry
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import Connection, connect
from acra_express_async.registry.eligibility import LIVE
from acra_express_async.sandbox.postgres import EmbeddedPostgres, free_port
from acra_express_async.sandbox.registry_sample import ssic_ref

DATABASE = "express"
ROLE = "acra_express"
KEEP_FROM_PARENT = ("PATH", "HOME", "LANG", "TERM", "SSL_CERT_FILE")
STOP_SECONDS = 40.0


async def build_database(postgres: EmbeddedPostgres) -> Connection:
    """Create the platform's tables, the SSIC reference and our schema; return the owner's open connection."""
    admin = await connect(postgres.dsn(), {})
    try:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await admin.close()
    owner = await connect(postgres.dsn(DATABASE), {"search_path": "public"})
    await bootstrap_platform(owner)
    await migrate(owner, ROLE)
    await owner.executemany(
        """
        INSERT INTO ssic_ref (code, title, description, version, source_file_hash)
        VALUES ($1, $2, $3, 'sample', 'sample') ON CONFLICT (code) DO NOTHING
        """,
        list(ssic_ref()),
    )
    return owner


async def load(owner: Connection, file: Path, rejects: Path) -> LoadReport:
    """Load a registry file into `staging_acra_companies` with the loader of `acra-express load-registry`."""
    return await load_registry(owner, file, rejects_path=rejects)


async def live_uens(owner: Connection, limit: int | None) -> list[str]:
    """The UENs of live registry rows in order, at most `limit`."""
    rows = await owner.fetch(
        "SELECT uen FROM staging_acra_companies WHERE entity_status_description ~* $1 ORDER BY uen LIMIT $2",
        LIVE,
        limit,
    )
    return [row["uen"] for row in rows]


class ServiceProcess:
    """The real service, started as operators start it.

    Args:
        environ: settings by their full names; ACRA_EXPRESS_ variables of the parent process are not inherited.
        log_path: file for its log lines.
    """

    def __init__(self, environ: Mapping[str, str], log_path: Path) -> None:
        kept = {name: os.environ[name] for name in KEEP_FROM_PARENT if name in os.environ}
        self.environ = {**kept, "ACRA_EXPRESS_HTTP__HOST": "127.0.0.1", **environ}
        self.environ.setdefault("ACRA_EXPRESS_HTTP__PORT", str(free_port()))
        self.port = int(self.environ["ACRA_EXPRESS_HTTP__PORT"])
        self.log_path = log_path
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str, program: Sequence[str] = ("-m", "acra_express_async")) -> None:
        """Start `acra-express run ARGUMENTS`, appending to the log.

        Args:
            program: what the interpreter runs, for a service under a profiler.
        """
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *program, "run", *arguments, env=self.environ, stdout=log, stderr=log
            )

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running (or ended) process."""
        assert self._process is not None, "the service was not started"
        return self._process

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code; kill it when it does not stop in time."""
        process = self.process
        if process.returncode is None:
            process.send_signal(how)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()


async def command(environ: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run one `acra-express` command under the same settings; return exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async",
        *arguments,
        env=dict(environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def arguments_of(uens: Sequence[str]) -> list[str]:
    """One `--uen` option for each UEN."""
    return [part for uen in uens for part in ("--uen", uen)]
