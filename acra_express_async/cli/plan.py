"""`acra-express plan`: capacity under the configured budgets, also without a database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import click
from rich.table import Table

from acra_express_async.cli.sessions import as_tenant, json_option, say, synchronous
from acra_express_async.cli.wording import console
from acra_express_async.db.limits.measured_costs import measured_costs
from acra_express_async.errors import AcraExpressError
from acra_express_async.limits.capacity import DOCUMENTED, Plan, plan, verified_share
from acra_express_async.settings.tree import Settings, load_settings

EXAMPLES = (5, 50, 300, 1000)
NO_DATABASE = "postgresql://nowhere"


@click.command("plan", short_help="How much the budgets allow, and what limits it.")
@json_option
@synchronous
async def command(as_json: bool) -> None:
    """Companies per hour and day under the configured budgets, what limits them, and what one more worker would gain.

    Uses measured costs when the database has at least 30 results of the last week, and the documented costs otherwise.
    """
    settings, where = await _settings()
    costs, why = DOCUMENTED, where
    if where is None:
        try:
            async with as_tenant(settings) as database, database.session() as connection:
                found = await measured_costs(connection)
            costs, why = (found, None) if found else (DOCUMENTED, "too few results of the last week")
        except AcraExpressError as away:
            why = str(away)
    answer = plan(settings, costs)
    if as_json:
        say(_as_json(settings, answer, why), as_json=True, text="")
    else:
        _print(settings, answer, why)


async def _settings() -> tuple[Settings, str | None]:
    """The configuration, with a placeholder DSN if none is set, because a plan needs no database."""
    try:
        return load_settings(), None
    except AcraExpressError as wrong:
        if "POSTGRES_DSN is not set" not in str(wrong):
            raise
    return load_settings(postgres_dsn=NO_DATABASE), "no database is configured"


def _as_json(settings: Settings, answer: Plan, why: str | None) -> dict[str, Any]:
    return {
        "costs": dataclasses.asdict(answer.costs),
        "costs_from": "measured" if answer.costs.measured else "documented",
        "note": why,
        "bottleneck": answer.bottleneck.name,
        "companies_per_hour": round(answer.per_hour, 1),
        "companies_per_day": round(answer.per_day, 1),
        "items": [
            {"name": b.name, "per_hour": _finite(b.per_hour), "per_day": _finite(b.per_day)} for b in answer.bounds
        ],
        "workers": answer.workers,
        "one_more_worker_gains": round(answer.third_worker_gains, 3),
        "verified_share": round(verified_share(settings, answer.costs, answer.per_day), 3),
        "seconds_for": {str(n): round(answer.time_for(n).total_seconds()) for n in EXAMPLES},
    }


def _duration(time: timedelta) -> str:
    """``6 min``, ``3 h 5 min``, ``2 d 4 h``, in whole minutes; a plan is no more exact than that."""
    minutes = max(1, round(time.total_seconds() / 60))
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _finite(figure: float) -> float | None:
    return None if figure == float("inf") else round(figure, 1)


def _print(settings: Settings, answer: Plan, why: str | None) -> None:
    out = console()
    costs = answer.costs
    source = f"measured over {costs.measured} companies" if costs.measured else f"documented ({why})"
    out.print(
        f"average cost of a company, {source}: {costs.searches:.2f} searches, {costs.pages:.2f} pages, "
        f"{costs.tokens:.0f} tokens, {costs.verifications:.2f} verifications, {costs.seconds:.1f} s of a worker"
    )
    table = Table("limit", "companies an hour", "companies a day", title="tightest limit of a day first")
    for bound in answer.bounds:
        hour = "" if bound.per_hour == float("inf") else f"{bound.per_hour:.0f}"
        table.add_row(bound.name, hour, f"{bound.per_day:.0f}")
    out.print(table)
    out.print(f"{answer.per_day:.0f} companies a day, limited by {answer.bottleneck.name}; ", end="")
    out.print(f"{answer.per_hour:.0f} an hour while work waits")
    share = verified_share(settings, costs, answer.per_day)
    out.print(f"verifications: express's share covers {share:.0%} of those wanted on a full day")
    times = ", ".join(f"{n} companies in {_duration(answer.time_for(n))}" for n in EXAMPLES)
    out.print(f"time: {times}")
    gain = answer.third_worker_gains
    worth = "gains nothing: the budgets limit the pace" if gain < 0.01 else f"would gain {gain:.0%} an hour"
    out.print(f"one more worker than {answer.workers} {worth}")
