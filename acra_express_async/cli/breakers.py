"""`acra-express breakers`: which providers are called now, and a probe by the running service."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, tzinfo
from typing import Any

import click

from acra_express_async.cli.sessions import as_tenant, json_option, operator_name, say, synchronous
from acra_express_async.cli.wording import cell, console, moment, table
from acra_express_async.db.limits.probe_requests import VALID_FOR, BreakerRow, ProbeAnswer, ProbeRequests
from acra_express_async.errors import AcraExpressError
from acra_express_async.limits.budget_table import BUDGETED
from acra_express_async.models import Provider
from acra_express_async.ops.probe_refusals import refuse_probe
from acra_express_async.records.reasons import refusal_in_words
from acra_express_async.settings.tree import load_settings

POLL_SECONDS = 0.5
ANSWER_SECONDS = 170.0
"""A probe waits for a turn and a budget, a minute each, and for its answer."""


@click.group(short_help="Which providers are called now; probe one.")
def breakers() -> None:
    """A breaker stops the calls to a provider that refuses us or does not answer, until a probe succeeds."""


@breakers.command("list", short_help="Each provider's breaker.")
@json_option
@synchronous
async def list_(as_json: bool) -> None:
    """Each provider's breaker: closed, open until its next probe, or half open while the probe is due."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        found = await ProbeRequests(database).breakers()
    if as_json:
        click.echo(json.dumps({"items": [_as_object(row, settings.zone) for row in found]}))
        return
    shown = table(None, "provider", "breaker", "why", "since", "next probe", "last answer", yielding=("why",))
    for row in found:
        opened = row.state != "closed"
        shown.add_row(
            row.provider,
            row.state.replace("_", " "),
            cell(f"{row.kind}: {refusal_in_words(row.reason)}" if opened else ""),
            moment(row.opened_at, settings.zone) if opened else "",
            moment(row.open_until, settings.zone, seconds=True) if opened else "",
            moment(row.answered_at, settings.zone),
        )
    console().print(shown)


@breakers.command(short_help="Have the running service probe a provider now.")
@click.argument("provider", type=click.Choice([each.value for each in BUDGETED]))
@json_option
@synchronous
async def probe(provider: str, as_json: bool) -> None:
    """Ask the running service to probe PROVIDER now, with its own key and address, and report the answer.

    At most one probe of a provider in five minutes, over all replicas. After a block by DuckDuckGo the cool-down must
    end first, because any request prolongs the block. Exit 0 when the provider answered, 1 otherwise.
    """
    settings = load_settings()
    async with as_tenant(settings) as database:
        requests = ProbeRequests(database)
        await _refuse(requests, provider, settings.zone, as_json=as_json)
        asked_at = await requests.ask(Provider(provider), operator_name())
        if asked_at is None:
            await _refuse(requests, provider, settings.zone, as_json=as_json)
            raise AcraExpressError(f"{provider} is being probed just now")
        answer = await _answer(requests, Provider(provider), asked_at)
        [row] = [each for each in await requests.breakers() if each.provider == provider]
    told = {"provider": provider, "answered": bool(answer.answered), "answer": answer.answer, "by": answer.taken_by}
    say(told | {"breaker": _as_object(row, settings.zone)}, as_json=as_json, text=str(answer.answer))
    sys.exit(0 if answer.answered else 1)


async def _refuse(requests: ProbeRequests, provider: str, zone: tzinfo, *, as_json: bool) -> None:
    """Raise when no probe may be made now; a program is told the moment in RFC 3339."""
    [row] = [each for each in await requests.breakers() if each.provider == provider]
    refuse_probe(row, lambda when: str(_rfc3339(when, zone)) if as_json else moment(when, zone, seconds=True))


async def _answer(requests: ProbeRequests, provider: Provider, asked_at: datetime) -> ProbeAnswer:
    """Wait for the answer.

    Raises:
        AcraExpressError: no service took the request, or none answered it.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < ANSWER_SECONDS:
        answer = await requests.answer(provider, asked_at)
        if answer is None:
            raise AcraExpressError("another request has taken the place of this one")
        if answer.ended_at is not None:
            return answer
        late = answer.taken_by is None and loop.time() - began > VALID_FOR.total_seconds()
        if late and await requests.withdraw(provider, asked_at):
            raise AcraExpressError("no running service took the request; start one, or see `acra-express status`")
        await asyncio.sleep(POLL_SECONDS)
    raise AcraExpressError(f"the service took the request and has not answered within {ANSWER_SECONDS:.0f} s")


def _rfc3339(at: datetime | None, zone: tzinfo) -> str | None:
    return None if at is None else at.astimezone(zone).isoformat(timespec="seconds")


def _as_object(row: BreakerRow, zone: tzinfo) -> dict[str, Any]:
    def at(moment_: datetime | None) -> str | None:
        return _rfc3339(moment_, zone)

    opened = row.state != "closed"
    return {
        "provider": row.provider,
        "state": row.state,
        "kind": row.kind if opened else None,
        "reason": row.reason if opened else None,
        "opened_at": at(row.opened_at) if opened else None,
        "open_until": at(row.open_until) if opened else None,
        "answered_at": at(row.answered_at),
        "probe_from": at(row.probe_from),
    }
