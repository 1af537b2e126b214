"""Random sequences of claim, renew, expire, finish, fail, snooze, release, crash, cancel, retry, hand-back and reused
job IDs, against a model.

Invariants: at most one live token per job, no token twice, a crash only after a confirmed claim or the second one in a
row that nobody confirmed, at most once per claim, foreign rows unchanged, no more attempts than claims, no row stuck.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from conftest import ROLE
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.jobs.leases import Jobs
from acra_express_async.db.ops.control import Control
from acra_express_async.db.session.pool import Database, connect
from acra_express_async.errors import JobError, LeaseLost
from acra_express_async.models import Job, JobType
from acra_express_async.sandbox.postgres import EmbeddedPostgres

HOUR = timedelta(hours=1)


@dataclass
class Model:
    """The expected state of each job: its status, the token that may write, and whether it is due."""

    status: dict[int, str] = field(default_factory=dict)
    token: dict[int, int | None] = field(default_factory=dict)
    snoozed: set[int] = field(default_factory=set)
    expired: set[int] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)
    crashes: dict[int, int] = field(default_factory=dict)
    unanswered: dict[int, int] = field(default_factory=dict)
    claims: dict[int, int] = field(default_factory=dict)
    tokens: set[int] = field(default_factory=set)

    @property
    def claimable(self) -> set[int]:
        return {
            job_id
            for job_id, status in self.status.items()
            if (status == "queued" and job_id not in self.snoozed) or (status == "running" and job_id in self.expired)
        }


class Leases(RuleBasedStateMachine):
    """One loop and one database for all examples; each example starts with empty tables."""

    runner: asyncio.Runner
    database: Database
    owner: Any
    claims: Bundle[Job] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(self.database, self.database)
        self.operator = Operator(self.database)
        self.model = Model()
        self.foreign = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def clear(self) -> None:
        self.do(self.owner.execute("TRUNCATE background_jobs, acra_express.leases, acra_express.outcomes"))
        self.do(
            self.owner.execute(
                "INSERT INTO background_jobs (job_type, status, params) VALUES ('staging_upsert', 'queued', '{}')"
            )
        )

    @rule()
    def enqueue(self) -> None:
        job_id = self.do(
            self.owner.fetchval(
                "INSERT INTO background_jobs (job_type, status, params) VALUES ($1, 'queued', '{}') RETURNING job_id",
                JobType.STAGING.value,
            )
        )
        self.fresh(job_id)

    def fresh(self, job_id: int) -> None:
        self.model.status[job_id] = "queued"
        self.model.token[job_id] = None
        self.model.crashes[job_id] = self.model.claims[job_id] = self.model.unanswered[job_id] = 0
        for marks in (self.model.snoozed, self.model.expired, self.model.confirmed):
            marks.discard(job_id)

    @rule(target=claims, limit=st.integers(1, 3), owner=st.sampled_from(["walker", "other"]))
    def claim(self, limit: int, owner: str) -> Any:
        claimed = self.do(self.jobs.claim(owner, HOUR, limit))
        ids = {job.job_id for job in claimed}
        assert ids <= self.model.claimable
        assert len(ids) == len(claimed) == min(limit, len(self.model.claimable))
        for job in claimed:
            expired, confirmed = job.job_id in self.model.expired, job.job_id in self.model.confirmed
            died = expired and (confirmed or self.model.unanswered[job.job_id] > 0)
            self.model.crashes[job.job_id] += died
            again = expired and not confirmed
            self.model.unanswered[job.job_id] = self.model.unanswered[job.job_id] + 1 if again else 0
            assert (job.crashes, job.crashed) == (self.model.crashes[job.job_id], died)
            assert job.token not in self.model.tokens
            self.model.tokens.add(job.token)
            self.model.claims[job.job_id] += 1
            self.model.status[job.job_id] = "running"
            self.model.token[job.job_id] = job.token
            for marks in (self.model.expired, self.model.snoozed, self.model.confirmed):
                marks.discard(job.job_id)
        return multiple(*claimed)

    @rule()
    def give_back(self) -> None:
        """A poller that knows of none of its claims."""
        mine = self.do(self.owner.fetch("SELECT job_id FROM acra_express.leases WHERE held AND owner = 'walker'"))
        alive = {row["job_id"] for row in mine if self.model.status[row["job_id"]] == "running"}
        self.do(self.jobs.give_back("walker", [], []))
        for row in mine:
            confirmed = row["job_id"] in self.model.confirmed
            taken_back = 0 if confirmed else max(self.model.unanswered[row["job_id"]] - 1, 0)
            self.model.crashes[row["job_id"]] = max(self.model.crashes[row["job_id"]] - taken_back, 0)
            self.model.unanswered[row["job_id"]] = 0
        for job_id in alive:
            self.model.status[job_id] = "queued"
            self.model.token[job_id] = None
            self.model.expired.discard(job_id)

    @rule(job=claims)
    def the_id_comes_again(self, job: Job) -> None:
        """background_jobs is restored, and another job has this ID now."""
        self.do(
            self.owner.execute(
                "UPDATE background_jobs SET status = 'queued', started_at = NULL, ended_at = NULL,"
                " created_at = clock_timestamp() WHERE job_id = $1",
                job.job_id,
            )
        )
        self.fresh(job.job_id)

    def owns(self, job: Job) -> bool:
        return self.model.status[job.job_id] == "running" and self.model.token[job.job_id] == job.token

    def write(self, job: Job, act: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
        """Try a write: it must succeed exactly when the model says that we hold the job."""
        try:
            self.do(act())
        except LeaseLost:
            assert not self.owns(job)
            return False
        assert self.owns(job)
        return True

    @rule(job=claims)
    def heartbeat(self, job: Job) -> None:
        try:
            extended = self.do(self.jobs.heartbeat(job))
        except LeaseLost:
            extended = False
        assert extended == self.owns(job)
        if extended:
            self.model.expired.discard(job.job_id)
            self.model.confirmed.add(job.job_id)

    @rule(job=consumes(claims))
    def finish(self, job: Job) -> None:
        async def finish() -> None:
            async with self.jobs.owned(job) as connection:
                await self.jobs.finish(connection, job, total=0)

        self.ended(job, "done", finish)

    @rule(job=claims)
    def fail(self, job: Job) -> None:
        self.ended(job, "error", lambda: self.jobs.fail(job, "no", reason="job_error"))

    def ended(self, job: Job, status: str, act: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if self.write(job, act):
            self.model.status[job.job_id] = status
            self.model.expired.discard(job.job_id)

    @rule(job=claims)
    def release(self, job: Job) -> None:
        if self.write(job, lambda: self.jobs.release(job)):
            self.model.status[job.job_id] = "queued"
            self.model.expired.discard(job.job_id)

    @rule(job=claims)
    def snooze(self, job: Job) -> None:
        if self.write(job, lambda: self.jobs.snooze(job, HOUR, "later")):
            self.model.status[job.job_id] = "queued"
            self.model.snoozed.add(job.job_id)
            self.model.expired.discard(job.job_id)

    @rule(job=claims)
    def crash(self, job: Job) -> None:
        """The holder disappears and its lease expires."""
        self.do(
            self.owner.execute(
                "UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 s' WHERE job_id = $1 AND held",
                job.job_id,
            )
        )
        if self.model.status[job.job_id] == "running":
            self.model.expired.add(job.job_id)

    @rule(target=claims, job=claims)
    def crash_and_claim_again(self, job: Job) -> Any:
        """Create a zombie: the old holder still has its Job and will try to write."""
        self.crash(job)
        return self.claim(3, "other")

    @rule(job=claims)
    def a_holder_lives_after_all(self, job: Job) -> None:
        """Cut off for longer than its lease, it says so when it is back; never more than once for one claim."""
        before = self.do(
            self.owner.fetchval("SELECT crashed_token FROM acra_express.leases WHERE job_id = $1", job.job_id)
        )
        self.do(self.jobs.give_back("nobody", [], [job]))
        if before == job.token:
            self.model.crashes[job.job_id] = max(self.model.crashes[job.job_id] - 1, 0)

    @rule()
    def time_passes(self) -> None:
        """Every snooze ends."""
        self.do(
            self.owner.execute(
                "UPDATE acra_express.leases SET due_at = clock_timestamp() - interval '1 s'"
                " WHERE NOT held AND due_at < 'infinity'"
            )
        )
        self.model.snoozed.clear()

    @rule(job=claims)
    def cancel(self, job: Job) -> None:
        try:
            self.do(self.operator.cancel(job.job_id, "walker"))
        except JobError:
            assert self.model.status[job.job_id] in ("done", "error")
        else:
            self.model.status[job.job_id] = "error"
            self.model.snoozed.discard(job.job_id)
            self.model.expired.discard(job.job_id)

    @rule(job=claims)
    def retry(self, job: Job) -> None:
        try:
            self.do(self.operator.retry(job.job_id))
        except JobError:
            assert self.model.status[job.job_id] == "running"
        else:
            self.model.status[job.job_id] = "queued"
            self.model.snoozed.discard(job.job_id)
            self.model.crashes[job.job_id] = 0

    @rule(job=claims)
    def status_by_hand(self, job: Job) -> None:
        """An operator requeues an ended job with an UPDATE; it continues at the next tick."""
        if self.model.status[job.job_id] not in ("done", "error"):
            return
        self.do(self.owner.execute("UPDATE background_jobs SET status = 'queued' WHERE job_id = $1", job.job_id))
        self.do(Control(self.database).reconcile())
        self.model.status[job.job_id] = "queued"
        self.model.crashes[job.job_id] = 0

    @invariant()
    def rows_agree(self) -> None:
        rows = self.do(
            self.owner.fetch("SELECT job_id, status FROM background_jobs WHERE job_type LIKE 'acra_express_%'")
        )
        assert {row["job_id"]: row["status"] for row in rows} == self.model.status
        held = self.do(
            self.owner.fetch(
                "SELECT l.job_id, l.token, l.attempts, l.crashes FROM acra_express.leases l"
                " JOIN background_jobs b ON b.job_id = l.job_id AND b.created_at = l.job_created_at WHERE l.held"
            )
        )
        for row in held:
            assert self.model.token[row["job_id"]] == row["token"]
            assert 1 <= row["attempts"] <= self.model.claims[row["job_id"]]
            assert row["crashes"] == self.model.crashes[row["job_id"]]
        running = {job_id for job_id, status in self.model.status.items() if status == "running"}
        assert {row["job_id"] for row in held} == running

    def teardown(self) -> None:
        """No row is stuck: after any sequence, time and claims finish every live job."""
        self.do(
            self.owner.execute("UPDATE acra_express.leases SET due_at = clock_timestamp() WHERE due_at < 'infinity'")
        )
        alive = {job_id for job_id, status in self.model.status.items() if status in ("queued", "running")}
        claimed = self.do(self.jobs.claim("last", HOUR, 1000))
        assert {job.job_id for job in claimed} == alive
        foreign = self.do(
            self.owner.fetchval(
                "SELECT count(*) FROM background_jobs WHERE job_type = 'staging_upsert' AND status = 'queued'"
                " AND started_at IS NULL"
            )
        )
        assert foreign == 1


def test_leases_behave_like_the_model(postgres: EmbeddedPostgres, template_database: str) -> None:
    name = f"m_{secrets.token_hex(6)}"
    with asyncio.Runner() as runner:
        admin = runner.run(asyncpg.connect(postgres.dsn()))
        runner.run(admin.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}"))
        owner = runner.run(connect(postgres.dsn(name), {"search_path": "public"}))
        tenant = runner.run(owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'"))
        database = Database(postgres.dsn(name), role=ROLE, tenant_id=tenant, size=2)
        runner.run(database.open())
        Leases.runner, Leases.database, Leases.owner = runner, database, owner
        try:
            state_machine = Leases.TestCase
            state_machine.settings = settings(
                max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck)
            )
            state_machine("runTest").runTest()
        finally:
            runner.run(database.close())
            runner.run(owner.close())
            runner.run(admin.execute(f"DROP DATABASE {name} WITH (FORCE)"))
            runner.run(admin.close())
    asyncio.set_event_loop(None)
