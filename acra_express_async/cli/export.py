"""`acra-express export`: records of companies as csv, jsonl or xlsx."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from acra_express_async.cli.moments import moment_of
from acra_express_async.cli.sessions import as_tenant, synchronous
from acra_express_async.db.records.record_pages import RecordPages, RecordRow, Wanted
from acra_express_async.db.registry.ssic_codes import codes_of, ssic_titles
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.errors import AcraExpressError
from acra_express_async.models import OutcomeKind
from acra_express_async.records.files import FORMATS, RecordFile, TooManyRows
from acra_express_async.records.levels import Level
from acra_express_async.records.record import record_of
from acra_express_async.registry.uen_file import read_uens
from acra_express_async.settings.tree import load_settings


@click.command(short_help="Records of companies as csv, jsonl or xlsx.")
@click.option("--campaign", "campaign_id", type=click.IntRange(1, 2**63 - 1), help="Companies of this campaign.")
@click.option("--since", help="Decided at or after this date or moment.")
@click.option("--ssic", "ssic_codes", multiple=True, help="SSIC code in the registry, padded or not; repeatable.")
@click.option("--term", "terms", multiple=True, help="Words of a trade, looked up in ssic_ref; repeatable.")
@click.option("--uen-file", type=click.File("rb"), help="One UEN a line, or a CSV with a column uen; - for stdin.")
@click.option("--outcome", type=click.Choice([kind.value for kind in OutcomeKind]), help="Of the last decision.")
@click.option("--reason", help="Of the last decision, as a code: no_proof, parked …")
@click.option("--level", type=click.Choice([level.value for level in Level]), help="How sure the website is.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option("--output", default="-", show_default=True, help="A file, or - for standard output.")
@synchronous
async def export(
    *,
    campaign_id: int | None,
    since: str | None,
    ssic_codes: tuple[str, ...],
    terms: tuple[str, ...],
    uen_file: BinaryIO | None,
    outcome: str | None,
    reason: str | None,
    level: str | None,
    form: str,
    output: str,
) -> None:
    """Write one row a company, ordered by UEN, with its last decision: the newest answer, else the newest attempt.

    Several selections are combined with AND; without any, every company with a decision is written. The export reads
    page by page while the service works, so it is not one snapshot. Opted-out companies are left out, and addresses
    that are kept only as a hash are counted in emails_hidden. postal_code is the one on the company's site, else the
    registry's. The file appears only when it is complete.

    \b
      acra-express export --campaign 17 --output campaign-17.csv
      acra-express export --term bakery --level certain --format xlsx --output bakeries.xlsx
      acra-express export --outcome no_website --reason no_proof
    """
    settings = load_settings()
    uens = None if uen_file is None else _uens(uen_file)
    async with as_tenant(settings) as database:
        async with database.session() as connection:
            shape = await probe(connection)
            codes = await codes_of(connection, terms, ssic_codes, shape) if terms or ssic_codes else None
            titles = await ssic_titles(connection, shape)
        wanted = Wanted(
            campaign_id=campaign_id,
            since=None if since is None else moment_of(since, settings.zone, "--since"),
            ssic_codes=None if codes is None else tuple(codes),
            outcome=outcome,
            reason=reason,
        )
        with opened(output) as target, ExitStack() as unfinished:
            file = FORMATS[form](target, settings.zone)
            unfinished.callback(file.discard)
            count = await _written(RecordPages(database, shape).pages(wanted, uens), file, titles, level)
            unfinished.pop_all()
            file.close()
    if output != "-":
        click.echo(f"{count} records in {output}", err=True)


async def _written(
    pages: AsyncIterator[list[RecordRow]], file: RecordFile, titles: Mapping[str, str], level: str | None
) -> int:
    """Write page after page; returns how many records were written."""
    count = 0
    async for page in pages:
        records = [record_of(row, titles) for row in page]
        kept = [record for record in records if level is None or record.level == level]
        try:
            file.write(kept)
        except TooManyRows as full:
            raise AcraExpressError(str(full)) from full
        count += len(kept)
    return count


def _uens(file: BinaryIO) -> list[str]:
    found = read_uens(file)
    for fault in found.faults:
        click.echo(f"{file.name}: {fault}", err=True)
    return sorted(found.uens)


@contextmanager
def opened(output: str) -> Iterator[BinaryIO]:
    """Standard output, or a file that takes its name only when everything was written.

    Raises:
        AcraExpressError: the file cannot be written; the sentence says why.
    """
    if output == "-":
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as target:
            yield target
        return
    path = Path(output)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as refused:
        raise AcraExpressError(f"cannot write {output}: {refused.strerror}") from refused
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except OSError as refused:
        raise AcraExpressError(f"cannot write {output}: {refused.strerror}") from refused
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
