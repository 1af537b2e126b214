"""The console of real processes: a campaign from the form to its records, on two replicas, and a password in a file."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from process import Process, Stage, acra_express, stage

from acra_express_async.console.tickets import COOKIE
from acra_express_async.sandbox.postgres import free_port

from .rooms import PASSWORD, Browser

CONSOLE = {"CONSOLE__PASSWORD": PASSWORD}


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


async def started(standing: Stage, **settings: str) -> tuple[Process, httpx.AsyncClient]:
    port = free_port()
    service = await standing.start(HTTP__PORT=str(port), **settings)
    await service.event("listener.proven")
    return service, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)


async def test_a_campaign_goes_from_the_form_to_its_records(standing: Stage) -> None:
    service, client = await started(standing, **CONSOLE)
    wanted = standing.uens[:3]
    async with client:
        assert (await client.get("/console/")).status_code == 303
        browser = Browser(client)
        assert (await browser.sign_in("mei", PASSWORD)).status_code == 303
        text = await browser.told("/console/enqueue", uens="\n".join(wanted), name="spring list", step="enqueue")
        assert "spring list" in text
        await service.event("job.ended", job_type="enrichment")
        for uen in wanted:
            assert "Decided on" in await browser.page(f"/console/companies/{uen}")
        lines = (await client.get("/console/export/records.csv")).text.splitlines()
        assert len(lines) == 1 + len(wanted)
        assert "Claiming is paused by mei" in await browser.told("/console/pause")
        async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as stranger:
            told = (await stranger.get("/status.json")).text
            page = (await stranger.get("/")).text
        for hidden in (*wanted, "spring list", "mei"):
            assert hidden not in told
            assert hidden not in page
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert PASSWORD not in "\n".join(service.lines)


async def test_a_sign_out_holds_on_the_other_replica(standing: Stage) -> None:
    _, one = await started(standing, **CONSOLE)
    _, two = await started(standing, **CONSOLE)
    async with one, two:
        browser = Browser(one)
        await browser.sign_in("mei", PASSWORD)
        two.cookies.set(COOKIE, one.cookies[COOKIE])
        assert (await two.get("/console/")).status_code == 200
        await browser.send("/console/sign-out")
        assert (await two.get("/console/")).status_code == 303


@pytest.mark.slow  # a file is read again once a minute
async def test_a_new_password_in_the_file_takes_effect(standing: Stage, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD, encoding="utf-8")
    service, client = await started(standing, CONSOLE__PASSWORD_FILE=str(file))
    async with client:
        browser = Browser(client)
        assert (await browser.sign_in("mei", PASSWORD)).status_code == 303
        file.write_text("a-wholly-new-password", encoding="utf-8")
        await service.event("secret.renewed", setting="CONSOLE__PASSWORD")
        assert (await client.get("/console/")).status_code == 303, "all sessions have ended"
        assert (await browser.sign_in("mei", PASSWORD)).status_code == 403
        assert (await browser.sign_in("mei", "a-wholly-new-password")).status_code == 303


async def test_a_header_without_proxies_exits_78() -> None:
    code, _, wrong = await acra_express(
        "run", POSTGRES_DSN="postgresql://127.0.0.1:1/x", ACRA_EXPRESS_CONSOLE__USER_HEADER="X-Forwarded-User"
    )
    assert code == 78
    assert "USER_HEADER needs TRUSTED_PROXIES" in wrong
    assert "Traceback" not in wrong
