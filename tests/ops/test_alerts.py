"""Alerts on a real database: every rolling window counts; replicas, restarts and a dead Slack repeat nothing."""

from __future__ import annotations

from datetime import timedelta

from database_clock import Clock

from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertRows, AlertState, Window
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import Blocked, Permanent, Transient
from acra_express_async.limits import Allowance
from acra_express_async.models import Provider

from .replicas import Channel, Replica, ended

HALF_HOUR = timedelta(minutes=30)


async def test_replicas_and_a_restart_fire_and_resolve_only_once(
    owner: Connection, database: Database, channel: Channel, clock: Clock, replica: Replica
) -> None:
    other = Replica(database, channel)
    await ended(owner, "e" * 23 + "ff" + "s" * 50)
    for one in (replica, other, replica, other):
        await one.turn()
        await clock.advance(timedelta(seconds=15))
    await Replica(database, channel).turn()
    assert channel.headers == ["[FIRING] Failure ratio 8% > 5% (30 min)"]
    assert replica.value("alert_active", alert="failure_ratio") == 1
    assert other.value("alert_active", alert="failure_ratio") == 1
    await clock.advance(HALF_HOUR)
    await ended(owner, "e" * 30)
    for one in (other, replica, Replica(database, channel)):
        await one.turn()
    assert channel.headers[1:] == ["[RESOLVED] Failure ratio 0% (limit 5%, 30 min)"]
    assert other.value("alert_active", alert="failure_ratio") == 0


async def test_exactly_five_percent_is_silent_and_one_more_fires(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await ended(owner, "e" * 930 + "n" * 20 + "f" * 50)
    await replica.turn()
    assert channel.headers == []
    await ended(owner, "ef")
    await replica.turn()
    assert channel.headers == ["[FIRING] Failure ratio 5.1% > 5% (30 min)"]
    fields = {field["text"] for field in channel.blocks[0][1]["fields"]}
    assert "*Sample*\n51/1002 companies" in fields
    assert "*Top reason*\nprovider_error" in fields
    assert "*Instance*\ntest:1" in fields


async def test_cancelled_companies_count_neither_way(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    """A person's cancel is no failure; nor does it dilute the failures."""
    await ended(owner, "e" * 19 + "c" * 100)
    await replica.turn()
    assert channel.headers == []
    await ended(owner, "ff")
    await replica.turn()
    assert channel.headers == ["[FIRING] Failure ratio 9.5% > 5% (30 min)"]
    assert "*Sample*\n2/21 companies" in {field["text"] for field in channel.blocks[0][1]["fields"]}


async def test_no_traffic_is_silent_and_resolves_nothing(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await replica.turn()
    assert channel.headers == []
    await ended(owner, "f")
    await replica.turn()
    await clock.advance(timedelta(hours=2))
    await replica.turn()
    assert channel.headers == ["[FIRING] Failure ratio 100% > 5% (30 min)"]


async def test_a_breach_between_two_evaluations_is_noticed(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    """One failure in twenty is 5%; when an old success leaves the window, it is one in nineteen for a while."""
    await replica.turn()
    await ended(owner, "e")
    await clock.advance(timedelta(minutes=20))
    await ended(owner, "e" * 18 + "f")
    await replica.turn()
    await clock.advance(timedelta(minutes=9, seconds=55))
    await replica.turn()
    assert channel.headers == []
    await clock.advance(timedelta(seconds=7))
    await ended(owner, "e" * 10)
    await clock.advance(timedelta(seconds=8))
    await replica.turn()
    assert channel.headers[0] == "[FIRING] Failure ratio 5.3% > 5% (30 min)"


async def test_a_failure_exactly_one_window_old_is_outside(owner: Connection, database: Database, clock: Clock) -> None:
    rows = AlertRows(database)
    await ended(owner, "f")
    await clock.advance(HALF_HOUR)
    await ended(owner, "e")
    seen = await rows.failures(HALF_HOUR, since=clock.now, least=1)
    assert seen.current == Window(1, 0)
    assert seen.worst == Window(1, 0)
    seen = await rows.failures(HALF_HOUR, since=clock.now - timedelta(seconds=1), least=2)
    assert seen.worst is None


async def test_a_reminder_is_sent_after_four_hours(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await ended(owner, "f")
    await replica.turn()
    await clock.advance(timedelta(hours=4))
    await replica.turn()
    await replica.turn()
    assert [header.split("]")[0] for header in channel.headers] == ["[FIRING", "[STILL FIRING"]


async def test_any_replica_sends_a_message_that_failed_before(
    owner: Connection, database: Database, channel: Channel, clock: Clock, replica: Replica
) -> None:
    channel.refusal = Transient("Slack answered 503", provider="slack", reason="http_503")
    await ended(owner, "f")
    await replica.turn()
    await replica.turn()
    assert replica.value("alert_notifications_total", outcome="error") == 1, "the next try waits a minute"
    channel.refusal = None
    await clock.advance(timedelta(minutes=1))
    await Replica(database, channel).turn()
    await replica.turn()
    assert channel.headers == ["[FIRING] Failure ratio 100% > 5% (30 min)"]


async def test_a_dead_webhook_ends_tries_until_a_new_process_delivers(
    owner: Connection, database: Database, channel: Channel, clock: Clock, replica: Replica
) -> None:
    channel.refusal = Blocked("Slack's webhook is dead (no_service)", provider="slack", reason="no_service")
    await ended(owner, "f")
    for _ in range(3):
        await replica.turn()
        await clock.advance(timedelta(minutes=5))
    assert replica.value("alert_notifications_total", outcome="error") == 1
    fresh = Channel()
    await Replica(database, fresh).turn()
    assert fresh.headers == ["[FIRING] Failure ratio 100% > 5% (30 min)"]


async def test_a_message_that_slack_never_accepts_is_dropped(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    channel.refusal = Permanent("Slack refused the message", provider="slack", reason="invalid_payload")
    await ended(owner, "f")
    await replica.turn()
    channel.refusal = None
    await clock.advance(timedelta(minutes=5))
    await replica.turn()
    assert channel.headers == []
    assert replica.value("alert_notifications_total", outcome="error") == 1


async def test_without_a_webhook_alerts_are_counted_and_kept(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    channel.configured = False
    await ended(owner, "f")
    await replica.turn()
    assert replica.value("alert_active", alert="failure_ratio") == 1
    assert replica.value("alert_notifications_total", outcome="suppressed") == 1
    channel.configured = True
    await replica.turn()
    assert len(channel.headers) == 1


async def test_a_state_change_during_a_send_gets_its_own_message(
    owner: Connection, database: Database, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await ended(owner, "f")
    await replica.alerts.look()
    rows = AlertRows(database)
    claimed = await rows.claim_unsent(timedelta(minutes=3))
    assert claimed is not None
    assert await rows.claim_unsent(timedelta(minutes=3)) is None
    await clock.advance(HALF_HOUR)
    await ended(owner, "e")
    await replica.alerts.look()
    await rows.told(claimed)
    await replica.courier.deliver()
    assert channel.headers == ["[RESOLVED] Failure ratio 0% (limit 5%, 30 min)"]


async def test_only_one_replica_wins_a_state_change(database: Database, clock: Clock) -> None:
    rows = AlertRows(database)
    new = AlertState("failure_ratio", since=clock.now, firing=True)
    assert await rows.put(new)
    assert not await rows.put(new)
    _, known = await rows.known()
    assert await rows.put(known["failure_ratio"])
    assert not await rows.put(known["failure_ratio"])


async def test_a_blocked_provider_fires_and_its_return_resolves(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await owner.execute(
        "UPDATE acra_express.breakers SET kind = 'blocked', reason = 'challenge',"
        " open_until = acra_express.clock() + interval '15 min' WHERE provider = 'duckduckgo'"
    )
    await replica.turn()
    await clock.advance(timedelta(minutes=20))
    await replica.turn()
    assert channel.headers == ["[FIRING] duckduckgo: refuses us"], "half open is not yet an answer"
    await owner.execute("UPDATE acra_express.breakers SET open_until = NULL")
    await replica.turn()
    assert channel.headers[1:] == ["[RESOLVED] duckduckgo answers again"]


async def test_a_budget_that_passes_both_levels_sends_one_message(
    database: Database, channel: Channel, clock: Clock
) -> None:
    allowance = Allowance(Provider.DUCKDUCKGO, "requests_1h", 200, 1.0, timedelta(hours=1), timedelta(seconds=5))
    replica = Replica(database, channel, [BudgetUse(allowance, 192)])
    await replica.turn()
    assert channel.headers == ["[FIRING] Budget duckduckgo/requests_1h at 96% > 95%"]
    assert replica.value("alert_active", alert="budget_80") == 1
    replica.uses = [BudgetUse(allowance, 100)]
    await replica.turn()
    assert channel.headers[1:] == ["[RESOLVED] Budget duckduckgo/requests_1h at 50%"]


async def test_the_tenant_role_cannot_delete_alerts(database: Database) -> None:
    async with database.session() as connection:
        granted = await connection.fetchval(
            "SELECT has_table_privilege('acra_express.alerts', 'DELETE') OR"
            " has_table_privilege('acra_express.alerts', 'TRUNCATE')"
        )
    assert granted is False


async def test_jobs_that_wait_for_a_repair_of_our_code_fire_once(
    owner: Connection, channel: Channel, clock: Clock, replica: Replica
) -> None:
    await owner.execute(
        "INSERT INTO acra_express.leases (job_id, due_at, fault)"
        " VALUES (1, acra_express.clock(), 'OSError'), (2, acra_express.clock(), 'OSError'),"
        " (3, acra_express.clock(), NULL), (4, 'infinity', 'KeyError')"
    )
    await replica.turn()
    await clock.advance(timedelta(seconds=15))
    await replica.turn()
    assert channel.headers == ["[FIRING] Companies fail in our own code, jobs wait"]
    assert replica.value("alert_active", alert="internal_errors") == 1
    await owner.execute("UPDATE acra_express.leases SET fault = NULL")
    await replica.turn()
    assert channel.headers[1:] == ["[RESOLVED] Companies no longer fail in our own code"]
