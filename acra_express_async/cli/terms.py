"""`acra-express terms`: what a word of a trade stands for, before it is enqueued."""

from __future__ import annotations

import click

from acra_express_async.cli.sessions import as_tenant, json_option, synchronous
from acra_express_async.cli.wording import cell, console, json_text, table
from acra_express_async.db.registry.ssic_codes import codes_in_words
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.settings.tree import load_settings


@click.command(short_help="SSIC codes of a word, and their live companies.")
@click.argument("words", nargs=-1, required=True, metavar="WORD…|CODE")
@json_option
@synchronous
async def terms(words: tuple[str, ...], as_json: bool) -> None:
    """Show which SSIC codes a term stands for, with the number of live companies in the registry.

    A code, or its first digits, shows the codes that begin so. The first look at a code reads the registry, which may
    take seconds; `enqueue` then finds it ready.
    """
    settings = load_settings()
    async with as_tenant(settings) as database, database.session() as connection:
        lines = await codes_in_words(connection, " ".join(words), await probe(connection))
    with_sole = settings.include_sole_proprietors
    items = [
        {
            "code": line.code,
            "title": line.title,
            "companies": line.companies - (0 if with_sole else line.sole),
            "sole_proprietors": line.sole,
        }
        for line in lines
    ]
    if as_json:
        click.echo(json_text({"items": items}))
        return
    shown = table(None, "SSIC", "companies", "title", yielding=("title",))
    for item in items:
        shown.add_row(str(item["code"]), str(item["companies"]), cell(str(item["title"])))
    console().print(shown)
    if not with_sole and any(line.sole for line in lines):
        click.echo("live companies without sole proprietors (INCLUDE_SOLE_PROPRIETORS)")
