"""Every metric of the service: name, labels, buckets; all known label values exist at 0 from the start.

A counter that first appears with the value 30 is invisible to ``increase()``, so all label values are initialised. No
company, job, tenant, domain or address ever becomes a label value. Gauges of shared state are equal on all replicas
(take the maximum); counters belong to one process (add them up).
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import product
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics import MetricWrapperBase

from acra_express_async import __version__
from acra_express_async.errors import ConfigError
from acra_express_async.models import JobType, OutcomeKind, Provider

PREFIX = "acra_express"

LATENCY_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 2700, 3600, 5400, 7200, 14400, 28800, 86400)
"""Seconds; one boundary is exactly 3600 because the target is "95th percentile under one hour"."""
CALL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)
STAGE_BUCKETS = (0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300)

JOB_TYPES = tuple(JobType)
PROVIDERS = tuple(Provider)
CALL_OUTCOMES = ("ok", "error", "timeout", "rate_limited", "blocked", "breaker_open", "budget_denied")
ATTEMPT_OUTCOMES = ("done", "retry", "snoozed", "failed", "released", "lease_lost")
JOB_STATES = ("due", "snoozed", "running")
WAKE_REASONS = ("notify", "tick", "due", "reconnect", "free")
CLAIM_RESULTS = ("job", "empty", "error")
STAGES = ("search", "read", "extract", "verify", "save")
DOERS = ("express", "nightly")
LEVELS = ("certain", "likely", "unsure")
VERDICTS = ("valid", "invalid", "catch-all", "do_not_mail", "spamtrap", "abuse", "unknown")
"""ZeroBounce's statuses; one that it adds counts as `unknown`."""
LOOK_AGES = ("days_7", "days_30", "older", "never")
BREAKER_STATES = ("closed", "open", "half_open")
YIELD_REASONS = ("nightly_running", "quiet_hours", "table_busy", "lock_timeout", "connections")
OTHER_FAILURES = "internal_error"
"""What a failure counts as whose reason is not known."""
ALERTS = (
    "failure_ratio",
    "budget_80",
    "budget_95",
    "provider_blocked",
    "key_or_credits",
    "internal_errors",
    "stalled",
    "campaign_failing",
    "provider_failing",
)
REGISTRY_PARTS = ("companies", "codes")
STALL_CAUSES = ("nightly", "outage", "service", "budget", "lock", "error", "interrupted", "running", "due")
ALERT_OUTCOMES = ("sent", "suppressed", "error")
BEATING = ("poller", "listener", "snapshot", "alerts", "courier")
"""Loops for which the time of the last turn is published."""
LOOPS = (*BEATING, "cron")
"""`cron` differs: its value is the last tick that was due."""


class Metrics:
    """One instance per process; the composition root builds it over a separate registry.

    Args:
        budgets: provider and name of every budget: the labels of `budget_used` and `budget_limit`.
        failures: why a company may have failed: the labels of `failures_total`.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        budgets: Iterable[tuple[str, str]] = (),
        failures: Iterable[str] = (),
    ) -> None:
        # `_created` doubles the series of every counter and histogram, and nothing here reads it. The switch of the
        # library is for the whole process.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.companies_processed = self._counter(
            "companies_processed_total", "Companies by terminal outcome, each counted once.", outcome=OutcomeKind
        )
        self._known_failures = {OTHER_FAILURES, *failures}
        self.failures = self._counter(
            "failures_total", "Companies that failed, by reason.", reason=sorted(self._known_failures)
        )
        self.latency = self._histogram(
            "latency_seconds",
            "From created_at of the company's own staging job to its committed enrichment, by the database's clock.",
            LATENCY_BUCKETS,
            outcome=OutcomeKind,
        )
        self.campaign_age = self._histogram(
            "campaign_age_seconds", "From a person's enqueue to the committed company.", LATENCY_BUCKETS
        )
        self._queue()
        self._providers(tuple(budgets))
        self._health()
        ProcessCollector(registry=registry)  # its start time shows restarts

    def _queue(self) -> None:
        self.queue_depth = self._gauge("queue_depth", "Express jobs by state.", job_type=JOB_TYPES, state=JOB_STATES)
        self.queue_oldest_age = self._gauge(
            "queue_oldest_age_seconds", "Age of the oldest job of that state.", job_type=JOB_TYPES, state=JOB_STATES
        )
        self.snapshot_duration = self._histogram(
            "snapshot_duration_seconds", "Time to read all shared figures; no scrape waits for it.", STAGE_BUCKETS
        )
        self.queue_snapshot = self._gauge("queue_snapshot_timestamp_seconds", "When the queue was last read.")
        self.job_attempts = self._counter(
            "job_attempts_total", "Ended attempts by outcome.", job_type=JOB_TYPES, outcome=ATTEMPT_OUTCOMES
        )
        self.workers = self._gauge("workers", "Configured workers of this process.")
        self.workers_busy = self._gauge("workers_busy", "Workers that hold a job now.")
        self.claims = self._counter("claims_total", "Claim round trips by result.", result=CLAIM_RESULTS)
        self.wakes = self._counter("wakes_total", "Why the poller woke.", reason=WAKE_REASONS)
        self.lease_expiries = self._counter("lease_expiries_total", "Claims of a job whose lease had expired.")
        self.crashes = self._counter("crashes_total", "Claims after a crash without progress.")
        self.stage_duration = self._histogram(
            "stage_duration_seconds", "Time a company spent in each stage.", STAGE_BUCKETS, stage=STAGES
        )
        self.daily_cap_used = self._gauge("daily_cap_used", "Companies that took a slot today.")
        self.daily_cap_limit = self._gauge("daily_cap_limit", "Companies a day, all replicas together.")
        self.freshness = self._gauge(
            "freshness_companies", "Live companies of the standing selection by age of the latest look.", age=LOOK_AGES
        )
        self.companies_today = self._gauge("companies_today", "Companies done since midnight, by whom.", by=DOERS)

    def _providers(self, budgets: Sequence[tuple[str, str]]) -> None:
        self.provider_calls = self._counter(
            "provider_calls_total", "Provider calls by outcome.", provider=PROVIDERS, outcome=CALL_OUTCOMES
        )
        self.provider_call_duration = self._histogram(
            "provider_call_duration_seconds",
            "One send, from first byte to parsed answer.",
            CALL_BUCKETS,
            provider=PROVIDERS,
        )
        self.throttle_wait = self._histogram(
            "throttle_wait_seconds", "Waiting for throttle and budget before a send.", CALL_BUCKETS, provider=PROVIDERS
        )
        self.tokens = self._counter("tokens_total", "Tokens billed.", provider=(Provider.JINA,))
        self.budget_used = self._gauge_of(
            "budget_used", "Amount spent in the rolling window.", ("provider", "budget"), budgets
        )
        self.budget_limit = self._gauge_of("budget_limit", "Allowance per window.", ("provider", "budget"), budgets)
        self.breaker_state = self._gauge(
            "breaker_state", "1 for the state the breaker is in.", provider=PROVIDERS, state=BREAKER_STATES
        )
        self.overrides_refused = self._counter(
            "overrides_refused_total", "Raises of a throttle that were not approved."
        )

        self.verdicts = self._counter(
            "verdicts_total", "Verified addresses of stored answers.", level=LEVELS, status=VERDICTS
        )

    def _health(self) -> None:
        self.listener_up = self._gauge("listener_up", "1 while the listener's own NOTIFY comes back.")
        self.listener_reconnects = self._counter("listener_reconnects_total", "Reconnects of the listener.")
        self.last_tick = self._gauge("last_tick_timestamp_seconds", "Last turn of each loop.", loop=LOOPS)
        self.internal_error_streak = self._gauge(
            "internal_error_streak", "Different companies in a row that failed in our own code."
        )
        self.alert_active = self._gauge("alert_active", "Alerts of that name that are firing.", alert=ALERTS)
        self.alert_notifications = self._counter(
            "alert_notifications_total", "Alert messages by outcome.", outcome=ALERT_OUTCOMES
        )
        self.stalled = self._gauge(
            "stalled_seconds", "How long work that should move has made no progress, by cause.", cause=STALL_CAUSES
        )
        self.nightly_running = self._gauge("nightly_running", "1 while a nightly job runs.")
        self.nightly_yields = self._counter(
            "nightly_yields_total", "How often the service gave way.", reason=YIELD_REASONS
        )
        self.paused = self._gauge("paused", "1 while claiming is paused by an operator.")
        self.standing_back = self._gauge(
            "standing_back", "1 while nothing is claimed: nightly run, quiet hours, or too few connections."
        )
        self.registry_age = self._gauge(
            "registry_age_seconds", "Since the latest load-registry; NaN when only the platform has loaded it."
        )
        self.registry_empty = self._gauge(
            "registry_empty", "1 while the registry or the SSIC codes are missing.", part=REGISTRY_PARTS
        )
        self.draining = self._gauge("draining", "1 while the process is stopping.")
        self.event_loop_lag = self._histogram(
            "event_loop_lag_seconds", "How late the loop ran a timer.", (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5)
        )
        self.log_lines_dropped = self._counter(
            "log_lines_dropped_total", "Log lines that were lost because stderr is blocked, closed or full."
        )
        self.build_info = Gauge(
            f"{PREFIX}_build_info",
            "1 for the running build: versions of the service, its source, Python and the PostgreSQL server.",
            ["version", "revision", "python", "postgresql"],
            registry=self.registry,
        )

    def running(self, *, revision: str, postgresql: str) -> None:
        """Say which build runs, against which PostgreSQL server."""
        self.build_info.labels(__version__, revision, platform.python_version(), postgresql).set(1)

    def company_ended(self, kind: str, reason: str, latency: timedelta, campaign_age: timedelta | None = None) -> None:
        """Count one company at its terminal outcome; an unknown reason counts as ``internal_error``.

        A job row may claim to be made in the future: then its companies waited for no time, not for less than none.
        """
        self.companies_processed.labels(kind).inc()
        self.latency.labels(kind).observe(max(0.0, latency.total_seconds()))
        if campaign_age is not None:
            self.campaign_age.observe(max(0.0, campaign_age.total_seconds()))
        if kind == OutcomeKind.FAILED:
            self.failures.labels(reason if reason in self._known_failures else OTHER_FAILURES).inc()

    def companies_cancelled(self, companies: int) -> None:
        """Count companies that a person cancelled. They have no latency: the service did nothing."""
        self.companies_processed.labels(OutcomeKind.CANCELLED).inc(companies)

    def verified(self, level: str, statuses: Iterable[str]) -> None:
        """Count the verdicts on the addresses of one stored answer, by the level of its site."""
        for status in statuses:
            self.verdicts.labels(level, status if status in VERDICTS else "unknown").inc()

    def _counter(self, name: str, text: str, **labels: Iterable[str]) -> Counter:
        metric = Counter(f"{PREFIX}_{name}", text, list(labels), registry=self.registry)
        _initialise(metric, labels)
        return metric

    def _gauge(self, name: str, text: str, **labels: Iterable[str]) -> Gauge:
        metric = Gauge(f"{PREFIX}_{name}", text, list(labels), registry=self.registry)
        _initialise(metric, labels)
        return metric

    def _gauge_of(self, name: str, text: str, labels: Sequence[str], values: Iterable[Sequence[str]]) -> Gauge:
        metric = Gauge(f"{PREFIX}_{name}", text, list(labels), registry=self.registry)
        for row in values:
            metric.labels(*row)
        return metric

    def _histogram(self, name: str, text: str, buckets: Sequence[float], **labels: Iterable[str]) -> Histogram:
        metric = Histogram(f"{PREFIX}_{name}", text, list(labels), registry=self.registry, buckets=buckets)
        _initialise(metric, labels)
        return metric


def _initialise(metric: MetricWrapperBase, labels: dict[str, Iterable[str]]) -> None:
    if labels:
        for values in product(*labels.values()):
            metric.labels(*values)


def new_metrics(budgets: Iterable[tuple[str, str]] = (), failures: Iterable[str] = ()) -> Metrics:
    """The metrics of this process, over a separate registry.

    Args:
        budgets, failures: see `Metrics`.

    Raises:
        ConfigError: PROMETHEUS_MULTIPROC_DIR, which prometheus_client reads by itself, names no usable folder.
    """
    try:
        return Metrics(CollectorRegistry(), budgets, failures)
    except OSError as wrong:
        raise ConfigError(
            f"PROMETHEUS_MULTIPROC_DIR names {Path(wrong.filename).parent if wrong.filename else 'a folder'}, in which "
            f"no metrics can be kept ({wrong.strerror}); the service is one process and needs none: leave it out"
        ) from wrong
