"""What an operator reads when the service cannot start: one plain sentence and exit code 78, from a real process."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys

import asyncpg
import pytest
from process import acra_express

from acra_express_async.errors import ConfigError
from acra_express_async.ops.preflight import prepare
from acra_express_async.sandbox.postgres import EmbeddedPostgres, free_port
from acra_express_async.settings.tree import load_settings


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


async def test_an_empty_database_exits_78(postgres: EmbeddedPostgres) -> None:
    name = f"e_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        code, _, err = await acra_express("run", POSTGRES_DSN=postgres.dsn(name))
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()
    assert code == 78
    assert "acra-express migrate" in last_line(err)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("dsn", "sentence"),
    [
        ("not a dsn", "ACRA_EXPRESS_POSTGRES_DSN is not a valid connection URL"),
        ("postgresql://127.0.0.1:notaport/x", "ACRA_EXPRESS_POSTGRES_DSN is not a valid connection URL"),
        ("{server}/no_such_database", 'database "no_such_database" does not exist'),
    ],
)
async def test_a_wrong_dsn_exits_78_with_a_clear_sentence(postgres: EmbeddedPostgres, dsn: str, sentence: str) -> None:
    server = postgres.dsn("x").rsplit("/", 1)[0]
    code, _, err = await acra_express("run", POSTGRES_DSN=dsn.format(server=server))
    assert code == 78
    assert sentence in last_line(err)
    assert "Traceback" not in err


FAULTS = {
    "schema": ("DELETE FROM acra_express.schema_migrations WHERE version > 2", {}),
    "tenant": ("UPDATE tenants SET name = 'somebody' WHERE name = 'acra_express'", {}),
    "customer": ("INSERT INTO odoo_connections (tenant_id) SELECT tenant_id FROM tenants", {}),
    "platform": ("ALTER TABLE companies DROP industry_code; ALTER TABLE lead_emails DROP company_id", {}),
    "reach": ("GRANT SELECT ON background_jobs, odoo_connections TO acra_express", {}),
    "listener": ("SELECT 1", {"ACRA_EXPRESS_LISTEN_DSN": "not a dsn"}),
    "role": ("SELECT 1", {"ACRA_EXPRESS_TENANT_ROLE": "nobody_at_all"}),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_run_refuses_with_the_first_failing_line_of_check(
    fresh_dsn: str, owner: asyncpg.Connection, fault: str
) -> None:
    statement, environ = FAULTS[fault]
    await owner.execute(statement)
    code, out, err = await acra_express("check", POSTGRES_DSN=fresh_dsn, **environ)
    failing = [line.removeprefix("FAIL  ") for line in out.splitlines() if line.startswith("FAIL")]
    assert (code, bool(failing), err) == (78, True, "")
    code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn, **environ)
    assert (code, last_line(err)) == (78, f"acra-express: {failing[0]}")


async def test_run_waits_thirty_seconds_for_a_server_then_refuses() -> None:
    settings = load_settings({"POSTGRES_DSN": f"postgresql://svc:secret-pw@127.0.0.1:{free_port()}/x"})
    slept: list[float] = []

    async def pause(seconds: float) -> None:
        slept.append(seconds)

    with pytest.raises(ConfigError, match=r"^PostgreSQL at 127\.0\.0\.1:\d+ cannot be reached \(") as refused:
        await prepare(settings, clock=lambda: sum(slept), pause=pause)
    assert sum(slept) == 30
    assert "secret-pw" not in str(refused.value)


async def test_a_misspelt_setting_exits_78_with_a_suggestion() -> None:
    code, _, err = await acra_express("run", POSTGRES_DSN="postgresql://x/y", ACRA_EXPRESS_WORKER="3")
    assert (code, err.strip()) == (
        78,
        "acra-express: unknown setting ACRA_EXPRESS_WORKER; did you mean ACRA_EXPRESS_WORKERS?",
    )


async def test_an_unreachable_server_is_named_by_host_and_port() -> None:
    port = free_port()
    code, _, err = await acra_express("migrate", POSTGRES_DSN=f"postgresql://svc:secret-pw@127.0.0.1:{port}/x")
    assert code == 78
    assert f"PostgreSQL at 127.0.0.1:{port} cannot be reached" in err
    assert "secret-pw" not in err


async def test_a_port_in_use_exits_with_one_sentence(fresh_dsn: str) -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        code, _, err = await acra_express(
            "run", POSTGRES_DSN=fresh_dsn, ACRA_EXPRESS_HTTP__HOST="127.0.0.1", ACRA_EXPRESS_HTTP__PORT=str(port)
        )
    finally:
        server.close()
        await server.wait_closed()
    assert code == 78
    assert "cannot listen on ACRA_EXPRESS_HTTP__HOST and __PORT" in last_line(err)


WITH_SIGINT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from acra_express_async.__main__ import main; main()"
)
"""What a shell's background job ignores, and its children with it."""


@pytest.mark.parametrize("form", ["", "--json"])
async def test_ctrl_c_exits_130_with_one_word(form: str) -> None:
    """In any command; here one that waits for a server which never answers."""
    dialled: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _reader, writer: dialled.put_nowait(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_SIGINT, "jobs", "list", *form.split()),
        env={"PATH": os.environ["PATH"], "POSTGRES_DSN": f"postgresql://nobody@127.0.0.1:{port}/none"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    open_to_the_end = await dialled.get()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    open_to_the_end.close()
    server.close()
    assert (process.returncode, out) == (130, b""), err
    assert err.decode() == ('{"error": "interrupted"}\n' if form else "acra-express: interrupted\n")


async def test_wrong_usage_exits_2() -> None:
    code, _, err = await acra_express("enqueue", POSTGRES_DSN="postgresql://x/y")
    assert code == 2
    assert "name at least one --term, --ssic, --uen or --uen-file" in err
