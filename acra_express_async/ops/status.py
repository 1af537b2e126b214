"""What /status.json says, put together from what the loops keep up to date: no query, no personal data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from acra_express_async import __version__
from acra_express_async.alerts import Alerts, StallWatch
from acra_express_async.companies.outlook import expected_ends
from acra_express_async.companies.outlook_reading import lower_cap
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.display import CompanyLine
from acra_express_async.db.ops.progress_rows import LiveWork
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.jobs.holds import PAUSED
from acra_express_async.jobs.worker import Worker
from acra_express_async.limits.budget_table import NEEDED
from acra_express_async.ops.snapshot import Snapshot, SnapshotLoop
from acra_express_async.runtime.database_health import DatabaseHealth
from acra_express_async.runtime.health import Health
from acra_express_async.settings.tree import Settings

OLDEST_DUE_SECONDS = 45 * 60.0
"""The limit of the Prometheus alert on the oldest due job: the promise is one hour, and a person needs time to act."""


def status(
    *,
    settings: Settings,
    health: Health,
    snapshot_loop: SnapshotLoop,
    courtesy: Courtesy,
    alerts: Alerts,
    workers: Sequence[Worker],
    started_at: datetime,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """The state of this replica, and the shared state as last read."""
    snapshot, age = snapshot_loop.snapshot, snapshot_loop.figures_age()
    answer = {
        "service": "acra-express",
        "version": __version__,
        "verdict": _verdict(health, snapshot_loop, courtesy, alerts, now()),
        "started_at": started_at,
        "now": now(),
        "taken_at": snapshot.taken_at,
        "figures_age_seconds": None if age is None else round(max(0.0, age.total_seconds()), 1),
        "draining": health.draining,
        "paused": snapshot.paused,
        "nightly_running": snapshot.nightly_running,
        "nightly": _nightly(snapshot),
        "stands_back": courtesy.nightly_has_the_way,
        "quiet_hours": courtesy.quiet,
        "connections_taken": round(courtesy.connections, 3),
        "room_for_workers": courtesy.room,
        "listener_proven": health.listener_proven,
        "database": _database(health.database),
        "stuck": health.stuck,
        "alerts": [
            {
                "alert": state.key,
                "since": state.since,
                "headline": state.detail.get("headline", state.key),
            }
            for state in alerts.firing
        ],
        "stalls": _stalls(alerts, settings),
        "breakers": [
            {
                "provider": line.provider,
                "kind": line.kind,
                "reason": line.reason,
                "open_until": line.open_until,
            }
            for line in alerts.open_breakers
        ],
        "workers": [_worker(worker) for worker in workers],
        "queue": [
            {"job_type": job_type, "state": state, "depth": depth, "oldest_age_seconds": round(age, 1)}
            for (job_type, state), (depth, age) in sorted(snapshot.queue.items())
        ],
        "daily_cap": {"used": snapshot.cap_used, "limit": settings.daily_cap},
        "registry": _registry(snapshot),
        "companies_today": snapshot.companies_today,
        "budgets": [_budget(snapshot, key) for key in sorted(snapshot.budgets)],
        "campaigns": _campaigns(snapshot, settings, alerts, now()),
        "companies": [_company(line) for line in snapshot.companies],
        "failures_24h": snapshot.failures,
    }
    told: dict[str, Any] = _on_one_clock(answer, settings.zone)
    return told


def _on_one_clock(value: Any, zone: tzinfo) -> Any:
    """The same with every moment in RFC 3339, with the offset of `zone`."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        return {key: _on_one_clock(each, zone) for key, each in value.items()}
    return [_on_one_clock(each, zone) for each in value] if isinstance(value, list | tuple) else value


def _verdict(
    health: Health, snapshot_loop: SnapshotLoop, courtesy: Courtesy, alerts: Alerts, now: datetime
) -> dict[str, Any]:
    """`fail`: a person must act; `warn`: something is unusual; `pass` otherwise. `why` holds the reasons, and `waits`
    what waits by rule, which is no reason for a look."""
    trouble, passed = health.database.trouble, health.database.recent_refusal
    snapshot, watch = snapshot_loop.snapshot, alerts.stall_watch
    oldest = _oldest_due(snapshot_loop, watch.progress)
    fails = [f"loop {name} makes no progress" for name in health.stuck]
    fails += [trouble] if trouble is not None else []
    if snapshot.lost_grants:
        fails.append(f"the tenant role has lost {', '.join(snapshot.lost_grants)}; run `acra-express migrate`")
    fails += [
        str(state.detail.get("headline", state.key)) for state in alerts.firing if not state.key.startswith("stalled:")
    ]
    fails += ["a due job has waited for more than 45 minutes"] if oldest > OLDEST_DUE_SECONDS else []
    warns = [stall.text(watch.zone) for stall in watch.stalls]
    warns += snapshot.registry.warnings
    hold = snapshot_loop.hold()
    paused = hold.text if hold is not None and hold.reason == PAUSED else None
    warns += [] if paused is None else [paused]
    warns += [_stale(job, now) for job in snapshot.nightly_jobs if job.is_stale(now)]
    if courtesy.scarce:
        does = "only one worker takes jobs" if courtesy.room else "nothing is claimed"
        warns.append(f"{courtesy.connections:.0%} of the server's connections are taken: {does}")
    cut_off = courtesy.cut_off()
    warns += [] if cut_off is None else [cut_off]
    if passed is not None and trouble is None:
        warns.append(f"{health.clock() - passed.at:.0f} s ago: {passed.why}")
    warns += health.remarks.values()
    warns += ["the process is stopping"] if health.draining else []
    warns += [] if health.listener_proven else ["notifications do not arrive; work is found by polling"]
    warns += ["the queue has not been read yet"] if snapshot.taken_at is None else []
    word = "fail" if fails else "warn" if warns else "pass"
    waits = [sentence for sentence in _waits(snapshot_loop, watch) if sentence != paused]
    return {"word": word, "why": fails + warns, "waits": waits}


def _waits(snapshot_loop: SnapshotLoop, watch: StallWatch) -> list[str]:
    """What waits by rule; a rule that began since the last look is told too."""
    hold = snapshot_loop.hold()
    said = [] if hold is None or hold.text in watch.waits else [hold.text]
    return said + watch.waits


def _oldest_due(snapshot_loop: SnapshotLoop, progress: LiveWork | None) -> float:
    """Seconds for which the oldest due job has waited and could have moved."""
    if snapshot_loop.hold() is not None:
        return 0.0
    queue = snapshot_loop.snapshot.queue
    oldest = max((age for (_, state), (_, age) in queue.items() if state == "due"), default=0.0)
    if progress is None or progress.held_at is None:
        return oldest
    return min(oldest, (progress.now - progress.held_at).total_seconds())


def _registry(snapshot: Snapshot) -> dict[str, Any]:
    facts = snapshot.registry
    return {
        "loaded_at": facts.loaded_at,
        "age_days": None if facts.age is None else facts.age.days,
        "empty": not facts.companies,
        "codes_empty": not facts.codes,
    }


def _stalls(alerts: Alerts, settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "cause": stall.cause,
            "provider": stall.provider,
            "since": stall.since,
            "jobs": stall.jobs,
            "campaigns": list(stall.campaigns),
            "text": stall.text(settings.zone),
        }
        for stall in alerts.stall_watch.stalls
    ]


def _stale(job: NightlyJob, now: datetime) -> str:
    minutes = (now - job.started_at) // timedelta(minutes=1)
    until = job.holds_until.astimezone(now.tzinfo)
    return (
        f"nightly staging job {job.job_id} has been running for {minutes} min: no new company is inserted until it ends"
        f" or {until:%H:%M} (runbook: Beside the nightly)"
    )


def _nightly(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "jobs": [
            {
                "job_id": job.job_id,
                "job_type": job.job_type,
                "running_since": job.started_at,
                "holds_until": job.holds_until,
            }
            for job in snapshot.nightly_jobs
        ],
        "skipped_ahead": snapshot.overlap.skipped_ahead,
        "relabelled": snapshot.overlap.relabelled,
    }


def _database(database: DatabaseHealth) -> dict[str, Any]:
    now, claim, refusal = database.clock(), database.claim, database.recent_refusal
    return {
        "answered_seconds_ago": None if database.age is None else round(database.age, 1),
        "trouble": database.trouble,
        "last_refusal": None if refusal is None else {"why": refusal.why, "seconds_ago": round(now - refusal.at, 1)},
        "last_claim": None
        if claim is None
        else {"result": claim.result, "seconds_ago": round(now - claim.at, 1), "why": claim.why},
    }


def _worker(worker: Worker) -> dict[str, Any]:
    job, scope = worker.job, worker.scope
    usage = scope.usage if scope is not None else None
    return {
        "name": worker.name,
        "job_id": job.job_id if job else None,
        "job_type": job.job_type.value if job else None,
        "attempt": job.attempt if job else None,
        "company_so_far": None
        if usage is None
        else {"searches": usage.searches, "pages": usage.pages, "verifications": usage.verifications},
    }


def _budget(snapshot: Snapshot, key: tuple[str, str]) -> dict[str, Any]:
    used, limit = snapshot.budgets[key]
    frees = snapshot.frees.get(key)
    return {
        "provider": key[0],
        "budget": key[1],
        "used": used,
        "limit": limit,
        "frees_first_seconds": None if frees is None else round(max(frees.first, 0.0)),
        "frees_all_seconds": None if frees is None else round(max(frees.all, 0.0)),
    }


def _campaigns(snapshot: Snapshot, settings: Settings, alerts: Alerts, now: datetime) -> list[dict[str, Any]]:
    """Oldest first; the expected end is None where it is not known how much is left, before the first outlook, and
    while claiming is paused.

    A breaker may have opened since the outlook; some providers are not needed to finish a company.
    """
    remaining = {line.campaign_id: line.remaining for line in snapshot.campaigns}
    own_caps = {line.campaign_id: lower_cap(line, settings) for line in snapshot.campaigns}
    probes = [line.open_until for line in alerts.open_breakers if line.provider in NEEDED]
    ends = {}
    if snapshot.outlook is not None and not snapshot.paused:
        starts_at = max([now, *probes]).astimezone(settings.zone)
        starts_at = max(snapshot.outlook.starts_at, starts_at)
        outlook = replace(snapshot.outlook, now=now, starts_at=starts_at, paused=False)
        ends = expected_ends(outlook, remaining, settings.batch_size, own_caps)
    return [
        {
            "campaign_id": line.campaign_id,
            "enqueued_at": line.enqueued_at,
            "ended": line.ended,
            "waiting": line.waiting,
            "left": line.left,
            "remaining": line.remaining,
            "expected_end": ends.get(line.campaign_id),
        }
        for line in snapshot.campaigns
    ]


def _company(line: CompanyLine) -> dict[str, Any]:
    return {
        "uen": line.uen,
        "name": line.name,
        "outcome": line.kind,
        "reason": line.reason,
        "domain": line.domain,
        "evidence_url": line.url,
        "ended_at": line.ended_at,
        "latency_seconds": None if line.seconds is None else round(line.seconds, 1),
        "judged": line.judged,
        "overruled": line.overruled,
    }
