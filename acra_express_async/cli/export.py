"""`acra-express export`: records of companies as csv, jsonl or xlsx."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import click

from acra_express_async.cli.moments import moment_of
from acra_express_async.cli.sessions import as_tenant, synchronous
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.control import Control
from acra_express_async.db.records.record_pages import Missing, Wanted
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import AcraExpressError, NonsenseSelection, NotNow
from acra_express_async.logs import say_to_stderr
from acra_express_async.models import OutcomeKind
from acra_express_async.records.change import CHANGE_COLUMNS
from acra_express_async.records.export_source import ExportSource, export_source
from acra_express_async.records.files import CsvFile, RecordFile, TooManyRows
from acra_express_async.records.formats import FORMATS
from acra_express_async.records.levels import Level
from acra_express_async.records.nightly_rest import NightlyRest, rest_in_words
from acra_express_async.records.record import COLUMNS
from acra_express_async.registry.uen_file import read_uens
from acra_express_async.settings.tree import load_settings

MOST_NAMED = 20
"""UENs without a record that are named for each cause; the others are counted."""


@click.command(short_help="Records of companies as csv, jsonl or xlsx.")
@click.option("--campaign", "campaign_id", type=click.IntRange(1, 2**63 - 1), help="Companies of this campaign.")
@click.option("--since", help="Decided at or after this date or moment.")
@click.option("--ssic", "ssic_codes", multiple=True, help="SSIC code in the registry, padded or not; repeatable.")
@click.option("--term", "terms", multiple=True, help="Words of a trade, looked up in ssic_ref; repeatable.")
@click.option("--uen-file", type=click.File("rb"), help="One UEN a line, or a CSV with a column uen; - for stdin.")
@click.option("--outcome", type=click.Choice([kind.value for kind in OutcomeKind]), help="Of the last decision.")
@click.option("--reason", help="Of the last decision, as a code: no_proof, parked …")
@click.option("--level", type=click.Choice([level.value for level in Level]), help="How sure the website is.")
@click.option(
    "--changed-since", help="Write what changed at or after this date or moment: uen, field, before, after, at."
)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Default: what --output ends in, else csv.")
@click.option("--bom", is_flag=True, help="Begin the csv with a byte order mark: Excel then reads it as UTF-8.")
@click.option(
    "--output",
    type=click.Path(allow_dash=True, readable=False),
    default="-",
    show_default=True,
    help="A file, or - for standard output.",
)
@click.option("--beside-nightly", is_flag=True, help="Do not rest while a nightly runs.")
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
    changed_since: str | None,
    form: str | None,
    bom: bool,
    output: str,
    beside_nightly: bool,
) -> None:
    """Write one row a company, ordered by UEN, with its last decision: the newest answer, else the newest attempt.

    Several selections are combined with AND; without any, every company with a decision is written. An export is a
    read of the moment per page, not one snapshot: the service goes on working meanwhile. Opted-out companies are left
    out, and addresses that are kept only as a hash are counted in emails_hidden. postal_code is the one on the
    company's site, else the registry's; address is the registered one with its own postal code. The file appears only
    when it is complete. What it does not show is said on standard error: UENs of --uen-file without a record and why,
    and that a selection is empty. After 5,000 companies it rests while a nightly runs, unless
    STAND_BACK_WHILE_NIGHTLY_RUNS is off, because a nightly that shares its processors with an export takes longer.

    --changed-since writes one row a change instead, ordered by moment: what an answer changed in outcome, reason,
    website, level, emails, emails_status, emails_hidden, phones, postal_code, linkedin and socials. Lists are sorted,
    and only addresses of roles are listed. To continue later, start again a minute before the last moment you have: a
    change that was being stored then may be missing in the file.

    \b
      acra-express export --campaign 17 --output campaign-17.csv
      acra-express export --term bakery --level certain --output bakeries.xlsx
      acra-express export --campaign 17 --bom --output for-excel.csv
      acra-express export --outcome no_website --reason no_proof
      acra-express export --changed-since 2026-11-01 --format jsonl
    """
    make = _maker(_format(form, output), bom=bom)
    settings = load_settings()
    zone = settings.zone
    uens = None if uen_file is None else _uens(uen_file)
    wanted = Wanted(
        campaign_id=campaign_id,
        since=None if since is None else moment_of(since, zone, "--since"),
        outcome=outcome,
        reason=reason,
    )
    changed = None if changed_since is None else moment_of(changed_since, zone, "--changed-since")
    async with as_tenant(settings) as database:
        source = await _source(database, wanted, terms, ssic_codes, level, zone)
        rows = source.records(uens) if changed is None else source.changes(changed, uens)
        if settings.stand_back_while_nightly_runs and not beside_nightly:
            watch = _Watch(database, zone)
            rows = NightlyRest(watch.jobs, watch.resting).between(rows)
        with opened(output) as target, ExitStack() as unfinished:
            file = make(target, COLUMNS if changed is None else CHANGE_COLUMNS)
            unfinished.callback(file.discard)
            count = await _written(rows, file)
            unfinished.pop_all()
            file.close()
    what = "record" if changed is None else "change"
    if output != "-":
        click.echo(f"{count} {what}{'' if count == 1 else 's'} in {output}", err=True)
    _remark(source, uens, count, what)


def _format(form: str | None, output: str) -> str:
    """The format that was named, else the one that the file's name ends in, else csv.

    Raises:
        UsageError: the two contradict each other.
    """
    ending = Path(output).suffix.lower().removeprefix(".")
    if form is not None and ending in FORMATS and ending != form:
        raise click.UsageError(f"--output {output} ends in .{ending}, --format says {form}: leave one of them out")
    return form or (ending if ending in FORMATS else "csv")


def _maker(chosen: str, *, bom: bool) -> Callable[[BinaryIO, Sequence[str]], RecordFile]:
    if bom and chosen != "csv":
        raise click.UsageError(f"--bom is for csv; a {chosen} file needs none")
    return partial(CsvFile, for_excel=True) if bom else FORMATS[chosen]


async def _source(
    database: Database,
    wanted: Wanted,
    terms: Sequence[str],
    ssic_codes: Sequence[str],
    level: str | None,
    zone: ZoneInfo,
) -> ExportSource:
    try:
        return await export_source(database, wanted, terms, ssic_codes, level, zone)
    except NonsenseSelection as nonsense:
        raise click.UsageError(str(nonsense)) from nonsense


def _remark(source: ExportSource, asked: Sequence[str] | None, count: int, what: str) -> None:
    """Say on standard error what the file does not show: that nothing was selected, and who has no record."""
    if source.missing:
        click.echo(f"{len(source.missing)} of {len(asked or ())} UENs have no record:", err=True)
    for why in Missing:
        uens = [uen for uen, because in source.missing.items() if because is why]
        more = f" and {len(uens) - MOST_NAMED} more" if len(uens) > MOST_NAMED else ""
        if uens:
            click.echo(f"  {why}: {', '.join(uens[:MOST_NAMED])}{more}", err=True)
    if count == 0:
        unknown = [code.zfill(5) for code in source.wanted.ssic_codes or () if code not in source.titles]
        codes = f"; ssic_ref does not know {', '.join(unknown)}" if unknown and source.titles else ""
        click.echo(f"no {what} in this selection{codes}", err=True)


class _Watch:
    """Looks whether a nightly runs, and says so; a database that goes away does not end hours of waiting."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._control = Control(database)
        self._zone = zone
        self._seen: Sequence[NightlyJob] = ()
        self._silent = False

    async def jobs(self) -> Sequence[NightlyJob]:
        """The nightly's running jobs; during a rest also while they cannot be read."""
        try:
            self._seen, self._silent = await self._control.nightly_jobs(), False
        except NotNow as away:
            if not self._seen:
                raise
            if not self._silent:
                say_to_stderr(f"the database does not answer ({away}); waiting")
            self._silent = True
        return self._seen

    def resting(self, jobs: Sequence[NightlyJob]) -> None:
        """Say that a rest begins or ends."""
        if jobs:
            say_to_stderr(f"waiting: {rest_in_words(jobs, self._zone)} (--beside-nightly does not wait)")
        else:
            say_to_stderr("the nightly has ended: the export goes on")


async def _written(pages: AsyncIterator[list[dict[str, Any]]], file: RecordFile) -> int:
    """Write page after page; returns how many rows were written."""
    count = 0
    async for page in pages:
        try:
            file.write(page)
        except TooManyRows as full:
            raise AcraExpressError(str(full)) from full
        count += len(page)
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
