"""Measurements of the failure ratio, the budgets and the breakers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from acra_express_async.alerts.stalls import Stall
from acra_express_async.alerts.state import Measurement
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import BreakerLine, Failures, OwnFaults
from acra_express_async.db.ops.failing_parts import PART_HOURS, FailingPart
from acra_express_async.limits import KEY_REASONS
from acra_express_async.limits.budget_table import BUDGETED
from acra_express_async.models import local_time
from acra_express_async.settings.tree import AlertSettings

HYSTERESIS = 0.8
"""Resolve at 4% when the limit is 5%: an alert whose ratio stays around the limit must not flap."""
BUDGET_LEVELS = (("budget_95", 0.95), ("budget_80", 0.80))
"""The more serious one first: while it fires, the other one adds nothing."""
BUDGET_CLEARS = 0.05
"""A budget alert resolves once use is this share of the allowance below its level."""
SHORT_WINDOW = timedelta(minutes=5)
"""Windows up to this long are full by design whenever pages are read; only staying full is worth a message."""
SHORT_WINDOW_HOLD = timedelta(minutes=15)


def percent(share: float, *, beside: float | None = None) -> str:
    """``5%``, ``8.3%``: one decimal unless it is zero; three where one would look equal to the limit `beside`."""
    text = f"{round(share * 100, 1):g}%"
    return f"{round(share * 100, 3):g}%" if beside is not None and text == percent(beside) else text


def failure_ratio(seen: Failures, settings: AlertSettings) -> Measurement:
    """A ratio above the limit in any window fires; an empty window does not resolve the alert."""
    limit, minutes = settings.failure_ratio, settings.window_minutes
    breached = seen.worst is not None and seen.worst.ratio > limit
    shown = seen.worst if breached and seen.worst is not None else seen.current
    enough = seen.current.total >= settings.min_companies
    cleared = not breached and enough and seen.current.ratio <= limit * HYSTERESIS
    share = percent(shown.ratio, beside=limit)
    value = f"Failure ratio {share}"
    detail: dict[str, Any] = {
        "headline": f"{value} > {percent(limit)} ({minutes} min)"
        if breached
        else f"{value} (limit {percent(limit)}, {minutes} min)",
        "fields": {
            "Value": share,
            "Threshold": f"> {percent(limit)} over {minutes} min",
            "Sample": f"{shown.failed}/{shown.total} companies",
            "Top reason": seen.reason or "none",
        },
    }
    return Measurement("failure_ratio", breached, cleared, detail)


def budgets(uses: Iterable[BudgetUse]) -> list[Measurement]:
    """Two measurements for each budget; what other tenants spent of it counts too."""
    measurements = []
    for use in uses:
        allowance = use.allowance
        used = use.used + use.elsewhere
        share = used / allowance.limit
        subject = f"{allowance.provider.value}/{allowance.name}"
        hold = SHORT_WINDOW_HOLD if allowance.window <= SHORT_WINDOW else timedelta(0)
        graver = False
        for name, level in BUDGET_LEVELS:
            breached = share > level
            detail = {
                "headline": f"Budget {subject} at {percent(share)}" + (f" > {percent(level)}" if breached else ""),
                "fields": {
                    "Value": percent(share),
                    "Threshold": f"> {percent(level)}",
                    "Sample": f"{used}/{allowance.limit}",
                    "Window": f"rolling {allowance.window}",
                },
            }
            cleared = share <= level - BUDGET_CLEARS
            measurements.append(Measurement(f"{name}:{subject}", breached, cleared, detail, hold=hold, quiet=graver))
            graver = graver or breached
    return measurements


def breakers(lines: Sequence[BreakerLine], zone: tzinfo | None) -> list[Measurement]:
    """Per provider: it refuses us, or our key or credits are bad. A mere outage is left out: a person cannot end it."""
    refusing = {line.provider: line for line in lines if line.kind == "blocked"}
    measurements = []
    for provider in BUDGETED:
        line = refusing.get(provider.value)
        money = line is not None and line.reason in KEY_REASONS
        fields = (
            {}
            if line is None
            else {
                "Value": line.reason,
                "Threshold": "any refusal",
                "Next probe": local_time(line.open_until, zone),
            }
        )
        for name, breached, says in (
            ("provider_blocked", line is not None and not money, "refuses us"),
            ("key_or_credits", money, "key or credits are bad"),
        ):
            headline = f"{provider.value}: {says}" if breached else f"{provider.value} answers again"
            detail = {"headline": headline, "fields": fields if breached else {}}
            measurements.append(Measurement(f"{name}:{provider.value}", breached, not breached, detail))
    return measurements


def own_faults(seen: OwnFaults) -> Measurement:
    """Jobs wait because several companies in a row failed in our own code; the first such job fires."""
    breached = seen.jobs > 0
    headline = "Companies fail in our own code, jobs wait" if breached else "Companies no longer fail in our own code"
    fields = (
        {"Value": f"{seen.jobs} jobs wait", "Threshold": "3 companies in a row", "Error": seen.commonest}
        if breached
        else {}
    )
    return Measurement("internal_errors", breached, not breached, {"headline": headline, "fields": fields})


def stalled(
    stalls: Sequence[Stall], known: Iterable[str], settings: AlertSettings, now: datetime, zone: tzinfo | None
) -> list[Measurement]:
    """One for each stall, and one for each of the `known` alerts whose work moves again.

    The first stall explains the others, which fire without a message.
    """
    limit = timedelta(minutes=settings.stalled_minutes)
    found: dict[str, Measurement] = {}
    told = False
    for stall in stalls:
        breached = stall.lasts(now) >= limit
        minutes = stall.lasts(now) // timedelta(minutes=1)
        fields = {
            "Value": f"no progress for {minutes} min",
            "Threshold": f"{settings.stalled_minutes} min",
            "Since": local_time(stall.since, zone),
            "Waiting": f"{stall.jobs} job{'' if stall.jobs == 1 else 's'}",
            "Campaigns": ", ".join(map(str, stall.campaigns)) or "none yet",
            "Next": stall.next,
        }
        headline = stall.what[:1].upper() + stall.what[1:]
        detail = {"headline": headline, "fields": fields}
        found[stall.key] = Measurement(stall.key, breached, False, detail, quiet=told)
        told = told or breached
    for key in known:
        if key.startswith("stalled:") and key not in found:
            found[key] = Measurement(key, False, True, {"headline": "Work moves again", "fields": {}})
    return list(found.values())


def failing_parts(parts: Sequence[FailingPart], known: Iterable[str]) -> list[Measurement]:
    """One for each campaign or provider that fails totally, and one for each of the `known` alerts that does so no
    longer."""
    found = {part.key: _failing(part) for part in parts}
    for key in known:
        name, _, subject = key.partition(":")
        if name in ("campaign_failing", "provider_failing") and key not in found:
            what = f"Campaign {subject}" if name == "campaign_failing" else f"{subject}"
            found[key] = Measurement(key, False, True, {"headline": f"{what} no longer fails totally", "fields": {}})
    return list(found.values())


def _failing(part: FailingPart) -> Measurement:
    of_campaign = part.name == "campaign_failing"
    what = f"Every company of campaign {part.subject} fails" if of_campaign else f"Every call of {part.subject} fails"
    fields = {
        "Value": "100%",
        "Sample": f"{part.total} {'companies' if of_campaign else 'calls'} in {PART_HOURS} hours",
        "Top reason": part.reason or "none",
    }
    return Measurement(part.key, True, False, {"headline": what, "fields": fields})
