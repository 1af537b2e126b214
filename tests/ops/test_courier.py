"""The courier loop: it sends at once, and a stop during a send neither loses nor repeats the message."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from database_clock import Clock

from acra_express_async.db.session.pool import Connection, Database

from .replicas import Channel, Replica, ended


async def test_a_stop_during_a_send_neither_loses_nor_repeats_it(
    owner: Connection, database: Database, channel: Channel, clock: Clock, replica: Replica
) -> None:
    inside, goes_on = asyncio.Event(), asyncio.Event()
    post = channel.post

    async def slow(text: str, blocks: list[dict[str, Any]] | None = None) -> None:
        inside.set()
        await goes_on.wait()
        await post(text, blocks)

    channel.post = slow  # type: ignore[method-assign]
    await ended(owner, "f")
    await replica.alerts.look()
    running = asyncio.create_task(replica.courier.run())
    await inside.wait()
    running.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await clock.advance(timedelta(minutes=5))
    await Replica(database, channel).turn()
    assert channel.headers == ["[FIRING] Failure ratio 100% > 5% (30 min)"]


async def test_a_wake_up_sends_at_once(owner: Connection, channel: Channel, clock: Clock, replica: Replica) -> None:
    taken = asyncio.Event()
    post = channel.post

    async def told(text: str, blocks: list[dict[str, Any]] | None = None) -> None:
        await post(text, blocks)
        taken.set()

    channel.post = told  # type: ignore[method-assign]
    running = asyncio.create_task(replica.courier.run())
    await ended(owner, "f")
    await replica.alerts.look()
    await taken.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(channel.headers) == 1
