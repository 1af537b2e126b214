"""`acra-express explain UEN`: the last decision about a company, told in plain sentences."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from acra_express_async.cli.moments import moment_of
from acra_express_async.cli.sessions import as_tenant, synchronous
from acra_express_async.cli.wording import json_text
from acra_express_async.db.companies.decisions import Explanation
from acra_express_async.db.companies.decisions import explain as last_decision
from acra_express_async.errors import AcraExpressError
from acra_express_async.records.decision_prose import prose
from acra_express_async.settings.tree import load_settings


@click.command(short_help="Why this website for a company, or why none.")
@click.argument("uen")
@click.option("--at", "at", help="Tell the decision that stood at this date or moment instead of the last one.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as one JSON object.")
@synchronous
async def explain(uen: str, at: str | None, as_json: bool) -> None:
    """Tell what was searched and read about a company, what was chosen, why, and when."""
    settings = load_settings()
    wanted = uen.strip().upper()
    moment = None if at is None else moment_of(at, settings.zone, "--at")
    async with as_tenant(settings) as database:
        known = await last_decision(database, wanted, moment)
    if known is None:
        raise AcraExpressError(f"{wanted} is not in the registry, and nothing was ever decided about it")
    click.echo(json_text(_as_json(known), settings.zone) if as_json else prose(known, settings.zone, moment))


def _as_json(known: Explanation) -> dict[str, Any]:
    """The same facts for a machine; the JSON key of a decision's detail is `story`. Hashes of addresses stay here."""
    answer = dataclasses.asdict(known)
    for said in answer["judgements"]:
        del said["subject"]
    for decision in (answer["decision"], answer["since"]):
        if decision is not None:
            decision["story"] = decision.pop("detail")
    return answer
