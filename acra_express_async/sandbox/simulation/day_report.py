"""The figures of a simulated day, from the database's outcomes and the simulator's own ledger."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import Histogram

from acra_express_async.db.limits.measured_costs import measured_costs
from acra_express_async.limits.capacity import DOCUMENTED, Costs, plan
from acra_express_async.metrics import Metrics
from acra_express_async.sandbox.nightly import Figures
from acra_express_async.sandbox.simulation.day_record import DayRecord, Sample

NIGHTLY_FLOOR = 100
"""Companies a day assumed for the nightly at least; the simulated nightly is smaller than a real one."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles in seconds, by nearest rank."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """All zero when there are no values."""
        ranked = sorted(values) or [0.0]

        def at(share: float) -> float:
            return round(ranked[max(0, math.ceil(share * len(ranked)) - 1)], 1)

        return cls(at(0.50), at(0.95), at(0.99), at(1.0))


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Where the time of the average company went, in seconds: waiting for a worker, for throttles and budgets, for
    providers, and the rest (database and our own work, which the fast clock multiplies by `rate`)."""

    queue: float
    throttles_and_budgets: float
    providers: float
    own: float


@dataclass(frozen=True, slots=True)
class WorkPace:
    """Companies an hour: what `plan` predicts while work waits, with the documented costs and with the measured ones of
    this day (`costs`), and what was done after the first hour (in which unused budgets allow a burst)."""

    documented: float
    planned: float
    done: float
    costs: Costs


@dataclass(frozen=True, slots=True)
class Use:
    """The worst rolling window of one budget, by the arrivals that the simulator counted."""

    budget: str
    allowance: float
    worst: float
    window_seconds: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A promise of `enqueue` and what became of it: seconds from the enqueue to the predicted and to the real end.

    `real_seconds` is None when the campaign had not ended at the end of the day.
    """

    campaign_id: int
    companies: int
    promised_seconds: float
    real_seconds: float | None

    @property
    def off(self) -> float | None:
        """How far the prediction was from the real time, as a part of it."""
        if not self.real_seconds:
            return None
        return self.promised_seconds / self.real_seconds - 1


@dataclass(frozen=True, slots=True)
class DayReport:
    """The results of `acra-express simulate`. `digest` is equal for equal companies and outcomes, `by_day` counts the
    companies served per calendar day in Singapore, `repeated` counts outcomes beyond one per company and day."""

    options: dict[str, Any]
    companies: int
    repeated: int
    outcomes: dict[str, int]
    digest: str
    latency: Spread
    campaign_age: Spread
    spent: TimeSpent
    pace: WorkPace
    by_day: dict[str, int]
    budgets: list[Use]
    violations: int
    verified_twice: int
    nightly: dict[str, Any] | None
    times_nightly: float
    memory_growth_mb: float
    real_seconds: float
    cpu_seconds: float
    stalled_share: float
    worst_stall_seconds: float
    exit_codes: list[int]
    samples: list[Sample]
    promises: list[Kept]

    @property
    def good(self) -> bool:
        """True when no budget was exceeded, nothing was paid twice, no component failed and the nightly is unharmed."""
        unharmed = self.nightly is None or bool(self.nightly["unharmed"])
        return not (self.violations or self.verified_twice or any(self.exit_codes)) and unharmed

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def report(record: DayRecord) -> DayReport:
    """Evaluate a finished day."""
    rows = await record.owner.fetch(
        """
        SELECT uen, kind, reason, detail->'site'->>'domain' AS domain,
               (ended_at AT TIME ZONE 'Asia/Singapore')::date AS day,
               extract(epoch FROM ended_at - staged_at)::float8 AS latency,
               extract(epoch FROM ended_at - campaign_at)::float8 AS age
        FROM acra_express.outcomes ORDER BY uen, ended_at
        """
    )
    served = [row for row in rows if row["kind"] in ("enriched", "no_website")]
    distinct = {(row["uen"], row["day"]) for row in served}
    state = record.simulator.state()
    nightly = _beside(record.nightly, record.undisturbed)
    theirs = max(NIGHTLY_FLOOR, record.nightly.stored if record.nightly is not None else 0)
    return DayReport(
        options=asdict(record.options),
        companies=len(distinct),
        repeated=len(served) - len(distinct),
        outcomes=dict(Counter(row["kind"] for row in rows)),
        digest=_digest((row["uen"], row["kind"], row["reason"], row["domain"]) for row in rows),
        latency=Spread.of(row["latency"] for row in served),
        campaign_age=Spread.of(row["age"] for row in served),
        spent=_spent(record.metrics, [row["latency"] for row in served]),
        pace=await _pace(record),
        by_day=dict(sorted(Counter(str(day) for _, day in distinct).items())),
        budgets=[
            Use(name, window["allowance"], window["worst"], window["window_seconds"])
            for name, window in state["budgets"].items()
        ],
        violations=state["violations"],
        verified_twice=state["verifications"]["sent_more_than_once"],
        nightly=nightly,
        times_nightly=round(len(distinct) / theirs, 2),
        memory_growth_mb=_growth(record.samples),
        real_seconds=round(record.real_seconds, 1),
        cpu_seconds=round(record.cpu_seconds, 1),
        stalled_share=round(record.stalled / max(record.real_seconds, 0.001), 3),
        worst_stall_seconds=round(record.worst_stall, 3),
        exit_codes=record.exit_codes,
        samples=record.samples,
        promises=await _promises(record),
    )


async def _promises(record: DayRecord) -> list[Kept]:
    rows = await record.owner.fetch(
        """
        SELECT o.campaign_id, max(o.ended_at) AS ended_at FROM acra_express.outcomes o
        WHERE o.campaign_id = ANY ($1::bigint[])
          AND NOT EXISTS (SELECT FROM acra_express.leases l
                          WHERE l.campaign_id = o.campaign_id AND l.due_at < 'infinity')
        GROUP BY o.campaign_id
        """,
        [promise.campaign_id for promise in record.promises],
    )
    ended = {row["campaign_id"]: row["ended_at"].timestamp() for row in rows}
    kept = []
    for promise in record.promises:
        asked = promise.asked_at.timestamp()
        real = ended[promise.campaign_id] - asked if promise.campaign_id in ended else None
        kept.append(Kept(promise.campaign_id, promise.companies, promise.ends_at.timestamp() - asked, real))
    return kept


def _digest(rows: Iterable[Sequence[str | None]]) -> str:
    return hashlib.sha256("\n".join("\t".join(part or "" for part in row) for row in rows).encode()).hexdigest()[:16]


def _spent(metrics: Sequence[Metrics], latencies: Sequence[float]) -> TimeSpent:
    count = max(1, len(latencies))
    working = sum(_sum(each.stage_duration) for each in metrics) / count
    waiting = sum(_sum(each.throttle_wait) for each in metrics) / count
    calling = sum(_sum(each.provider_call_duration) for each in metrics) / count
    return TimeSpent(
        queue=round(max(0.0, sum(latencies) / count - working), 1),
        throttles_and_budgets=round(waiting, 1),
        providers=round(calling, 1),
        own=round(max(0.0, working - waiting - calling), 1),
    )


async def _pace(record: DayRecord) -> WorkPace:
    costs = await measured_costs(record.owner) or DOCUMENTED
    steady = [sample for sample in record.samples if sample.hour >= 1.0]
    hours = steady[-1].hour - steady[0].hour if steady else 0.0
    done = (steady[-1].done - steady[0].done) / hours if hours > 0 else 0.0
    return WorkPace(
        documented=round(plan(record.settings).per_hour, 1),
        planned=round(plan(record.settings, costs).per_hour, 1),
        done=round(done, 1),
        costs=costs,
    )


def _sum(histogram: Histogram) -> float:
    return sum(
        sample.value for metric in histogram.collect() for sample in metric.samples if sample.name.endswith("_sum")
    )


def _beside(nightly: Figures | None, undisturbed: Figures | None) -> dict[str, Any] | None:
    """The nightly's figures with and without us. It skips a company that we enriched before it could store it (B6)."""
    if nightly is None or undisturbed is None:
        return None
    with_us, without = _told(nightly), _told(undisturbed)
    return {"with_us": with_us, "without_us": without, "unharmed": with_us == without}


def _told(figures: Figures) -> dict[str, Any]:
    return {
        "jobs": dict(sorted(figures.jobs.items())),
        "companies": figures.stored + figures.skipped,
        "staged": figures.staged,
        "deferred": figures.deferred,
        "failed": dict(figures.failed),
        "lost_staging_jobs": figures.lost_staging_jobs,
    }


def _growth(samples: Sequence[Sample]) -> float:
    """Growth of resident memory from hour 1 to the end, in MB, of service, simulator and monitoring together."""
    steady = [sample for sample in samples if sample.hour >= 1.0]
    if len(steady) < 2:
        return 0.0
    return round((steady[-1].resident - steady[0].resident) / 1e6, 1)
