"""PgBouncer in transaction mode in front of an embedded PostgreSQL; it refuses root, so root drops its privileges."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from acra_express_async.sandbox.postgres import free_port

NAMES = ("pgbouncer", "/usr/sbin/pgbouncer")


@asynccontextmanager
async def pooled(
    pgbouncer: str, dsn: str, folder: Path, *, servers: int = 2, clients: int = 50, extra: str = ""
) -> AsyncIterator[str]:
    """The DSN through a pooler with at most this many server connections and clients; `extra`: further settings."""
    address, database = dsn.removeprefix("postgresql://").split("/", 1)
    user, place = address.split("@")
    host, server_port = place.split(":")
    port = free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{database} = host={host} port={server_port} user={user}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {servers}\nmax_client_conn = {clients}\n{extra}\n"
    )
    account = "nobody" if os.geteuid() == 0 else None
    if account is not None:
        for each in (settings, *settings.parents):
            if str(each).startswith("/tmp/"):
                each.chmod(each.stat().st_mode | 0o055)
    process = await asyncio.create_subprocess_exec(
        pgbouncer,
        str(settings),
        stderr=asyncio.subprocess.PIPE,
        user=pwd.getpwnam(account).pw_uid if account else None,
    )
    assert process.stderr is not None
    while b"process up" not in (line := await process.stderr.readline()):
        assert line, "pgbouncer ended before it was up"
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield f"postgresql://{user}@127.0.0.1:{port}/{database}"
    finally:
        process.terminate()
        await process.wait()
        await reading
