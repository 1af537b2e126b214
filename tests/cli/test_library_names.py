"""What libraries read from the environment and choke on: one sentence and 78, the same from `check` and `run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from process import acra_express

NO_FILE = "(No such file or directory)"
FAULTS = {
    "proxy": (
        {"NO_PROXY": "localhost,127.0.0.1,[::1]"},
        "NO_PROXY: '[::1]' is neither a host nor an address (write an IPv6 address without brackets)",
    ),
    "certificates": (
        {"SSL_CERT_FILE": "/nope.pem"},
        f"SSL_CERT_FILE names /nope.pem, from which no certificates can be loaded {NO_FILE}",
    ),
    "multiprocess": (
        {"PROMETHEUS_MULTIPROC_DIR": "/nope"},
        (
            f"PROMETHEUS_MULTIPROC_DIR names /nope, in which no metrics can be kept {NO_FILE}; "
            "the service is one process and needs none: leave it out"
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_check_and_run_say_the_same_of_the_environment(fresh_dsn: str, fault: str) -> None:
    environ, sentence = FAULTS[fault]
    code, out, err = await acra_express("check", POSTGRES_DSN=fresh_dsn, **environ)
    assert (code, err) == (78, "")
    assert out.splitlines()[0] == f"FAIL  environment: {sentence}"
    code, _, err = await acra_express("run", "--until-idle", POSTGRES_DSN=fresh_dsn, **environ)
    assert (code, err) == (78, f"acra-express: environment: {sentence}\n")


@pytest.mark.parametrize("command", ["check", "run"])
async def test_a_key_log_that_cannot_be_written_is_named(command: str) -> None:
    """Libraries open it while they are imported."""
    code, _, err = await acra_express(command, POSTGRES_DSN="postgresql://x/y", SSLKEYLOGFILE="/nope/keys")
    sentence = "SSLKEYLOGFILE names /nope/keys, which cannot be written (No such file or directory)"
    assert (code, err) == (78, f"acra-express: {sentence}\n")


async def test_a_parameter_of_the_dsn_ends_check_and_run_alike(fresh_dsn: str) -> None:
    dsn = f"{fresh_dsn}{'&' if '?' in fresh_dsn else '?'}channel_binding=require"
    code, out, _ = await acra_express("check", POSTGRES_DSN=dsn)
    [failing] = [
        line.removeprefix("FAIL  ") for line in out.splitlines() if line.startswith("FAIL  ACRA_EXPRESS_POSTGRES")
    ]
    assert code == 78
    assert "does not know the parameter channel_binding" in failing
    code, _, err = await acra_express("run", POSTGRES_DSN=dsn)
    assert (code, err) == (78, f"acra-express: {failing}\n")


async def test_a_folder_for_several_processes_is_left_alone(fresh_dsn: str, tmp_path: Path) -> None:
    code, out, _ = await acra_express("check", POSTGRES_DSN=fresh_dsn, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert code == 0, out


async def test_status_asks_its_own_host_past_any_proxy() -> None:
    code, _, err = await acra_express(
        "status", POSTGRES_DSN="postgresql://x/y", NO_PROXY="[::1]", ACRA_EXPRESS_HTTP__PORT="1"
    )
    assert code == 78
    assert "PostgreSQL at x" in err
    assert "Traceback" not in err
