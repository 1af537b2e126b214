"""The lower rows: providers, the nightly, the process itself."""

from __future__ import annotations

from collections.abc import Sequence

from expressions import ENDED, HERE, Panel, m, quantile, rate, stat

FRESH_7 = m("freshness_companies", age="days_7")
FRESH_30 = m("freshness_companies", 'age=~"days_7|days_30"')
SELECTED = f"clamp_min(sum(max by (age) ({m('freshness_companies')})), 1)"

ROWS: Sequence[tuple[str, Sequence[Panel]]] = (
    (
        "Providers",
        (
            Panel(
                "Calls by outcome",
                "Per minute; breaker_open and budget_denied were not sent.",
                "none",
                [("{{provider}} {{outcome}}", f"60 * {rate('provider_calls_total', 'provider, outcome')}")],
                width=12,
                stacked=True,
            ),
            Panel(
                "Duration p95",
                "One send, from first byte to parsed answer.",
                "s",
                [("{{provider}}", quantile(0.95, "provider_call_duration_seconds", "provider"))],
                width=12,
            ),
            Panel(
                "Budget used",
                "Use of each rolling window as part of its allowance.",
                "percentunit",
                [
                    (
                        "{{provider}} {{budget}}",
                        f"max by (provider, budget) ({m('budget_used')} / ({m('budget_limit')} > 0))",
                    )
                ],
                steps=((0.8, "orange"), (0.95, "red")),
            ),
            Panel(
                "Waiting for throttle and budget, p95",
                "Before a send.",
                "s",
                [("{{provider}}", quantile(0.95, "throttle_wait_seconds", "provider"))],
            ),
            Panel(
                "Breakers",
                "1 for the current state of each breaker.",
                "none",
                [("{{provider}} {{state}}", f"max by (provider, state) ({m('breaker_state')})")],
            ),
            Panel(
                "Tokens", "Billed per minute.", "none", [("{{provider}}", f"60 * {rate('tokens_total', 'provider')}")]
            ),
            Panel(
                "Raises refused",
                "Throttle raises without an approver within a day.",
                "none",
                [("refused", f"sum(increase({m('overrides_refused_total')}[1d]))")],
            ),
        ),
    ),
    (
        "Beside the nightly",
        (
            Panel(
                "Nightly running",
                "1 while a job of the nightly runs; express then makes no provider call.",
                "none",
                [
                    ("nightly running", f"max({m('nightly_running')})"),
                    ("standing back", f"max({m('standing_back')})"),
                ],
            ),
            Panel(
                "How often express gave way",
                "Per hour, by reason.",
                "none",
                [("{{reason}}", f"3600 * {rate('nightly_yields_total', 'reason')}")],
            ),
            Panel(
                "Daily cap",
                "Slots taken today, and the cap.",
                "none",
                [("used", f"max({m('daily_cap_used')})"), ("cap", f"max({m('daily_cap_limit')})")],
            ),
            Panel(
                "Companies against the nightly",
                "Ours in 24 hours, and both since midnight; the nightly's own cap is 100 a day and tenant by default.",
                "none",
                [
                    ("express", f"sum(increase({m('companies_processed_total', ENDED)}[1d]))"),
                    ("{{by}} today", f"max by (by) ({m('companies_today')})"),
                    ("nightly's cap", "vector(100)"),
                ],
                width=16,
            ),
            Panel(
                "Freshness",
                "Part of the standing selection that was looked at within 7 and 30 days.",
                "percentunit",
                [
                    ("within 7 days", f"sum(max by (age) ({FRESH_7})) / {SELECTED}"),
                    ("within 30 days", f"sum(max by (age) ({FRESH_30})) / {SELECTED}"),
                ],
            ),
        ),
    ),
    (
        "Runtime",
        (
            Panel(
                "Build",
                "Version and source revision of each process, its Python and its PostgreSQL server.",
                "none",
                [
                    (
                        "{{version}} {{revision}}, Python {{python}}, PostgreSQL {{postgresql}}",
                        f"count by (version, revision, python, postgresql) ({m('build_info')})",
                    )
                ],
                "stat",
                shows="name",
            ),
            stat(
                "Draining",
                "Processes that are stopping.",
                "none",
                f"sum({m('draining')})",
                ((1, "orange"),),
            ),
            Panel(
                "Event loop lag",
                "How late the loop runs a timer; half a second is too late.",
                "s",
                [("p99 {{instance}}", quantile(0.99, "event_loop_lag_seconds", "instance", window="5m"))],
                steps=((0.5, "red"),),
            ),
            Panel(
                "Lost log lines",
                "Within an hour; stderr is blocked, closed or on a full disk.",
                "none",
                [("{{instance}}", f"sum by (instance) (increase({m('log_lines_dropped_total')}[1h]))")],
                steps=((1, "orange"),),
            ),
            Panel(
                "Progress of loops",
                "Time since each loop last made progress; for cron since the last tick that was due.",
                "s",
                [("{{loop}} {{instance}}", f"time() - {m('last_tick_timestamp_seconds')}")],
            ),
            Panel(
                "Snapshot p95",
                "Time of one snapshot of all shared figures, taken every 15 s.",
                "s",
                [("{{instance}}", quantile(0.95, "snapshot_duration_seconds", "instance"))],
            ),
            Panel(
                "Listener reconnects",
                "Within an hour.",
                "none",
                [("{{instance}}", f"sum by (instance) (increase({m('listener_reconnects_total')}[1h]))")],
            ),
            Panel(
                "Memory",
                "Resident and virtual memory of each process.",
                "bytes",
                [
                    ("resident {{instance}}", f"process_resident_memory_bytes{{{HERE}}}"),
                    ("virtual {{instance}}", f"process_virtual_memory_bytes{{{HERE}}}"),
                ],
            ),
            Panel(
                "CPU",
                "Share of one core.",
                "percentunit",
                [("{{instance}}", f"sum by (instance) (rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval]))")],
            ),
            Panel(
                "Open files and uptime",
                "Open descriptors as part of their limit, and seconds since the start.",
                "none",
                [
                    ("files {{instance}}", f"process_open_fds{{{HERE}}} / process_max_fds{{{HERE}}}"),
                    ("uptime {{instance}}", f"time() - process_start_time_seconds{{{HERE}}}"),
                ],
            ),
        ),
    ),
)
