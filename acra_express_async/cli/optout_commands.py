"""`acra-express optouts`: who must not be looked at, and taking such an entry back."""

from __future__ import annotations

import click

from acra_express_async.cli.sessions import as_tenant, json_option, say, synchronous
from acra_express_async.cli.wording import cell, console, json_text, moment, table
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.forget import kind_of
from acra_express_async.db.companies.optouts import OptOutKind, OptOuts
from acra_express_async.errors import AcraExpressError
from acra_express_async.settings.tree import load_settings

HASH_DIGITS = 64
"""Hex digits of a keyed hash (HMAC-SHA256)."""
LONGEST_NAME = 200


@click.group(short_help="List opt-outs, or take one back.")
def optouts() -> None:
    """Companies, domains and addresses that are never looked at or stored; `forget` adds one."""


@optouts.command("list", short_help="The newest opt-outs first.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Longest list.")
@json_option
@synchronous
async def list_(limit: int, as_json: bool) -> None:
    """The opt-outs, the newest first. Of an address only its keyed hash is kept."""
    settings = load_settings()
    async with as_tenant(settings) as database:
        async with database.session() as connection:
            hashes = await load_address_hash(connection)
        found = await OptOuts(database, hashes).all(limit)
    if as_json:
        items = [{"kind": one.kind, "value": one.value, "recorded_at": one.recorded_at} for one in found]
        click.echo(json_text({"items": items}, settings.zone))
    elif found:
        shown = table(None, "kind", "value", "recorded", zone=settings.zone)
        for one in found:
            shown.add_row(one.kind, cell(one.value), moment(one.recorded_at, settings.zone))
        console().print(shown)
    else:
        click.echo("nobody has opted out")


@optouts.command(short_help="Take an opt-out back.")
@click.argument("value", metavar="UEN|DOMAIN|EMAIL")
@click.option("--by", required=True, help="Who decides this; it is recorded.")
@json_option
@synchronous
async def remove(value: str, by: str, as_json: bool) -> None:
    """Take an opt-out back, so that the subject may be looked at again. Nothing that was removed comes back.

    An address may also be given as the hash that `optouts list` shows.
    """
    who = by.strip()
    if not who or len(who) > LONGEST_NAME:
        raise click.BadParameter(f"say who decides this, in at most {LONGEST_NAME} characters", param_hint="--by")
    kind, plain = _subject(value)
    async with as_tenant(load_settings()) as database:
        async with database.session() as connection:
            hashes = await load_address_hash(connection)
        gone = await OptOuts(database, hashes).remove(kind, plain, who)
    if gone is None:
        raise AcraExpressError(f"the {kind} {plain} has not opted out")
    answer = {"kind": kind, "value": plain, "removed_by": who}
    say(answer, as_json=as_json, text=f"the {kind} {plain} may be looked at again, as {who} decided")


def _subject(value: str) -> tuple[OptOutKind, str]:
    plain = value.strip().lower()
    if len(plain) == HASH_DIGITS and not set(plain) - set("0123456789abcdef"):
        return "address", plain
    return kind_of(value)
