"""The budget ledger on a real PostgreSQL, with a clock that the test controls."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import datetime, timedelta

import pytest
from database_clock import START, Clock
from server_defaults import under_any_defaults

from acra_express_async.db.limits.budget_ledger import PRUNE_ROWS, BudgetLedger
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.limits import Allowance, Ask, Charge, Refusal, allowances
from acra_express_async.limits.budget_table import LATEST_BILL
from acra_express_async.models import JobLimits, Provider
from acra_express_async.settings.tree import load_settings

pytestmark = under_any_defaults

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
MARGIN = timedelta(seconds=5)
NOBODY = JobLimits()

CALLS = Allowance(Provider.JINA, "calls_1h", 10, 1, HOUR, MARGIN)
TOKENS = Allowance(Provider.JINA, "tokens_1m", 5000, 1, MINUTE, timedelta(seconds=35))
VERIFICATIONS = Allowance(Provider.ZEROBOUNCE, "verifications_1d", 10, 0.6, DAY, MARGIN, elsewhere=True)


@pytest.fixture
def ledger(database: Database) -> BudgetLedger:
    return BudgetLedger(database)


async def granted(ledger: BudgetLedger, *asks: Ask, job: JobLimits = NOBODY) -> Charge:
    answer = await ledger.charge(asks, job)
    assert isinstance(answer, Charge), answer
    return answer


async def refused(ledger: BudgetLedger, *asks: Ask, job: JobLimits = NOBODY) -> Refusal:
    answer = await ledger.charge(asks, job)
    assert isinstance(answer, Refusal), answer
    return answer


async def test_grants_the_allowance_and_says_when_more_fits(ledger: BudgetLedger, clock: Clock) -> None:
    for _ in range(10):
        charge = await granted(ledger, Ask(CALLS, 1))
        await clock.advance(timedelta(seconds=10))
        await ledger.settle(charge, {})
    answer = await refused(ledger, Ask(CALLS, 1))
    # The first call was charged at 0 s and held for 5 s, so it aged from 5 s and not from its answer at 10 s.
    assert answer.fits_in == CALLS.counted_window - timedelta(seconds=95)
    assert not answer.by_job
    await clock.advance(answer.fits_in - timedelta(microseconds=1))
    assert (await refused(ledger, Ask(CALLS, 1))).fits_in == timedelta(microseconds=1)
    await clock.advance(timedelta(microseconds=1))
    await granted(ledger, Ask(CALLS, 1))
    assert (await refused(ledger, Ask(CALLS, 2))).fits_in == timedelta(seconds=20)


async def test_a_charge_ages_from_its_answer(ledger: BudgetLedger, clock: Clock) -> None:
    charge = await granted(ledger, Ask(CALLS, 10))
    await clock.advance(timedelta(seconds=2))
    await ledger.settle(charge, {})
    assert (await refused(ledger, Ask(CALLS, 1))).fits_in == CALLS.counted_window


async def test_charge_without_an_answer_counts_for_hold_plus_window(ledger: BudgetLedger, clock: Clock) -> None:
    await granted(ledger, Ask(TOKENS, 5000))
    assert (await refused(ledger, Ask(TOKENS, 1))).in_flight == 5000
    await clock.advance(TOKENS.hold + TOKENS.counted_window - timedelta(microseconds=1))
    answer = await refused(ledger, Ask(TOKENS, 1))
    assert (answer.fits_in, answer.in_flight) == (timedelta(microseconds=1), 0)
    await clock.advance(timedelta(microseconds=1))
    await granted(ledger, Ask(TOKENS, 1))


async def test_a_bill_after_our_time_out_fits_its_minute(ledger: BudgetLedger, clock: Clock) -> None:
    """Reader may bill a read until 100 s after it was sent; our time-out of 30 s does not end it."""
    settings = load_settings({"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://x@localhost/x"})
    [tokens] = [each for each in allowances(settings)[Provider.JINA] if each.name == "tokens_1m"]
    await granted(ledger, Ask(tokens, tokens.own))
    billed_at = LATEST_BILL
    await clock.advance(billed_at + MINUTE - timedelta(seconds=1))
    assert isinstance(await ledger.charge([Ask(tokens, 1)], NOBODY), Refusal), "the late bill is in this minute"
    await clock.advance(MARGIN + timedelta(seconds=2))
    await granted(ledger, Ask(tokens, tokens.own))


async def test_an_answer_corrects_the_tokens_and_starts_their_ageing(ledger: BudgetLedger, clock: Clock) -> None:
    first = await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 4000))
    assert (await refused(ledger, Ask(CALLS, 1), Ask(TOKENS, 1001))).budget == "tokens_1m"
    await clock.advance(timedelta(seconds=8))
    await ledger.settle(first, {"tokens_1m": 700})
    await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 4300))
    await clock.advance(TOKENS.counted_window - timedelta(microseconds=1))
    assert (await refused(ledger, Ask(TOKENS, 700))).fits_in == timedelta(microseconds=1)


async def test_tokens_beyond_the_reservation_become_a_debt(ledger: BudgetLedger, clock: Clock) -> None:
    charge = await granted(ledger, Ask(TOKENS, 1502))
    await ledger.settle(charge, {"tokens_1m": 6000})
    assert (await refused(ledger, Ask(TOKENS, 1))).fits_in == TOKENS.counted_window


@pytest.mark.parametrize("billed", [2**31, 10**30], ids=["int8", "31 digits"])
async def test_a_bill_beyond_the_column_is_settled_as_the_largest(
    ledger: BudgetLedger, owner: Connection, billed: int
) -> None:
    charge = await granted(ledger, Ask(TOKENS, 1502))
    await ledger.settle(charge, {"tokens_1m": billed})
    row = await owner.fetchrow("SELECT amount, ages_from <= acra_express.clock() FROM acra_express.budget_charges")
    assert tuple(row or ()) == (2**31 - 1, True)


async def test_a_charge_of_several_budgets_is_all_or_nothing(
    ledger: BudgetLedger, owner: Connection, clock: Clock
) -> None:
    await granted(ledger, Ask(TOKENS, 4000))
    await refused(ledger, Ask(CALLS, 1), Ask(TOKENS, 1001))
    assert await owner.fetchval("SELECT count(*) FROM acra_express.budget_charges WHERE budget = 'calls_1h'") == 0


async def test_a_refund_removes_the_charge(ledger: BudgetLedger, clock: Clock) -> None:
    charge = await granted(ledger, Ask(CALLS, 10), Ask(TOKENS, 5000))
    await ledger.refund(charge)
    await granted(ledger, Ask(CALLS, 10), Ask(TOKENS, 5000))


async def test_the_share_is_the_limit_unless_a_raise_is_approved(ledger: BudgetLedger, clock: Clock) -> None:
    raised = JobLimits("campaign:7", {(Provider.ZEROBOUNCE, "verifications_1d"): 9})
    await granted(ledger, Ask(VERIFICATIONS, 6))
    assert not (await refused(ledger, Ask(VERIFICATIONS, 1))).by_job
    await granted(ledger, Ask(VERIFICATIONS, 3), job=raised)
    assert not (await refused(ledger, Ask(VERIFICATIONS, 1), job=raised)).by_job
    beyond = JobLimits("campaign:8", {(Provider.ZEROBOUNCE, "verifications_1d"): 5000})
    await granted(ledger, Ask(VERIFICATIONS, 1), job=beyond)
    await refused(ledger, Ask(VERIFICATIONS, 1), job=beyond)


async def test_a_throttle_of_a_job_counts_only_its_own_calls(ledger: BudgetLedger, clock: Clock) -> None:
    modest = JobLimits("campaign:1", {(Provider.JINA, "calls_1h"): 2})
    await granted(ledger, Ask(CALLS, 5))
    await granted(ledger, Ask(CALLS, 1), job=modest)
    await clock.advance(timedelta(minutes=1))
    await granted(ledger, Ask(CALLS, 1), job=modest)
    answer = await refused(ledger, Ask(CALLS, 1), job=modest)
    assert answer.by_job
    assert answer.fits_in == CALLS.counted_window + MARGIN - MINUTE
    await granted(ledger, Ask(CALLS, 1), job=JobLimits("campaign:2", {(Provider.JINA, "calls_1h"): 2}))
    await granted(ledger, Ask(CALLS, 2))
    assert not (await refused(ledger, Ask(CALLS, 1), job=modest)).by_job, (
        "both limits apply: it waits in the shared queue"
    )


async def spend_elsewhere(owner: Connection, when: datetime, calls: int) -> None:
    tenant = await owner.fetchval(
        "INSERT INTO tenants (name) VALUES ('customer ' || gen_random_uuid()) RETURNING tenant_id"
    )
    run = await owner.fetchval(
        "INSERT INTO enrichment_runs (started_at, tenant_id, status) VALUES ($1, $2, 'succeeded') RETURNING run_id",
        when,
        tenant,
    )
    await owner.execute(
        "INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls) VALUES ($1, $2, 'zerobounce', $3)",
        run,
        tenant,
        calls,
    )


async def test_other_tenants_verifications_count_against_the_allowance(
    ledger: BudgetLedger, owner: Connection, clock: Clock
) -> None:
    await spend_elsewhere(owner, START - timedelta(hours=20), 3)
    await spend_elsewhere(owner, START - timedelta(hours=2), 5)
    await granted(ledger, Ask(VERIFICATIONS, 2))
    answer = await refused(ledger, Ask(VERIFICATIONS, 1))
    exact = timedelta(hours=4) + (VERIFICATIONS.counted_window - DAY)
    assert exact <= answer.fits_in <= exact + VERIFICATIONS.counted_window / 4096
    await clock.advance(answer.fits_in)
    await granted(ledger, Ask(VERIFICATIONS, 1))
    assert [(use.used, use.elsewhere) for use in await ledger.usage([VERIFICATIONS])] == [(3, 5)]


async def test_a_clock_set_back_frees_no_budget(ledger: BudgetLedger, clock: Clock) -> None:
    charge = await granted(ledger, Ask(CALLS, 10))
    await clock.advance(-timedelta(minutes=30))
    await ledger.settle(charge, {})
    assert (await refused(ledger, Ask(CALLS, 1))).fits_in == CALLS.counted_window


async def test_usage_reports_the_content_of_each_window(ledger: BudgetLedger, clock: Clock) -> None:
    charge = await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 1502))
    await ledger.settle(charge, {"tokens_1m": 900})
    await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 600))
    uses = await ledger.usage([TOKENS, CALLS, VERIFICATIONS])
    assert [(use.allowance.name, use.used, use.in_flight) for use in uses] == [
        ("tokens_1m", 1500, 600),
        ("calls_1h", 2, 1),
        ("verifications_1d", 0, 0),
    ]


async def test_pruning_removes_only_charges_long_out_of_the_window(
    ledger: BudgetLedger, owner: Connection, clock: Clock
) -> None:
    await granted(ledger, Ask(CALLS, 3), Ask(TOKENS, 1000))
    await clock.advance(timedelta(minutes=3))
    assert await ledger.prune([CALLS, TOKENS]) == 1
    assert await owner.fetchval("SELECT array_agg(budget) FROM acra_express.budget_charges") == ["calls_1h"]
    await clock.advance(2 * CALLS.counted_window)
    assert await ledger.prune([CALLS, TOKENS]) == 1


async def test_pruning_deletes_a_bounded_number_of_rows(ledger: BudgetLedger, owner: Connection, clock: Clock) -> None:
    await fill(owner, PRUNE_ROWS + 10, START - timedelta(days=9))
    assert await ledger.prune([CALLS]) == PRUNE_ROWS
    assert await ledger.prune([CALLS]) == 10


async def fill(owner: Connection, rows: int, until: datetime) -> None:
    """Insert a history of one call per second before `until`."""
    await owner.execute(
        """
        INSERT INTO acra_express.budget_charges (charge_id, provider, budget, amount, charged_at, ages_from)
        SELECT nextval('acra_express.charge_ids'), 'jina', 'calls_1h', 1, t, t
        FROM generate_series(1, $1) AS n, LATERAL (SELECT $2::timestamptz - n * interval '1 second' AS t) AS moment
        """,
        rows,
        until,
    )


async def test_long_history_is_read_through_the_window_index(
    ledger: BudgetLedger, owner: Connection, clock: Clock
) -> None:
    await fill(owner, 100_000, START - timedelta(hours=2))
    await owner.execute("ANALYZE acra_express.budget_charges")
    plan = await owner.fetch(
        """
        EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
        SELECT sum(amount) FROM acra_express.budget_charges
        WHERE provider = 'jina' AND budget = 'calls_1h' AND ages_from > $1
        """,
        START - CALLS.counted_window,
    )
    text = "\n".join(row[0] for row in plan)
    assert "budget_charges_window" in text
    assert "Rows Removed" not in text
    took = []
    for _ in range(50):
        began = time.perf_counter()
        charge = await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 1502))
        took.append(time.perf_counter() - began)
        await ledger.refund(charge)
    print(f"a reservation with 10^5 rows of history: median {statistics.median(took) * 1000:.2f} ms")


async def test_a_reservation_takes_one_statement(fresh_dsn: str, database: Database) -> None:
    said: list[str] = []
    single = Database(fresh_dsn, role="acra_express", tenant_id=database.tenant_id, size=1)
    await single.open()
    try:
        async with single.session() as connection:
            connection.add_query_logger(lambda record: said.append(record.query))
        ledger = BudgetLedger(single)
        await granted(ledger, Ask(CALLS, 1), Ask(TOKENS, 1502))
        said.clear()  # a connection queries the types it needs when it first uses them
        await granted(ledger, Ask(CALLS, 9), Ask(TOKENS, 1502))
        await refused(ledger, Ask(CALLS, 1), Ask(TOKENS, 1502))
    finally:
        await single.close()
    assert len(said) == 2
    assert all("acra_express.reserve(" in statement for statement in said)


async def test_eight_clients_on_two_pools_never_exceed_the_allowance(
    ledger: BudgetLedger, database: Database, fresh_dsn: str, owner: Connection
) -> None:
    """Real clock, real contention: exactly the allowance is granted in total."""
    wide = Allowance(Provider.DUCKDUCKGO, "requests_1h", 200, 1, HOUR, MARGIN)
    other = Database(fresh_dsn, role="acra_express", tenant_id=database.tenant_id, size=4)
    await other.open()
    try:
        ledgers = [ledger, BudgetLedger(other)]

        async def hammer(which: int) -> int:
            won = 0
            for _ in range(60):
                answer = await ledgers[which % 2].charge([Ask(wide, 1)], NOBODY)
                won += isinstance(answer, Charge)
            return won

        async with asyncio.TaskGroup() as group:
            clients = [group.create_task(hammer(which)) for which in range(8)]
        assert sum(client.result() for client in clients) == 200
    finally:
        await other.close()
    assert await owner.fetchval("SELECT sum(amount) FROM acra_express.budget_charges") == 200


async def test_the_tenant_role_cannot_change_charges_directly(database: Database) -> None:
    from asyncpg import InsufficientPrivilegeError

    async with database.session() as connection:
        for statement in (
            "DELETE FROM acra_express.budget_charges",
            "UPDATE acra_express.budget_charges SET amount = 0",
            "INSERT INTO acra_express.budget_locks VALUES ('x')",
        ):
            with pytest.raises(InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_a_charge_reads_no_old_runs_of_the_platform(database: Database, owner: Connection) -> None:
    """reserve() asks for generic plans; one for the platform's runs would read all there ever were."""
    tenant = await owner.fetchval("INSERT INTO tenants (name) VALUES ('a customer of old') RETURNING tenant_id")
    await owner.execute(
        """
        INSERT INTO enrichment_runs (tenant_id, started_at, status)
        SELECT $1, acra_express.clock() - g * INTERVAL '1 hour', 'done' FROM generate_series(1, 20000) AS g
        """,
        tenant,
    )
    await owner.execute(
        "INSERT INTO run_vendor_usage (run_id, tenant_id, vendor, calls)"
        " SELECT run_id, tenant_id, 'zerobounce', 1 FROM enrichment_runs"
    )
    await owner.execute("ANALYZE enrichment_runs")
    await owner.execute("ANALYZE run_vendor_usage")
    async with owner.transaction():
        await owner.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        assert await owner.fetchval(
            "SELECT acra_express.verifications_elsewhere_since(acra_express.clock() - INTERVAL '10 hours')"
        )
        read = await owner.fetchval(
            """
            SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
            WHERE relname = 'run_vendor_usage'
            """
        )
    assert read < 1000
