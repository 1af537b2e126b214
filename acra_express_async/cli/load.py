"""`acra-express load-registry` and `load-ssic`: reference files into the platform's tables, as the login account."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from acra_express_async.cli.sessions import as_login, json_option, say, synchronous
from acra_express_async.db.registry import registry_rows
from acra_express_async.db.registry.registry_rows import LoadReport
from acra_express_async.db.registry.ssic_rows import load_ssic as load_titles
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import RegistryFileError
from acra_express_async.logs import printable
from acra_express_async.registry import RegistryFile
from acra_express_async.registry.packing import REGISTRY, Part, in_one_sentence, parts_of, parts_of_stream
from acra_express_async.registry.rejects import SHOWN, Rejects
from acra_express_async.registry.ssic_file import SSIC, read_ssic
from acra_express_async.settings.tree import load_settings

STDIN = "standard input"
COMPLETED_PATH = click.Path(readable=False, allow_dash=True)
"""A shell completes it; what is wrong with it is said by the reader of the file."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What became of one file."""

    name: str
    report: LoadReport
    rejects: Path | None


@click.command("load-registry", short_help="Load ACRA's registry files (csv, zip, gz).")
@click.argument("files", nargs=-1, required=True, metavar="FILE…|DIRECTORY|-", type=COMPLETED_PATH)
@click.option("--rejects", "rejects_path", type=click.Path(dir_okay=False, path_type=Path), help="One file for all.")
@json_option
@synchronous
async def load_registry(files: tuple[str, ...], rejects_path: Path | None, as_json: bool) -> None:
    """Load ACRA's "Information on Corporate Entities" into staging_acra_companies.

    The registry is published as one CSV file per initial letter: name them all, or their directory, or a zip archive.
    Every header is read before the first row is loaded. Good rows are upserted; a file that is loaded again changes
    nothing. Rows of A.csv that were rejected or kept with a remark are written, with line and reason, to A.rejects.csv
    beside it, or to PATH of --rejects; where that is impossible, and for standard input, the first 20 go to stderr.
    Such files of an earlier load are left out.

    \b
      acra-express load-registry ACRAInformationonCorporateEntities*.csv
      curl -s URL | acra-express load-registry -
    """
    settings = load_settings()
    with ExitStack() as opened:
        parts = _readable(files, opened, as_json=as_json)
        one = None if rejects_path is None else Rejects(rejects_path, demanded=True)
        if one is not None:
            opened.callback(one.close)
        loaded: list[_Loaded] = []
        async with as_login(settings) as connection:
            await registry_rows.require_table(connection, "staging_acra_companies")
            try:
                for done in _bars(parts, as_json=as_json):
                    loaded.append(await _load(connection, done.part, one, done))
                    if not as_json and len(parts) > 1:
                        click.echo(_counted(loaded[-1].report, loaded[-1].name))
            finally:
                if any(each.report.taken for each in loaded):
                    await registry_rows.load_ended(connection)
    total = _total([each.report for each in loaded])
    places = [str(each.rejects) for each in loaded if each.rejects is not None]
    text = _counted(total, f"{len(parts)} files" if len(parts) > 1 else "")
    if places:
        text += (
            f" (lines and reasons in {places[0]}{f' and {len(set(places)) - 1} more' if len(set(places)) > 1 else ''})"
        )
    if not total.taken and total.rejected:
        text += "; no row could be loaded"
    answer = _figures(total) | {"items": [{"file": each.name, **_figures(each.report)} for each in loaded]}
    say(answer, as_json=as_json, text=text)


@dataclass(frozen=True, slots=True)
class _Bar:
    """The progress bar of one file."""

    part: Part
    bar: Progress
    task: TaskID

    def advanced(self, done: int) -> None:
        self.bar.update(self.task, completed=done)


def _bars(parts: Sequence[Part], *, as_json: bool) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, disable=as_json or not sys.stderr.isatty()) as bar:
        for number, part in enumerate(parts, start=1):
            task = bar.add_task(f"loading {number} of {len(parts)}", total=part.size)
            yield _Bar(part, bar, task)
            bar.remove_task(task)


async def _load(connection: Connection, part: Part, one: Rejects | None, bar: _Bar) -> _Loaded:
    """Load one file, and say what no rejects file could take."""
    rejects = one or Rejects(part.rejects)
    source = RegistryFile(part)
    try:
        report = await registry_rows.load_rows(connection, source, rejects=rejects, progress=bar.advanced)
    finally:
        source.close()
        if one is None:
            rejects.close()
    if one is None and rejects.lines and rejects.written is None:
        why = f"{part.rejects} cannot be written ({rejects.fault})" if rejects.fault else "there is no place for a file"
        more = f", the first {SHOWN} of {rejects.lines}" if rejects.lines > SHOWN else ""
        click.echo(f"{part.name}: {why}; rejects and remarks{more} (--rejects PATH writes all of them):", err=True)
        for line in rejects.first:
            click.echo(f"  {printable(line)}", err=True)
    return _Loaded(part.name, report, rejects.written)


def _readable(files: Sequence[str], kept: ExitStack, *, as_json: bool) -> list[Part]:
    """The registry files that the arguments name; their headers are read before anything is loaded.

    Raises:
        RegistryFileError: some are no registry files, each is named; or there are only rejects of earlier loads.
    """
    parts: list[Part] = []
    faults: list[str] = []
    for file in files:
        try:
            parts += _parts(file, kept)
        except RegistryFileError as wrong:
            faults.append(str(wrong))
    former = [part for part in parts if part.is_former_rejects]
    parts = [part for part in parts if not part.is_former_rejects]
    if not as_json:
        for part in former:
            click.echo(printable(f"{part.name} holds rejects of an earlier load: left out"), err=True)
    if former and not parts and not faults:
        faults.append(f"there is nothing to load: {former[0].name} holds rejects of an earlier load")
    for part in parts:
        if part.rejects is None:
            continue  # a stream can be read only once
        try:
            RegistryFile(part).close()
        except RegistryFileError as wrong:
            faults.append(str(wrong))
    if faults:
        raise in_one_sentence(faults)
    return parts


def _parts(file: str, kept: ExitStack, what: str = REGISTRY) -> list[Part]:
    """The CSV files that an argument names."""
    return parts_of_stream(sys.stdin.buffer, STDIN, kept, what) if file == "-" else parts_of(Path(file), what)


def _total(reports: Sequence[LoadReport]) -> LoadReport:
    def summed(name: str) -> int:
        return sum(getattr(report, name) for report in reports)

    return LoadReport(summed("loaded"), summed("updated"), summed("unchanged"), summed("rejected"), summed("remarks"))


def _figures(report: LoadReport) -> dict[str, Any]:
    names = ("loaded", "updated", "unchanged", "rejected", "remarks")
    return {name: getattr(report, name) for name in names}


def _counted(report: LoadReport, name: str) -> str:
    text = f"{report.loaded} loaded, {report.updated} updated, "
    text += f"{report.unchanged} unchanged, " if report.unchanged else ""
    text += f"{report.rejected} rejected, {report.remarks} remarks"
    return f"{printable(name)}: {text}" if name else text


@click.command("load-ssic", short_help="Load the titles of SSIC codes (CSV).")
@click.argument("file", type=COMPLETED_PATH)
@json_option
@synchronous
async def load_ssic(file: str, as_json: bool) -> None:
    """Fill ssic_ref, in which terms are looked up, from a CSV file of the Singapore Standard Industrial Classification.

    The file has a column for the code (code, ssic_code, SSIC 2025 …) and one for the title; a description and a
    version are taken over too. Only codes of five digits are loaded, because the registry has no others. A code that
    exists already gets the new title. - reads standard input.
    """
    settings = load_settings()
    with ExitStack() as kept:
        parts = _parts(file, kept, SSIC)
        if len(parts) > 1:
            raise click.UsageError(f"{file} holds {len(parts)} files; name one")
        table = read_ssic(parts[0])
    async with as_login(settings) as connection:
        await registry_rows.require_table(connection, "ssic_ref")
        done = await load_titles(connection, table)
    answer = {
        "loaded": done.loaded,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "rejected": len(table.faults),
        "headings": table.headings,
        "version": table.version,
        "faults": table.faults,
    }
    codes = "code" if done.loaded == 1 else "codes"
    text = f"{done.loaded} {codes} loaded, {done.updated} updated, {done.unchanged} unchanged ({table.version})"
    if table.headings:
        headings = "1 heading" if table.headings == 1 else f"{table.headings} headings"
        text += f"; {headings} of sections, divisions, groups and classes left out"
    if not as_json:
        for fault in table.faults:
            click.echo(printable(f"{parts[0].name}, {fault}"), err=True)
    say(answer, as_json=as_json, text=text)
