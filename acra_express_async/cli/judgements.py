"""What people say about a company: `site`, `contact`, `judge` and `judgements list`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from random import Random
from typing import Any, BinaryIO, TypeVar
from zoneinfo import ZoneInfo

import click

from acra_express_async.cli.sessions import as_tenant, json_option, say, synchronous
from acra_express_async.cli.wording import cell, console, json_text, moment, table
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.records.judgement_rows import Field, JudgementLine, NewJudgement, Recorded, Word
from acra_express_async.db.records.judging import Judgements
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import AcraExpressError, RegistryFileError
from acra_express_async.jobs.attempts import LockRetry
from acra_express_async.records.judgement_input import (
    NotUnderstood,
    contact_in,
    covers_the_site,
    domain_in,
    note_in,
    read_judgements,
    who_in,
    widened_from,
)
from acra_express_async.registry.cell_cleaning import uen_in
from acra_express_async.settings.tree import load_settings

ResultT = TypeVar("ResultT")

_by = click.option("--by", required=True, help="Who judges; stored with the judgement.")
_note = click.option("--note", help="Why, at most 1,000 characters.")
_sample = click.option("--sample", "sample_id", type=click.IntRange(1, 2**63 - 1), help="The sample it belongs to.")
_no_run = click.option("--no-run", is_flag=True, help="Do not look at the company again now.")


@click.command(short_help="Judge a company's website; later runs take it as given.")
@click.argument("uen")
@click.option("--accept", is_flag=True, help="The website that was found is right.")
@click.option("--set", "set_to", metavar="DOMAIN", help="This is its website.")
@click.option("--reject", metavar="DOMAIN", help="This is not its website.")
@click.option("--none", "has_none", is_flag=True, help="It has no website.")
@click.option("--clear", is_flag=True, help="Take back every judgement on its website.")
@_by
@_note
@_sample
@_no_run
@json_option
@synchronous
async def site(
    *,
    uen: str,
    accept: bool,
    set_to: str | None,
    reject: str | None,
    has_none: bool,
    clear: bool,
    by: str,
    note: str | None,
    sample_id: int | None,
    no_run: bool,
    as_json: bool,
) -> None:
    """Say what a company's website is, or is not.

    A set or accepted site is read without a search and believed; if it is dead, the company ends as failed
    (judged_site_unreadable). A rejected one is never answered again for this company. With --none nothing is searched
    for. What we had stored from a site that is not the company's is withdrawn at once; rows of others stay. The company
    is then looked at again in a campaign named "judgement", which counts against cap and budgets and ignores
    RECHECK_DAYS. --accept looks at nothing again, because what was found on the site is stored already; only where it
    takes an earlier judgement back, which had withdrawn that, the company is looked at again. An opt-out stands above
    every judgement.

    A judgement is on a whole site: of a host or a page it is recorded for the site that they belong to, which the
    answer says.

    \b
      acra-express site 201912345K --accept --by mei
      acra-express site 201912345K --set lotus.com.sg --by mei --note "name card"
      acra-express site 201912345K --reject lotus-wreaths.com --by mei
      acra-express site 201912345K --none --by mei
    """
    chosen: list[tuple[Word | None, str | None]] = [
        (word, text)
        for word, text, is_meant in (
            (Word.ACCEPT, None, accept),
            (Word.SET, set_to, set_to is not None),
            (Word.REJECT, reject, reject is not None),
            (Word.NONE, None, has_none),
            (None, None, clear),
        )
        if is_meant
    ]
    if len(chosen) != 1:
        raise click.UsageError("say one of --accept, --set DOMAIN, --reject DOMAIN, --none and --clear")
    [(word, text)] = chosen
    wanted, who = _uen(uen), _read(who_in, by, "--by")
    value = None if text is None else _read(domain_in, text, f"--{word}")
    said = None if word is None else _judgement(wanted, "site", word, value, who, note, sample_id)
    part = None if text is None or value is None else widened_from(text, value)
    remark = None if part is None or value is None else covers_the_site(part, value)
    await _judge_one(said, wanted, "site", value, who, look_again=not no_run, remark=remark, as_json=as_json)


@click.command(short_help="Judge an address or a phone of a company.")
@click.argument("uen")
@click.argument("value")
@click.option("--accept", is_flag=True, help="It is right.")
@click.option("--reject", is_flag=True, help="It is wrong: it is withdrawn and never answered again.")
@click.option("--clear", is_flag=True, help="Take the judgement back.")
@_by
@_note
@_sample
@json_option
@synchronous
async def contact(
    *,
    uen: str,
    value: str,
    accept: bool,
    reject: bool,
    clear: bool,
    by: str,
    note: str | None,
    sample_id: int | None,
    as_json: bool,
) -> None:
    """Say whether a mail address or a phone number of a company is right.

    A rejected one is withdrawn from what we stored and never answered again for this company. Of an address that is not
    known as a role's, such as info@, only a keyed hash is kept. What was withdrawn and is now cleared or accepted is
    stored again when the company is next looked at (acra-express enqueue --uen UEN --again). Put -- before a value that
    begins with a hyphen.

    \b
      acra-express contact 201912345K sales@lotus.com.sg --accept --by mei
      acra-express contact 201912345K +6561112222 --reject --by mei
    """
    words = [word for word, is_meant in ((Word.ACCEPT, accept), (Word.REJECT, reject), (None, clear)) if is_meant]
    if len(words) != 1:
        raise click.UsageError("say one of --accept, --reject and --clear")
    wanted, who = _uen(uen), _read(who_in, by, "--by")
    field, subject = _read(contact_in, value, "VALUE")
    said = None if words[0] is None else _judgement(wanted, field, words[0], subject, who, note, sample_id)
    await _judge_one(said, wanted, field, subject, who, look_again=False, as_json=as_json)


@click.command(short_help="Many judgements from a spreadsheet.")
@click.argument("file", type=click.File("rb"))
@_by
@_sample
@_no_run
@json_option
@synchronous
async def judge(*, file: BinaryIO, by: str, sample_id: int | None, no_run: bool, as_json: bool) -> None:
    """Record the judgements of a CSV with the columns uen, field, value, judgement and perhaps note.

    `review --sample N --output FILE.csv` writes such a file to fill in; rows without a judgement are left out.
    field is site, email or phone. judgement is accept, set, reject or none for a site (none takes no value, accept
    may leave it blank), accept, reject or bounced for an email, accept or reject for a phone.

    The whole file is checked first. While any line is wrong, nothing is recorded, and every wrong line is named; mend
    them and give the same file again. Then each row is recorded in its own transaction. A file that is given again
    changes nothing, and goes on where it was interrupted. Companies whose website was judged are looked at again in one
    campaign named "judgement".
    """
    who = _read(who_in, by, "--by")
    try:
        read = read_judgements(file, by=who, sample_id=sample_id)
    except RegistryFileError as unusable:
        raise AcraExpressError(f"{file.name}: nothing was recorded, because {unusable}") from unusable
    async with as_tenant(load_settings()) as database:
        judgements = await _judgements(database)
        faults = list(read.faults)
        for line, said in read.rows:
            wrong = await judgements.check(said)
            if wrong is not None:
                faults.append((line, wrong))
        if faults:
            raise _nothing_recorded(file.name, faults)
        done = [await _recorded(judgements, said, look_again=False) for _, said in read.rows]
        campaign_id, companies = None, 0
        if not no_run:
            uens = sorted({said.uen for _, said in read.rows})
            campaign_id, companies = await _patiently(lambda: judgements.look_again(uens, who))
    answer = {
        "judgements": len(done),
        "unchanged": sum(each.unchanged for each in done),
        "withdrawn": sum(each.withdrawn for each in done),
        "campaign_id": campaign_id,
        "companies": companies,
        "blank": read.blank,
        "remarks": [{"line": line, "text": remark} for line, remark in read.remarks],
    }
    for line, remark in read.remarks:
        click.echo(f"{file.name}: line {line}: {remark}", err=True)
    text = f"{len(done)} judgement{'' if len(done) == 1 else 's'} recorded, {answer['unchanged']} of them known already"
    text += f"; {answer['withdrawn']} rows and cells withdrawn"
    text += f"; rows without a judgement: {read.blank}" if read.blank else ""
    say(answer, as_json=as_json, text=text + _again(campaign_id, companies))


@click.group(short_help="What people have said about companies.")
def judgements() -> None:
    """Judgements on websites, addresses and phones: who said what, and when."""


@judgements.command("list", short_help="The newest judgements first.")
@click.option("--uen", help="Only on this company.")
@click.option("--sample", "sample_id", type=click.IntRange(1, 2**63 - 1), help="Only those of this sample.")
@click.option("--all", "ended", is_flag=True, help="Also those that were cleared or replaced.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Longest list.")
@json_option
@synchronous
async def list_(*, uen: str | None, sample_id: int | None, ended: bool, limit: int, as_json: bool) -> None:
    """List the judgements that stand, the newest first.

    Of a person's address only a keyed hash is stored, so it is not shown.
    """
    settings = load_settings()
    async with as_tenant(settings) as database:
        found = await (await _judgements(database)).listed(
            uen=None if uen is None else _uen(uen), sample_id=sample_id, ended=ended, limit=limit
        )
    if as_json:
        click.echo(json_text({"items": [_listed(line) for line in found]}, settings.zone))
    elif found:
        _show(found, settings.zone)
    else:
        click.echo("there are no judgements; see acra-express site --help")


def _listed(line: JudgementLine) -> dict[str, Any]:
    """The line for a machine, without the hash of an address."""
    return {name: value for name, value in asdict(line).items() if name != "subject"}


def _show(found: list[JudgementLine], zone: ZoneInfo) -> None:
    shown = table(None, "UEN", "field", "judgement", "value", "by", "at", "note", yielding=("note",), zone=zone)
    for line in found:
        value = line.value or ("(kept as a hash)" if line.field == "email" else "")
        word = line.judgement if line.ended_how is None else f"{line.judgement} ({line.ended_how})"
        shown.add_row(
            cell(line.uen),
            line.field,
            word,
            cell(value),
            cell(line.judged_by),
            moment(line.judged_at, zone),
            cell(line.note),
        )
    console().print(shown)


async def _judge_one(
    said: NewJudgement | None,
    uen: str,
    field: Field,
    value: str | None,
    by: str,
    *,
    look_again: bool,
    as_json: bool,
    remark: str | None = None,
) -> None:
    """Record one judgement, or clear (`said` is None), and say what came of it; `remark` goes with the answer."""
    async with as_tenant(load_settings()) as database:
        judgements = await _judgements(database)
        if said is None:
            cleared, campaign_id = await _patiently(
                lambda: judgements.clear(uen, field, value, by, look_again=look_again)
            )
            answer: dict[str, Any] = {"uen": uen, "field": field, "cleared": cleared, "campaign_id": campaign_id}
            text = f"{uen}: {cleared} judgement{'' if cleared == 1 else 's'} cleared"
        else:
            done = await _recorded(judgements, said, look_again=look_again)
            campaign_id = done.campaign_id
            answer = {"uen": uen, "field": field, "judgement": said.judgement, **asdict(done)}
            text = f"{uen}: {field} {said.judgement}{'' if done.value is None else f' {done.value}'}"
            text += " was known already" if done.unchanged else " is recorded"
            text += f"; {done.withdrawn} rows and cells withdrawn"
    if remark is not None:
        answer["remark"] = remark
        text += f"; {remark}"
    say(answer, as_json=as_json, text=text + _again(campaign_id, 1))


def _again(campaign_id: int | None, companies: int) -> str:
    if campaign_id is None:
        return ""
    subject = "the company is" if companies == 1 else f"{companies} companies are"
    return f"; {subject} looked at again: acra-express campaigns show {campaign_id}"


def _judgement(
    uen: str, field: Field, word: Word, value: str | None, by: str, note: str | None, sample_id: int | None
) -> NewJudgement:
    plain = NewJudgement(uen=uen, field=field, judgement=word, value=value, by=by, sample_id=sample_id)
    return replace(plain, note=_read(note_in, note or "", "--note"))


async def _judgements(database: Database) -> Judgements:
    async with database.session() as connection:
        return Judgements(database, await load_address_hash(connection))


async def _recorded(judgements: Judgements, said: NewJudgement, *, look_again: bool) -> Recorded:
    return await _patiently(lambda: judgements.record(said, look_again=look_again))


async def _patiently(transaction: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Repeat a transaction that gave way to a lock of the nightly or of a worker."""
    lock_retry = LockRetry(Random(), lambda _reason: None)  # noqa: S311 - jitter
    return await lock_retry.write(transaction)


def _uen(text: str) -> str:
    uen, wrong = uen_in(text)
    if uen is None:
        raise click.BadParameter(str(wrong), param_hint="UEN")
    return uen


def _read(reader: Callable[[str], ResultT], text: str, name: str) -> ResultT:
    try:
        return reader(text)
    except NotUnderstood as wrong:
        raise click.BadParameter(str(wrong), param_hint=name) from None


def _nothing_recorded(name: str, faults: Sequence[tuple[int, str]]) -> AcraExpressError:
    wrong = "\n".join(f"line {line}: {fault}" for line, fault in sorted(faults))
    count = "this line is" if len(faults) == 1 else f"these {len(faults)} lines are"
    return AcraExpressError(f"{name}: nothing was recorded, because {count} wrong\n{wrong}")
