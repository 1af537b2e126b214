"""Parameters of a DSN that a server, a pooler or this host lacks: one sentence that names the parameter."""

from __future__ import annotations

import pytest

from acra_express_async.db.session.connection import connect
from acra_express_async.errors import ConfigError


def with_parameter(dsn: str, parameter: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}{parameter}"


@pytest.mark.parametrize(
    "parameter", ["channel_binding=require", "pgbouncer=true", "pool_size=10", "connect_timeout=10", "schema=public"]
)
async def test_a_parameter_that_the_server_lacks_is_named(fresh_dsn: str, parameter: str) -> None:
    name = parameter.partition("=")[0]
    with pytest.raises(ConfigError) as error:
        await connect(with_parameter(fresh_dsn, parameter), {})
    said = str(error.value)
    assert said.startswith("ACRA_EXPRESS_POSTGRES_DSN: ")
    assert f"does not know the parameter {name} (" in said
    assert said.endswith("take it out of the URL")


@pytest.mark.parametrize("parameter", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
async def test_a_missing_file_is_no_server_that_is_away(fresh_dsn: str, parameter: str) -> None:
    """It was tried for 30 s, and the sentence spoke of the server."""
    dsn = with_parameter(fresh_dsn, f"sslmode=verify-ca&{parameter}=/nope")
    with pytest.raises(ConfigError) as error:
        await connect(dsn, {}, setting="LISTEN_DSN")
    assert str(error.value) == (
        f"ACRA_EXPRESS_LISTEN_DSN: {parameter} names /nope, which cannot be read (No such file or directory)"
    )


@pytest.mark.parametrize("parameter", ["application_name=foo", "options=-c%20statement_timeout%3D1s", "sslmode=prefer"])
async def test_parameters_that_are_known_connect(fresh_dsn: str, parameter: str) -> None:
    connection = await connect(with_parameter(fresh_dsn, parameter), {})
    try:
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize(("name", "value"), [("PGSSLMODE", "bogus"), ("PGTARGETSESSIONATTRS", "bogus")])
async def test_a_name_that_the_driver_reads_is_suspected(
    fresh_dsn: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=rf"is not a valid connection URL \(or one of {name} in the environment"):
        await connect(fresh_dsn, {})
