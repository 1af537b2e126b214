"""The ledger compared with a brute-force model and with the provider's view of the arrivals.

Random sequences of charges, answers, abandoned calls, refunds and waits. Two checks: a model in plain Python must agree
with every grant, every refusal and every time named; and no rolling window of what a provider could have booked, at the
times that are worst for us, may exceed the allowance.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import pytest
from database_clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_defaults import HOSTILE, set_defaults

from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.limits import Allowance, Ask, Charge, Refusal
from acra_express_async.models import JobLimits, Provider
from acra_express_async.sandbox.postgres import EmbeddedPostgres

CALLS = Allowance(Provider.JINA, "calls_1h", 6, 1, timedelta(seconds=100), timedelta(seconds=5))
TOKENS = Allowance(Provider.JINA, "tokens_1m", 50, 1, timedelta(seconds=30), timedelta(seconds=15))
ALLOWANCES = (CALLS, TOKENS)
JOBS = (JobLimits(), JobLimits("modest", {(Provider.JINA, "calls_1h"): 2, (Provider.JINA, "tokens_1m"): 25}))

seconds = st.integers(0, 60_000).map(lambda n: timedelta(milliseconds=n))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 1), st.integers(1, 25)),
        st.tuples(st.just("answer"), st.integers(0, 9), st.integers(0, 30)),
        st.tuples(st.just("refund"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("wait"), seconds, st.just(0)),
        st.tuples(st.just("wait_exactly"), st.integers(0, 1), st.integers(1, 25)),
    ),
    min_size=10,
    max_size=60,
)


@dataclass
class Row:
    budget: Allowance
    amount: int
    job: str | None
    charged_at: datetime
    ages_from: datetime


@dataclass
class Model:
    """Keeps all rows for ever and answers every question by a scan over them."""

    now: datetime
    rows: dict[int, list[Row]] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)

    def used(self, budget: Allowance, at: datetime, job: str | None = None) -> int:
        return sum(
            row.amount
            for rows in self.rows.values()
            for row in rows
            if row.budget is budget
            and min(row.ages_from, self.now) + budget.counted_window > at
            and (job is None or row.job == job)
        )

    def fits(self, job: JobLimits, amounts: dict[Allowance, int], at: datetime) -> bool:
        for budget, amount in amounts.items():
            own = job.providers.get((budget.provider, budget.name))
            if self.used(budget, at) + amount > budget.ceiling(job):
                return False
            if own is not None and self.used(budget, at, job.key) + amount > own:
                return False
        return True

    def moment(self, job: JobLimits, amounts: dict[Allowance, int]) -> datetime:
        """The first moment at which a request fits; only the end of a row can be that moment."""
        ends = {min(row.ages_from, self.now) + row.budget.counted_window for rows in self.rows.values() for row in rows}
        return min(end for end in ends if end > self.now and self.fits(job, amounts, end))


@dataclass
class Arena:
    runner: asyncio.Runner
    database: Database
    owner: Connection
    clock: Clock


@pytest.fixture(scope="module", params=[{}, HOSTILE], ids=["plain defaults", "hostile defaults"])
def arena(postgres: EmbeddedPostgres, template_database: str, request: pytest.FixtureRequest) -> Iterator[Arena]:
    name = f"t_{secrets.token_hex(6)}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres.dsn())
        await connection.execute(statement)
        await connection.close()

    async def build() -> tuple[Database, Connection, Clock]:
        await execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
        owner = await connect(postgres.dsn(name), OWNER_SETTINGS)
        await set_defaults(owner, name, request.param)
        clock = Clock(owner)
        await clock.install()
        database = Database(postgres.dsn(name), role="acra_express", tenant_id=1, size=1)
        await database.open()
        return database, owner, clock

    async def tear_down(database: Database, owner: Connection) -> None:
        await database.close()
        await owner.close()
        await execute(f"DROP DATABASE {name} WITH (FORCE)")

    with asyncio.Runner() as runner:
        database, owner, clock = runner.run(build())
        yield Arena(runner, database, owner, clock)
        runner.run(tear_down(database, owner))


@given(steps)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_ledger_agrees_with_the_model_and_exceeds_no_window(arena: Arena, run: list[tuple[str, object, int]]) -> None:
    arena.runner.run(play(arena, run))


async def play(arena: Arena, run: list[tuple[str, object, int]]) -> None:
    await arena.owner.execute("TRUNCATE acra_express.budget_charges")
    ledger, clock = BudgetLedger(arena.database), arena.clock
    model = Model(clock.now)
    for kind, which, amount in run:
        if kind == "charge":
            assert isinstance(which, int)
            await charge(ledger, model, JOBS[which], amount)
        elif kind == "answer" and model.open:
            assert isinstance(which, int)
            await answer(ledger, model, model.open.pop(which % len(model.open)), amount)
        elif kind == "refund" and model.open:
            assert isinstance(which, int)
            charge_id = model.open.pop(which % len(model.open))
            await ledger.refund(Charge(charge_id))
            del model.rows[charge_id]
        elif kind == "wait":
            assert isinstance(which, timedelta)
            await clock.advance(which)
            model.now = clock.now
        elif kind == "wait_exactly":
            assert isinstance(which, int)
            refusal = await charge(ledger, model, JOBS[which], amount)
            if refusal is not None:
                await clock.advance(refusal.fits_in - timedelta(microseconds=1))
                model.now = clock.now
                await charge(ledger, model, JOBS[which], amount)
                await clock.advance(timedelta(microseconds=1))
                model.now = clock.now
                await charge(ledger, model, JOBS[which], amount)
        no_window_exceeds(model)


async def charge(ledger: BudgetLedger, model: Model, job: JobLimits, amount: int) -> Refusal | None:
    amounts = {CALLS: 1, TOKENS: amount}
    said = await ledger.charge([Ask(budget, much) for budget, much in amounts.items()], job)
    if isinstance(said, Refusal):
        assert not model.fits(job, amounts, model.now)
        assert model.now + said.fits_in == model.moment(job, amounts)
        return said
    assert model.fits(job, amounts, model.now)
    model.rows[said.charge_id] = [
        Row(budget, much, job.key or None, model.now, model.now + budget.hold) for budget, much in amounts.items()
    ]
    model.open.append(said.charge_id)
    return None


async def answer(ledger: BudgetLedger, model: Model, charge_id: int, tokens: int) -> None:
    """The provider bills at most the reservation and has booked it by now, or by the end of the hold."""
    calls, reserved = model.rows[charge_id]
    tokens = min(tokens, reserved.amount)
    await ledger.settle(Charge(charge_id), {"tokens_1m": tokens})
    reserved.amount = tokens
    for row in (calls, reserved):
        row.ages_from = min(row.ages_from, model.now)


def no_window_exceeds(model: Model) -> None:
    """Check the provider's view, in its own window, which is shorter than ours.

    It may book a charge at any time between `charged_at` and `ages_from`; assume the worst time. The fullest window
    ends at a charge, because a later window holds the same charges or fewer.
    """
    for budget in ALLOWANCES:
        rows = [row for rows in model.rows.values() for row in rows if row.budget is budget]
        for last in rows:
            end = last.charged_at
            inside = sum(r.amount for r in rows if r.charged_at <= end and r.ages_from > end - budget.window)
            assert inside <= budget.limit
