"""One replica does the shared work of a tick, and ticks continue when a wall clock was set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from database_clock import Clock

from acra_express_async.db.ops.control import TICK_IS_OLD, Control
from acra_express_async.db.session.pool import Connection, Database

DUE = datetime(2026, 11, 26, 12, 15, tzinfo=UTC)


async def test_a_tick_belongs_to_the_first_that_claims_it(database: Database) -> None:
    control = Control(database)
    assert await control.claim_tick("cron", DUE, "one") is True
    assert await control.claim_tick("cron", DUE, "two") is False
    assert await control.claim_tick("cron", DUE + timedelta(minutes=15), "two") is True


async def test_a_moment_that_comes_again_is_claimed_again(database: Database, owner: Connection) -> None:
    clock = Clock(owner)
    await clock.install()
    control = Control(database)
    assert await control.claim_tick("cron", DUE, "one") is True
    await clock.advance(TICK_IS_OLD)
    assert await control.claim_tick("cron", DUE, "two") is False
    await clock.advance(timedelta(seconds=1))
    assert await control.claim_tick("cron", DUE, "two") is True
    assert await control.claim_tick("cron", DUE, "one") is False


async def test_the_previous_version_still_claims_ticks(database: Database) -> None:
    """Its statement does not name `claimed_at`."""
    async with database.session() as connection:
        inserted = await connection.fetchval(
            "INSERT INTO acra_express.ticks (loop, due_at, owner) VALUES ('cron', $1, 'old')"
            " ON CONFLICT DO NOTHING RETURNING true",
            DUE,
        )
    assert inserted is True
    assert await Control(database).claim_tick("cron", DUE, "new") is False
