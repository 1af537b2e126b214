"""The upper rows: overall state, flow of work, failures."""

from __future__ import annotations

from collections.abc import Sequence

from expressions import (
    ENDED,
    HERE,
    LASTING,
    RATIO,
    RED_AT_1,
    TIME_TO_EMPTY,
    YES_IS_ORANGE,
    Panel,
    m,
    quantile,
    rate,
    stat,
)

ANNOTATIONS = (
    (
        "Alerts of the service",
        "The service told Slack; see the runbook.",
        f"max by (alert) ({m('alert_active')}) > 0",
        "{{alert}}",
        "red",
    ),
    (
        "Prometheus alerts",
        "{{severity}}",
        'ALERTS{alertname=~"AcraExpress.*", alertstate="firing"}',
        "{{alertname}}",
        "orange",
    ),
    (
        "Starts",
        "A process started.",
        f"changes(process_start_time_seconds{{{HERE}}}[2m]) > 0",
        "{{instance}}",
        "blue",
    ),
)
"""Marks on every panel: name, text, expression, title, colour."""

ROWS: Sequence[tuple[str, Sequence[Panel]]] = (
    (
        "Is it fine?",
        (
            stat(
                "Processes",
                "Processes that Prometheus reaches.",
                "none",
                'sum(up{job=~"$job"})',
                ((1, "green"),),
                base="red",
            ),
            stat(
                "Active alerts",
                "Alerts of the service itself that fire now.",
                "none",
                f"sum(max by (alert) ({m('alert_active')}))",
                RED_AT_1,
            ),
            stat(
                "Failure ratio, 30 min",
                "Failed of enriched, no website and failed; the limit is 5%.",
                "percentunit",
                RATIO,
                ((0.04, "orange"), (0.05, "red")),
            ),
            stat(
                "Latency p95, 1 h",
                "From the staging job to the committed company; the target is one hour.",
                "s",
                quantile(0.95, "latency_seconds", "", ENDED, window="1h"),
                ((2700, "orange"), (3600, "red")),
            ),
            stat(
                "Due jobs",
                "Jobs that a free worker would take now.",
                "none",
                f"sum(max by (job_type) ({m('queue_depth', state='due')}))",
            ),
            stat(
                "Oldest due job",
                "Age of the oldest job that is due; the limit is 45 minutes.",
                "s",
                f"max({m('queue_oldest_age_seconds', state='due')})",
                ((900, "orange"), (2700, "red")),
            ),
            stat(
                "Worst budget",
                "The fullest rolling window of an hour or a day.",
                "percentunit",
                f"max({m('budget_used', LASTING)} / ({m('budget_limit', LASTING)} > 0))",
                ((0.8, "orange"), (0.95, "red")),
            ),
            stat(
                "Daily cap",
                "Slots taken today as part of the cap.",
                "percentunit",
                f"max({m('daily_cap_used')} / ({m('daily_cap_limit')} > 0))",
                ((0.9, "orange"),),
            ),
            stat(
                "Listener",
                "Whether every replica receives its own NOTIFY; otherwise jobs wait for the next poll.",
                "none",
                f"min({m('listener_up')})",
                ((1, "green"),),
                base="red",
                words=(("0", "down", "red"), ("1", "up", "green")),
            ),
            stat(
                "Last tick",
                "Time since the last cron tick; ticks are 15 minutes apart by default.",
                "s",
                f"time() - max({m('last_tick_timestamp_seconds', loop='cron')})",
                ((1800, "orange"), (3600, "red")),
            ),
            stat(
                "Snapshot age",
                "Time since a replica last read the queue; the figures of this row are that old.",
                "s",
                f"time() - max({m('queue_snapshot_timestamp_seconds')})",
                ((60, "orange"), (120, "red")),
            ),
            stat(
                "Paused",
                "Whether an operator has paused claiming (`acra-express resume`).",
                "none",
                f"max({m('paused')})",
                ((1, "orange"),),
                words=YES_IS_ORANGE,
            ),
        ),
    ),
    (
        "What holds it up, and will it last?",
        (
            Panel(
                "Companies by outcome",
                "Companies per hour that reached a terminal outcome.",
                "none",
                [("{{outcome}}", f"3600 * {rate('companies_processed_total', 'outcome')}")],
                stacked=True,
            ),
            Panel(
                "What holds work back",
                "A line for each reason while it lasts: paused, standing back, draining, a breaker that is open, and a "
                "budget or cap with less than 5% left.",
                "none",
                [
                    ("paused", f"max({m('paused')}) > 0"),
                    ("nightly, quiet hours or connections", f"max({m('standing_back')}) > 0"),
                    ("draining", f"sum({m('draining')}) > 0"),
                    ("{{provider}} does not answer", f"max by (provider) ({m('breaker_state', state='open')}) > 0"),
                    (
                        "{{provider}} {{budget}} is used up",
                        f"max by (provider, budget) ({m('budget_used')} / ({m('budget_limit')} > 0) > bool 0.95) > 0",
                    ),
                    ("daily cap", f"max({m('daily_cap_used')} >= bool {m('daily_cap_limit')}) > 0"),
                ],
                empty="nothing holds work back",
            ),
            Panel(
                "Time until a budget is used up",
                "At the pace of the last 15 minutes; one day if nothing is spent.",
                "s",
                [("{{provider}} {{budget}}", TIME_TO_EMPTY)],
            ),
        ),
    ),
    (
        "Flow",
        (
            Panel(
                "Queue",
                "Jobs by type and state.",
                "none",
                [("{{job_type}} {{state}}", f"max by (job_type, state) ({m('queue_depth')})")],
                stacked=True,
            ),
            Panel(
                "Oldest job",
                "Age of the oldest job by state.",
                "s",
                [("{{job_type}} {{state}}", f"max by (job_type, state) ({m('queue_oldest_age_seconds')})")],
            ),
            Panel(
                "Latency",
                "Staging job to committed company.",
                "s",
                [
                    ("p50", quantile(0.5, "latency_seconds")),
                    ("p95", quantile(0.95, "latency_seconds")),
                    ("p99", quantile(0.99, "latency_seconds")),
                ],
                steps=((3600, "red"),),
            ),
            Panel(
                "Campaign age",
                "From the enqueue of the campaign to the committed company, so batches hide no waiting.",
                "s",
                [("p50", quantile(0.5, "campaign_age_seconds")), ("p95", quantile(0.95, "campaign_age_seconds"))],
            ),
            Panel(
                "Stages, p95",
                "Time a company spends in each stage.",
                "s",
                [("{{stage}}", quantile(0.95, "stage_duration_seconds", "stage"))],
            ),
            Panel(
                "Workers",
                "Workers with a job, and configured workers.",
                "none",
                [("busy", f"sum({m('workers_busy')})"), ("all", f"sum({m('workers')})")],
            ),
            Panel(
                "Attempts",
                "Ended attempts per minute by outcome.",
                "none",
                [("{{outcome}}", f"60 * {rate('job_attempts_total', 'outcome')}")],
                stacked=True,
            ),
            Panel(
                "Claims and wakes",
                "Claim round trips by result, and why the poller woke, per minute.",
                "none",
                [
                    ("claim: {{result}}", f"60 * {rate('claims_total', 'result')}"),
                    ("wake: {{reason}}", f"60 * {rate('wakes_total', 'reason')}"),
                ],
            ),
        ),
    ),
    (
        "Failures",
        (
            Panel(
                "Failure ratio, 30 min",
                "The line that pages: 5%.",
                "percentunit",
                [("ratio", RATIO)],
                steps=((0.05, "red"),),
            ),
            Panel(
                "Failures by reason",
                "Companies per hour that failed.",
                "none",
                [("{{reason}}", f"3600 * {rate('failures_total', 'reason')}")],
                stacked=True,
            ),
            Panel(
                "Recovered work",
                "Jobs whose worker vanished (half an hour), crashes without progress, and companies in a row that "
                "failed in our own code.",
                "none",
                [
                    ("lease expiries", f"sum(increase({m('lease_expiries_total')}[30m]))"),
                    ("crashes", f"sum(increase({m('crashes_total')}[30m]))"),
                    ("internal errors in a row", f"max({m('internal_error_streak')})"),
                ],
            ),
            Panel(
                "Alerts",
                "Which alerts of the service fire, and what became of their messages in half an hour.",
                "none",
                [
                    ("{{alert}}", f"max by (alert) ({m('alert_active')})"),
                    ("message {{outcome}}", f"sum by (outcome) (increase({m('alert_notifications_total')}[30m]))"),
                ],
                width=24,
            ),
        ),
    ),
)
