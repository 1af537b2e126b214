"""`acra-express enqueue`: insert one staging job, and say what it will do."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any, BinaryIO, NoReturn

import click

from acra_express_async.cli.sessions import as_tenant, json_option, operator_name, say, synchronous
from acra_express_async.cli.wording import json_text, span
from acra_express_async.companies.campaign_request import LONGEST_NAME, CampaignRequest, cuts, words_in
from acra_express_async.companies.forecast import Foreseen, left_out_text
from acra_express_async.db.companies.left_out import LeftOut
from acra_express_async.errors import RegistryFileError
from acra_express_async.logs import printable, say_to_stderr
from acra_express_async.models import local_time
from acra_express_async.registry.uen_file import UenList, read_uens
from acra_express_async.settings.tree import Settings, load_settings

NAMED_LINES = 20
"""Lines of a file that are named to a person."""
EXIT_NOTHING_LEFT = 1


@click.command(short_help="Ask for companies by term, SSIC code or UEN.")
@click.option("--term", "terms", multiple=True, help="Words of a trade, looked up in ssic_ref; repeatable.")
@click.option("--ssic", "ssic_codes", multiple=True, help="SSIC code, padded or not; repeatable.")
@click.option("--uen", "uens", multiple=True, help="One company; repeatable.")
@click.option("--uen-file", type=click.File("rb"), help="One UEN a line, or a CSV with a column uen; - for stdin.")
@click.option("--again", is_flag=True, help="Also companies that were checked within RECHECK_DAYS.")
@click.option("--limit", type=click.IntRange(1), help="Most companies to take; default: all that match.")
@click.option("--batch-size", type=click.IntRange(1), help="Companies per batch, for this campaign.")
@click.option(
    "--daily-cap",
    type=click.IntRange(0),
    help="Pause this campaign once so many companies of all campaigns were looked at today.",
)
@click.option("--authorized-by", help="Who approved a raise; one of OVERRIDE_APPROVERS.")
@click.option("--name", help="What people call this campaign, at most 200 characters.")
@json_option
@synchronous
async def enqueue(
    *,
    terms: tuple[str, ...],
    ssic_codes: tuple[str, ...],
    uens: tuple[str, ...],
    uen_file: BinaryIO | None,
    again: bool,
    limit: int | None,
    batch_size: int | None,
    daily_cap: int | None,
    authorized_by: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Enqueue one staging job; the service starts on it at once.

    The answer says how many companies match and how many will be taken, when they should be done, how much of the
    budgets that needs, and what could delay it; with --json also each UEN that will not be looked at, and why. Exit 1
    when nothing is left to do. More than the configured batch or cap needs an approver.

    \b
      acra-express enqueue --term bakery --limit 10
      acra-express enqueue --ssic 56111 --ssic 56121 --limit 300
      acra-express enqueue --uen 201912345K --again
      acra-express enqueue --uen-file uens.csv --name "spring list"
      acra-express enqueue --term bakery --batch-size 10 --authorized-by NAME
    """
    figures = {"batch_size": batch_size, "daily_cap": daily_cap, "authorized_by": authorized_by}
    throttle = {key: value for key, value in figures.items() if value is not None} or None
    read = UenList() if uen_file is None else read_uens(uen_file)
    listed = [*uens, *read.uens]
    if uen_file is not None and not read.uens:
        raise _no_uens(uen_file, read)
    if not words_in([*terms, *ssic_codes, *listed]):
        raise click.UsageError("name at least one --term, --ssic, --uen or --uen-file")
    settings = load_settings()
    request = CampaignRequest.of(
        settings,
        terms=terms,
        ssic_codes=ssic_codes,
        uens=listed,
        limit=limit,
        again=again,
        throttle=throttle,
    )
    judged, named = request.judged, _name(name)
    async with as_tenant(settings) as database:
        seen = await request.foreseen(database, settings)
        if seen.refusal is not None:
            _refuse(seen, uen_file, read, settings, as_json=as_json)
        job_id = await request.enqueue(database, seen, name=named, by=operator_name())
    answer = {
        "job_id": job_id,
        "matched": seen.matched,
        "companies": seen.companies,
        "batch_size": judged.batch_size,
        "waiting": seen.waiting,
        "expected_seconds": round(seen.seconds),
        "expected_end": seen.ends_at.isoformat(timespec="seconds") if seen.ends_at else None,
        "bound": seen.bound,
        "budgets": [asdict(need) for need in seen.needs],
        "notes": [*seen.notes, *_file_notes(uen_file, read), *cuts(judged, settings)],
    }
    if as_json:
        answer |= _left_out(seen, read, settings)
    say(answer, as_json=as_json, text="\n".join(_said(answer, seen, settings)))


def _no_uens(file: BinaryIO, read: UenList) -> RegistryFileError:
    """A file without a single UEN: most likely another file was meant."""
    wrong = f" ({'; '.join(read.faults[:NAMED_LINES])})" if read.faults else ""
    empty = "holds no UEN" if read.faults else "is empty"
    return RegistryFileError(
        f"{file.name} {empty}{wrong}; --uen-file takes one UEN a line, or a CSV file with a column named uen"
    )


def _refuse(seen: Foreseen, file: BinaryIO | None, read: UenList, settings: Settings, *, as_json: bool) -> NoReturn:
    """End with 1, because nothing is left to do; what is left out is told all the same."""
    notes = _file_notes(file, read)
    if as_json:
        say_to_stderr(json_text({"error": seen.refusal, "notes": notes, **_left_out(seen, read, settings)}))
    else:
        say_to_stderr("\n".join([f"acra-express: {seen.refusal}", *(f"note: {note}" for note in notes)]))
    sys.exit(EXIT_NOTHING_LEFT)


def _file_notes(file: BinaryIO | None, read: UenList) -> list[str]:
    """What of a file of UENs was not understood or is there twice, by line."""
    if file is None:
        return []
    notes = [f"{file.name}, {fault}" for fault in read.faults[:NAMED_LINES]]
    if (more := len(read.faults) - NAMED_LINES) > 0:
        notes.append(f"{file.name}: {more} more lines without a UEN (--json lists them all)")
    if read.repeated:
        count, shown = len(read.repeated), read.repeated[:NAMED_LINES]
        lines = ", ".join(map(str, shown)) + (" … (--json lists them all)" if count > len(shown) else "")
        notes.append(f"{file.name}: {count} {'lines repeat' if count > 1 else 'line repeats'} a UEN: line {lines}")
    return notes


def _left_out(seen: Foreseen, read: UenList, settings: Settings) -> dict[str, Any]:
    """Everything that will not be looked at, for a program: UENs with their reasons, and lines of the file."""
    return {
        "left_out": [_one_left_out(out, settings) for out in seen.left_out],
        "not_understood": read.faults,
        "repeated_lines": read.repeated,
    }


def _one_left_out(out: LeftOut, settings: Settings) -> dict[str, Any]:
    looked_at = out.looked_at and out.looked_at.astimezone(settings.zone).isoformat(timespec="seconds")
    return {
        "uen": out.uen,
        "reason": out.reason,
        "text": left_out_text(out, settings),
        "looked_at": looked_at,
        "campaign_id": out.campaign_id,
    }


def _name(given: str | None) -> str | None:
    name = (given or "").strip()
    if len(name) > LONGEST_NAME:
        raise click.BadParameter(f"a name has at most {LONGEST_NAME} characters", param_hint="--name")
    return printable(name) or None


def _said(answer: dict[str, Any], seen: Foreseen, settings: Settings) -> list[str]:
    """The answer as lines for a person."""
    job_id, size = answer["job_id"], answer["batch_size"]
    skipped = f"; {seen.skipped}" if seen.skipped else ""
    lines = [f"enqueued job {job_id}: {seen.taken}, in batches of {size}{skipped}"]
    behind = f", beside {seen.waiting} companies of other campaigns" if seen.waiting else ""
    takes = f"about {span(seen.seconds)}{behind}; limited by {seen.bound}"
    if seen.ends_at is None:
        lines.append(f"it waits until claiming is resumed (acra-express resume), and then takes {takes}")
    elif not seen.served:
        lines.append(f"started now, a service would be done by {local_time(seen.ends_at, settings.zone)}, in {takes}")
    else:
        lines.append(f"expected to be done by {local_time(seen.ends_at, settings.zone)}, in {takes}")
    lines += [f"needs {need}" for need in seen.needs]
    lines += [f"note: {note}" for note in answer["notes"]]
    return [*lines, f"follow it with: acra-express campaigns show {job_id}"]
