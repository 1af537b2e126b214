"""The state machine of one alert: fires once, reminds, resolves once, delays a breach in the cooldown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from acra_express_async.alerts.measurements import breakers, budgets, failure_ratio
from acra_express_async.alerts.state import FIRING, MISSED, REMINDER, RESOLVED, Measurement, judged
from acra_express_async.db.limits.budget_ledger import BudgetUse
from acra_express_async.db.ops.alert_rows import AlertState, BreakerLine, Failures, Window
from acra_express_async.limits import Allowance
from acra_express_async.models import Provider
from acra_express_async.settings.tree import AlertSettings

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COOLDOWN = timedelta(minutes=30)
BREACH = Measurement("failure_ratio", breached=True, cleared=False, detail={"headline": "bad"})
CLEAR = Measurement("failure_ratio", breached=False, cleared=True, detail={"headline": "good"})
NEITHER = Measurement("failure_ratio", breached=False, cleared=False)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def fired(*, told: bool = True) -> AlertState:
    standing = judged(None, BREACH, NOON, COOLDOWN)
    assert standing is not None
    return replace(standing, unsent=None, told_at=NOON) if told else standing


def test_a_breach_fires_once() -> None:
    first = fired(told=False)
    assert (first.firing, first.unsent, first.since) == (True, FIRING, NOON)
    assert judged(first, BREACH, after(1), COOLDOWN) is None
    assert judged(fired(), BREACH, after(1), COOLDOWN) is None


def test_without_a_breach_nothing_changes() -> None:
    assert judged(None, CLEAR, NOON, COOLDOWN) is None
    assert judged(None, NEITHER, NOON, COOLDOWN) is None


def test_the_exact_limit_and_an_empty_window_do_not_resolve() -> None:
    assert judged(fired(), NEITHER, after(60), COOLDOWN) is None


def test_an_unresolved_alert_reminds_after_four_hours() -> None:
    assert judged(fired(), BREACH, after(239), COOLDOWN) is None
    reminded = judged(fired(), NEITHER, after(240), COOLDOWN)
    assert reminded is not None
    assert reminded.unsent == REMINDER
    assert judged(reminded, BREACH, after(500), COOLDOWN) is None


def test_a_resolve_is_sent_with_the_time_of_the_firing() -> None:
    done = judged(fired(), CLEAR, after(45), COOLDOWN)
    assert done is not None
    assert (done.firing, done.unsent, done.cooled_at) == (False, RESOLVED, after(75))
    assert done.detail["fired_at"] == NOON.isoformat()


def test_an_undelivered_firing_is_replaced_by_its_resolve() -> None:
    done = judged(fired(told=False), CLEAR, after(5), COOLDOWN)
    assert done is not None
    assert done.unsent == RESOLVED


def test_a_quiet_firing_resolves_quietly() -> None:
    quiet = judged(None, replace(BREACH, quiet=True), NOON, COOLDOWN)
    assert quiet is not None
    assert (quiet.firing, quiet.unsent) == (True, None)
    done = judged(quiet, CLEAR, after(1), COOLDOWN)
    assert done is not None
    assert done.unsent is None


def test_a_breach_in_the_cooldown_fires_when_that_ends() -> None:
    done = judged(fired(), CLEAR, after(10), COOLDOWN)
    waits = judged(done, BREACH, after(20), COOLDOWN)
    assert waits is not None
    assert (waits.firing, waits.missed) == (False, BREACH.detail)
    assert judged(waits, BREACH, after(39), COOLDOWN) is None
    again = judged(waits, BREACH, after(40), COOLDOWN)
    assert again is not None
    assert (again.firing, again.unsent, again.missed, again.since) == (True, FIRING, None, after(40))


def test_a_breach_within_the_cooldown_is_reported_as_missed() -> None:
    done = judged(fired(), CLEAR, after(10), COOLDOWN)
    waits = judged(done, BREACH, after(20), COOLDOWN)
    assert judged(waits, CLEAR, after(30), COOLDOWN) is None
    told = judged(waits, CLEAR, after(40), COOLDOWN)
    assert told is not None
    assert (told.firing, told.unsent, told.missed, told.detail) == (False, MISSED, None, BREACH.detail)


def test_a_breach_must_last_as_long_as_its_hold() -> None:
    held = replace(BREACH, hold=timedelta(minutes=15))
    first = judged(None, held, NOON, COOLDOWN)
    assert first is not None
    assert (first.firing, first.pending_since) == (False, NOON)
    assert judged(first, held, after(14), COOLDOWN) is None
    forgotten = judged(first, NEITHER, after(14), COOLDOWN)
    assert forgotten is not None
    assert forgotten.pending_since is None
    late = judged(first, held, after(15), COOLDOWN)
    assert late is not None
    assert late.firing


def ratio(failed: int, total: int, *, current: Window | None = None) -> Measurement:
    window = Window(total, failed)
    return failure_ratio(Failures(current or window, window if total else None, "provider_error"), AlertSettings())


def test_exactly_five_percent_is_silent_and_more_fires() -> None:
    assert not ratio(50, 1000).breached
    assert not ratio(1, 20).breached
    assert ratio(51, 1000).breached
    assert ratio(1, 1).breached


def test_a_headline_never_rounds_a_breach_to_the_limit() -> None:
    assert ratio(501, 10_000).detail["headline"] == "Failure ratio 5.01% > 5% (30 min)"
    assert ratio(500, 10_000).detail["headline"] == "Failure ratio 5% (limit 5%, 30 min)"
    assert ratio(83, 1000).detail["fields"]["Value"] == "8.3%"


def test_an_alert_resolves_only_at_four_percent() -> None:
    assert not ratio(45, 1000).cleared
    assert ratio(40, 1000).cleared
    assert not ratio(0, 0).cleared


def test_the_worst_window_fires_even_if_the_last_one_is_fine() -> None:
    reading = ratio(2, 20, current=Window(40, 1))
    assert reading.breached
    assert reading.detail["headline"] == "Failure ratio 10% > 5% (30 min)"
    assert reading.detail["fields"]["Sample"] == "2/20 companies"


def use(used: int, *, window: timedelta = timedelta(hours=1), elsewhere: int = 0) -> BudgetUse:
    allowance = Allowance(Provider.JINA, "calls_1h", 100, 1.0, window, timedelta(seconds=5))
    return BudgetUse(allowance, used, elsewhere=elsewhere)


def test_budget_alerts_at_80_and_95_percent() -> None:
    def levels(used: int, elsewhere: int = 0) -> dict[str, tuple[bool, bool, bool]]:
        return {r.name: (r.breached, r.cleared, r.quiet) for r in budgets([use(used, elsewhere=elsewhere)])}

    assert levels(80) == {"budget_95": (False, True, False), "budget_80": (False, False, False)}
    assert levels(81) == {"budget_95": (False, True, False), "budget_80": (True, False, False)}
    assert levels(90, 6) == {"budget_95": (True, False, False), "budget_80": (True, False, True)}
    assert levels(75)["budget_80"] == (False, True, False)


def test_a_minute_budget_alerts_only_after_a_while() -> None:
    assert {r.hold for r in budgets([use(99, window=timedelta(minutes=1))])} == {timedelta(minutes=15)}
    assert {r.hold for r in budgets([use(99)])} == {timedelta(0)}


def test_breaker_alerts_name_block_bad_key_or_outage() -> None:
    lines = [
        BreakerLine("duckduckgo", "blocked", "challenge", NOON),
        BreakerLine("jina", "outage", "http_503", NOON),
        BreakerLine("zerobounce", "blocked", "no_credits", NOON),
    ]
    breached = {reading.key for reading in breakers(lines, UTC) if reading.breached}
    assert breached == {"provider_blocked:duckduckgo", "key_or_credits:zerobounce"}
    assert all(reading.cleared for reading in breakers([], UTC))
