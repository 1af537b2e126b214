"""What the console costs: one connection while it is used, given up first, with a short statement time-out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client import CollectorRegistry
from records.crowd import CAMPAIGN, crowd

from acra_express_async.db.session.on_demand import MOST_USERS
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import TookTooLong
from acra_express_async.jobs.courtesy import CONSOLE_ABOVE, SHRINK_ABOVE, Courtesy
from acra_express_async.metrics import Metrics
from acra_express_async.runtime.database_health import READY_SECONDS
from acra_express_async.settings.quiet_hours import QuietHours

from .rooms import Scene, console_on


async def connections(owner: Connection) -> int:
    """Sessions of the console: all but the test's own."""
    return int(
        await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )


async def until_gone(owner: Connection) -> None:
    """Its backend ends a moment after the connection."""
    async with asyncio.timeout(30):
        while await connections(owner):
            await owner.execute("SELECT pg_sleep(0.02)")


async def test_one_connection_is_opened_on_demand(scene: Scene, owner: Connection) -> None:
    assert await connections(owner) == 0
    async with scene.client() as client:
        await client.get("/console/")
        await client.get("/console/sign-in")
        await client.get("/")
    assert await connections(owner) == 0
    async with scene.signed_in() as browser:
        await asyncio.gather(*(browser.page("/console/") for _ in range(8)))
        assert await connections(owner) == 1


async def test_an_idle_connection_is_given_back(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        await browser.page("/console/")
        await scene.sessions.look()
        assert await connections(owner) == 1
        scene.moment += 61
        await scene.sessions.look()
        await until_gone(owner)
        await browser.page("/console/")
        assert await connections(owner) == 1, "and opened again"


async def test_scarce_connections_close_the_console_first(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        await browser.page("/console/")
        scene.allowed = False
        await scene.sessions.look()
        await until_gone(owner)
        answer = await browser.client.get("/console/")
        assert answer.status_code == 503
        assert "connections are scarce" in answer.text
        assert "Sign in" in (await browser.client.get("/")).text, "where it cannot be told, everybody is a stranger"
        assert await connections(owner) == 0
        scene.allowed = True
        await browser.page("/console/")


async def test_the_open_page_does_not_wait_for_a_silent_database(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        await scene.sessions.close()
        scene.health.database.answered_at = -READY_SECONDS
        assert "Sign in" in await browser.page("/")
        assert (await browser.client.get("/status.json")).json()["companies"] == []
        assert await connections(owner) == 0, "it was not even asked"
        scene.health.database.answered()
        assert "ORCHID BAKERY" in await browser.page("/")


def test_the_console_steps_aside_before_any_worker() -> None:
    courtesy = Courtesy(
        stand_back=True,
        quiet=QuietHours.of(""),
        now=lambda: datetime.now(UTC),
        workers=2,
        metrics=Metrics(CollectorRegistry()),
    )
    assert CONSOLE_ABOVE < SHRINK_ABOVE
    courtesy.saw(nightly_running=False, connections=0.55)
    assert not courtesy.console_may_connect
    assert courtesy.room == 2
    courtesy.saw(nightly_running=False, connections=0.4)
    assert courtesy.console_may_connect


async def test_a_slow_statement_is_ended(scene: Scene) -> None:
    async with scene.sessions.opened() as database:
        async with database.session() as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "2s"
        with pytest.raises(TookTooLong):
            async with database.session() as connection:
                await connection.execute("SELECT pg_sleep(10)")


async def test_a_crowd_of_readers_keeps_no_probe_out(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        async with owner.transaction():
            await owner.execute("LOCK TABLE acra_express.console_sign_outs IN ACCESS EXCLUSIVE MODE")
            async with asyncio.TaskGroup() as group:
                pages = [group.create_task(browser.client.get("/console/")) for _ in range(64)]
                pending = set(pages)
                while len(pending) > MOST_USERS:
                    _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                async with scene.client() as probe:
                    assert (await probe.get("/healthz")).status_code in (200, 503)
        answers = [page.result() for page in pages]
        assert {answer.status_code for answer in answers} == {503}
        assert any("requests already" in answer.text for answer in answers)
        await browser.page("/console/")


async def test_a_page_of_a_slow_database_says_not_now(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        async with owner.transaction():
            await owner.execute("LOCK TABLE acra_express.campaigns IN ACCESS EXCLUSIVE MODE")
            answer = await browser.client.get("/console/")
        assert answer.status_code == 503
        assert "Not now:" in answer.text
        await browser.page("/console/")


async def test_a_download_that_its_reader_gives_up_is_no_error(
    owner: Connection, fresh_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    await crowd(owner, CAMPAIGN)
    async with console_on(owner, fresh_dsn) as scene, scene.signed_in() as browser:
        async with browser.client.stream("GET", "/console/export/records.jsonl") as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_raw())
        async with asyncio.timeout(30):
            while (await browser.client.get("/console/export/records.csv?level=certain")).status_code != 200:
                pass
    assert "Error handling request" not in caplog.text


async def test_an_export_beyond_its_limit_does_not_end_well(owner: Connection, fresh_dsn: str) -> None:
    await crowd(owner, CAMPAIGN)
    async with console_on(owner, fresh_dsn, most_rows=600) as scene, scene.signed_in() as browser:
        small = await browser.client.get("/console/export/records.jsonl", params={"outcome": "enriched"})
        assert len(small.text.splitlines()) == 500
        with pytest.raises(httpx.TransportError):
            await browser.client.get("/console/export/records.jsonl")
        assert (
            await browser.client.get("/console/export/records.jsonl", params={"level": "certain"})
        ).status_code == 200
