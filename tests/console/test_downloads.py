"""Exports of the console: how they end, who reads them too slowly, and how they wait for a nightly."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from records.crowd import CAMPAIGN, crowd

from acra_express_async.console import paced_reader
from acra_express_async.db.session.pool import Connection
from acra_express_async.records import nightly_rest

from .rooms import Scene, console_on

PATH = "/console/export/records.jsonl"
LONG = 5_200
"""Companies: more than an export hands over while a nightly runs."""


async def ended_export(scene: Scene) -> dict[str, Any]:
    """The newest export of the trail, once its end is recorded."""
    async with asyncio.timeout(60):
        while True:
            exports = [line for line in await scene.trail() if line["action"] == "export"]
            if exports and exports[-1]["ended_how"] is not None:
                return exports[-1]
            await scene.owner.execute("SELECT pg_sleep(0.02)")


async def nightly(owner: Connection) -> int:
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, started_at)"
            " VALUES ('enrich_candidates', 'running', now()) RETURNING job_id"
        )
    )


async def test_the_trail_counts_what_an_export_handed_over(owner: Connection, fresh_dsn: str) -> None:
    await crowd(owner, CAMPAIGN, details=False)
    async with console_on(owner, fresh_dsn) as scene, scene.signed_in() as browser:
        await browser.client.get(PATH)
        line = await ended_export(scene)
        assert (line["ended_how"], line["rows_sent"]) == ("done", CAMPAIGN)
        assert "done, 1,000 records" in await browser.page("/console/trail")


async def test_the_trail_says_why_an_export_was_broken_off(owner: Connection, fresh_dsn: str) -> None:
    await crowd(owner, CAMPAIGN, details=False)
    async with console_on(owner, fresh_dsn, most_rows=600) as scene, scene.signed_in() as browser:
        with pytest.raises(httpx.TransportError):
            await browser.client.get(PATH)
        line = await ended_export(scene)
        assert (line["ended_how"], line["rows_sent"]) == ("broken_off", 600)
        text = await browser.page("/console/trail")
    assert "broken off after 600 records: the selection has more than 600 records" in text


async def test_a_reader_that_leaves_is_recorded(owner: Connection, fresh_dsn: str) -> None:
    await crowd(owner, LONG)
    async with console_on(owner, fresh_dsn) as scene, scene.signed_in() as browser:
        async with browser.client.stream("GET", PATH) as answer:
            await anext(answer.aiter_raw())
        line = await ended_export(scene)
    assert (line["ended_how"], line["ended_why"]) == ("broken_off", "its reader left, or stopped reading")
    assert line["rows_sent"] < LONG


async def test_slow_readers_do_not_keep_the_places(
    owner: Connection, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paced_reader, "LEAST_RATE", 10**9)
    await crowd(owner, 20 * CAMPAIGN)
    async with (
        console_on(owner, fresh_dsn, export_grace_seconds=0.5) as scene,
        scene.signed_in() as browser,
        browser.client.stream("GET", PATH) as one,
        browser.client.stream("GET", PATH) as other,
    ):
        assert (one.status_code, other.status_code) == (200, 200)
        refused = await browser.client.get(PATH, params={"campaign": "1"})
        assert refused.status_code == 409
        assert "2 exports are running" in refused.text
        line = await ended_export(scene)
        async with asyncio.timeout(30):
            while (await browser.client.get(PATH, params={"campaign": "1"})).status_code != 200:
                pass
    assert line["ended_how"] == "broken_off"
    assert "its reader took less than" in line["ended_why"]


async def test_a_long_download_waits_for_the_nightly(
    owner: Connection, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly_rest, "LOOK_SECONDS", 0.05)
    await crowd(owner, LONG, details=False)
    job_id = await nightly(owner)
    async with console_on(owner, fresh_dsn) as scene, scene.signed_in() as browser:
        assert "A file of more than 5,000 companies waits" in await browser.page("/console/export")
        download = asyncio.create_task(browser.client.get(PATH))
        async with asyncio.timeout(60):
            while "it waits: the nightly" not in (text := await browser.page("/console/export")):
                assert not download.done()
        assert f"mei: 5,000 records so far; it waits: the nightly&#39;s job {job_id}" in text
        small = await browser.client.get(PATH, params={"campaign": "3"})
        assert small.status_code == 200, "an export that rests takes no place"
        at_once = await browser.client.get(PATH, params={"beside_nightly": "1"})
        assert len(at_once.text.splitlines()) == LONG
        await owner.execute("UPDATE background_jobs SET status = 'done' WHERE job_id = $1", job_id)
        assert len((await download).text.splitlines()) == LONG
        assert "waits" not in await browser.page("/console/export")


async def test_a_resting_download_gives_way_when_abandoned(
    owner: Connection, fresh_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly_rest, "LOOK_SECONDS", 0.05)
    await crowd(owner, LONG, details=False)
    await nightly(owner)
    async with console_on(owner, fresh_dsn) as scene, scene.signed_in() as browser:
        async with browser.client.stream("GET", PATH) as answer:
            lines = answer.aiter_lines()
            for _ in range(5_000):
                await anext(lines)
        line = await ended_export(scene)
        assert (line["ended_how"], line["rows_sent"]) == ("broken_off", 5_000)
        rests = asyncio.create_task(browser.client.get(PATH))
        async with asyncio.timeout(60):
            while "it waits" not in await browser.page("/console/export"):
                assert not rests.done()
        scene.allowed = False
        with pytest.raises(httpx.TransportError):
            await rests
