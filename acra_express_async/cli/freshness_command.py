"""`acra-express freshness`: how long ago the companies of a selection were looked at."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from acra_express_async.cli.sessions import as_tenant, json_option, say, synchronous
from acra_express_async.cli.wording import cell, console, table
from acra_express_async.companies.refresh_file import RefreshFile
from acra_express_async.db.records.freshness_rows import FreshnessCounts, FreshnessRows
from acra_express_async.db.registry.ssic_codes import ssic_titles
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.records.freshness import Freshness, freshness_of
from acra_express_async.settings.tree import Settings, load_settings

SELECTIONS = {
    "given": "the given codes",
    "standing": "the standing selection",
    "asked": "every code that was ever asked for",
}


@click.command("freshness", short_help="How long ago companies were looked at.")
@click.option("--ssic", "ssic_codes", multiple=True, help="SSIC code, padded or not; repeatable.")
@json_option
@synchronous
async def command(ssic_codes: tuple[str, ...], as_json: bool) -> None:
    """Count live companies by the age of the latest look: within 7 days, within 30 (but not 7), older, never.

    Without --ssic this is the standing selection (REFRESH_SSIC, REFRESH_TERMS, REFRESH_UEN_FILE), or, where none is
    configured, every code that was ever asked for. A look of the platform's nightly counts too. It also tells when all
    will have been looked at, at the pace of the last seven days.
    """
    settings = load_settings()
    async with as_tenant(settings) as database:
        async with database.session() as connection:
            shape = await probe(connection)
            titles = await ssic_titles(connection, shape)
        rows = FreshnessRows(database, shape=shape, include_sole_proprietors=settings.include_sole_proprietors)
        selection, codes, uens = await _selected(rows, settings, ssic_codes)
        found = await freshness_of(rows, codes, uens)
    if as_json:
        say(_as_json(found, selection, titles, settings), as_json=True, text="")
    else:
        _print(found, selection, titles, settings)


async def _selected(
    rows: FreshnessRows, settings: Settings, ssic_codes: tuple[str, ...]
) -> tuple[str, list[str], tuple[str, ...]]:
    """Which selection it is, its codes, and its companies by UEN."""
    if ssic_codes:
        return "given", await rows.codes((), ssic_codes), ()
    if settings.refresh_ssic or settings.refresh_terms or settings.refresh_uen_file:
        listed = RefreshFile(settings.refresh_uen_file) if settings.refresh_uen_file else None
        if listed is not None and (fault := listed.load()):
            click.echo(fault, err=True)
        codes = await rows.codes(settings.refresh_terms, settings.refresh_ssic)
        return "standing", codes, () if listed is None else listed.uens
    return "asked", await rows.codes_asked_for(), ()


def _as_json(found: Freshness, selection: str, titles: dict[str, str], settings: Settings) -> dict[str, Any]:
    return {
        "selection": selection,
        "items": [
            {"ssic": code.zfill(5), "title": titles.get(code), **_counts(counts)}
            for code, counts in found.by_code.items()
        ],
        "named": _counts(found.named),
        "total": _counts(found.total),
        "companies_per_day": round(found.per_day, 1),
        "done_at": None if found.done_at is None else found.done_at.astimezone(settings.zone),
    }


def _counts(counts: FreshnessCounts) -> dict[str, int]:
    return {"live": counts.live, **dataclasses.asdict(counts)}


def _print(found: Freshness, selection: str, titles: dict[str, str], settings: Settings) -> None:
    to = console()
    shown = table(
        f"Live companies of {SELECTIONS[selection]}",
        "SSIC",
        "trade",
        "live",
        "7 days",
        "30 days",
        "older",
        "never",
        yielding=("trade",),
    )
    lines = [(code.zfill(5), titles.get(code), counts) for code, counts in found.by_code.items()]
    if found.named.live:
        lines.append(("", "by name", found.named))
    for code, title, counts in [*lines, ("all", None, found.total)]:
        shown.add_row(code, cell(title), *(f"{number:,}" for number in _counts(counts).values()))
    to.print(shown)
    to.print(_sentence(found, settings))


def _sentence(found: Freshness, settings: Settings) -> str:
    total = found.total
    if total.live == 0:
        return "no live company belongs to it"
    pace = f"{found.per_day:.0f} companies a day"
    if total.never == 0:
        return f"all have been looked at, {total.days_7 / total.live:.0%} within 7 days ({pace})"
    if found.done_at is None:
        return f"{total.never:,} were never looked at, and at the present pace ({pace}) that will not change"
    when = f"{found.done_at.astimezone(settings.zone):%d %b %Y}"
    return f"at the present pace ({pace}) all will have been looked at by {when} ({settings.timezone})"
