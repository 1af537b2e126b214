"""`acra-express review` and `acra-express accuracy`: what is worth a person's minute, and how right the answers are."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import click

from acra_express_async.cli.export import opened
from acra_express_async.cli.sessions import as_tenant, json_option, operator_name, synchronous
from acra_express_async.cli.wording import cell, console, json_text, moment, table
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.records.review_rows import MOST_LOOKED_AT, ReviewRows
from acra_express_async.db.records.sample_rows import SampleMember, Samples
from acra_express_async.db.registry.ssic_codes import codes_of
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import AcraExpressError
from acra_express_async.records.accuracy import (
    FIELDS,
    MOST_INVALID,
    Accuracy,
    Precision,
    VerdictShare,
    accuracy_of,
    drawn,
    member_of,
    verdict_shares,
)
from acra_express_async.records.judgement_template import write_template
from acra_express_async.records.levels import Level
from acra_express_async.records.review import WORDS, ReviewItem, looks_in, worth_most
from acra_express_async.settings.tree import Settings, load_settings

SEED_BITS = 31


@click.command(short_help="What is worth a person's minute; or a random sample.")
@click.option("--ssic", "ssic_codes", multiple=True, help="Only companies of this SSIC code; repeatable.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Longest list.")
@click.option("--sample", "size", type=click.IntRange(1, 10_000), help="Draw this many answers at random instead.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the sample; the same seed draws the same again.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, readable=False),
    help="With --sample: a CSV file to fill in and give to `judge`.",
)
@json_option
@synchronous
async def review(
    *, ssic_codes: tuple[str, ...], limit: int, size: int | None, seed: int | None, output: str | None, as_json: bool
) -> None:
    """List the decisions that are most worth a look, each with the facts that decide.

    In this order: dead sites that a person set, sites that changed, unsure answers, companies with more than one
    possible site, and near misses; of each kind the newest first. The newest 20,000 decisions are looked through.
    What a person has judged is not listed.

    With --sample it draws a random sample of answers (companies with a website that no person set), stores it and
    prints its ID. Judge every member, with `site UEN … --sample ID` and `contact UEN VALUE … --sample ID`, or in a
    file with `judge FILE.csv --sample ID`; then `accuracy` tells how right the answers are. --output writes that file
    (for a spreadsheet, with a byte order mark), one row a company with its name and the page that proved the site; the
    column judgement is left blank.

    \b
      acra-express review --ssic 56111
      acra-express review --sample 100 --seed 7 --output sample.csv
    """
    if size is None and (seed is not None or output is not None):
        raise click.UsageError(f"{'--seed' if seed is not None else '--output'} is for --sample")
    if output == "-":
        raise click.UsageError("--output takes a file: judgements are filled in there")
    settings = load_settings()
    async with as_tenant(settings) as database:
        codes = await _codes(database, ssic_codes)
        if size is None:
            found = [look async for page in ReviewRows(database).pages(codes) for look in looks_in(page)]
            _show_looks(worth_most(found, limit), settings, as_json=as_json)
        else:
            chosen = secrets.randbits(SEED_BITS) if seed is None else seed
            with nullcontext() if output is None else opened(output) as target:
                sample = await _drawn(Samples(database), size, chosen, codes)
                if target is not None:
                    write_template(target, sample.members)
            _show_sample(sample, output, as_json=as_json)


@click.command(short_help="Precision by level, from judged samples.")
@click.option("--sample", "sample_id", type=click.IntRange(1, 2**63 - 1), help="One sample; default: all together.")
@json_option
@synchronous
async def accuracy(*, sample_id: int | None, as_json: bool) -> None:
    """Tell how right sites, addresses and phones are by level, with a Wilson interval at 95 %.

    Only judgements made for a sample count (`--sample ID`), because other companies were looked at for a reason. A
    site is right when it was accepted; where it is wrong, its addresses and phones are wrong too, otherwise those
    count that were judged. Beside it stand ZeroBounce's verdicts on addresses of the newest answers of 30 days: more
    than 5 % invalid ones at a level are a warning.
    """
    settings = load_settings()
    async with as_tenant(settings) as database:
        async with database.session() as connection:
            hashes = await load_address_hash(connection)
        samples = Samples(database)
        found = accuracy_of(await samples.judged(sample_id), hashes.text)
        shares = verdict_shares(await samples.verdicts())
    if as_json:
        click.echo(json_text(_as_object(sample_id, found, shares)))
    else:
        _show_accuracy(found, shares)


async def _codes(database: Database, ssic_codes: tuple[str, ...]) -> list[str] | None:
    if not ssic_codes:
        return None
    async with database.session() as connection:
        return await codes_of(connection, (), ssic_codes, await probe(connection))


@dataclass(frozen=True, slots=True)
class _Sample:
    sample_id: int
    members: list[SampleMember]
    population: int
    seed: int


async def _drawn(samples: Samples, size: int, seed: int, codes: list[str] | None) -> _Sample:
    keys, population = await drawn(samples.answers(codes), size, seed)
    members = [member for told in await samples.told(keys) if (member := member_of(told)) is not None]
    if not members:
        raise AcraExpressError("there is no answer to draw from: no company of this selection has a website")
    sample_id = await samples.store(
        members, by=operator_name(), seed=seed, wanted=size, population=population, ssic_codes=codes
    )
    return _Sample(sample_id, members, population, seed)


def _show_sample(sample: _Sample, output: str | None, *, as_json: bool) -> None:
    sample_id, members = sample.sample_id, sample.members
    if as_json:
        answer = {"sample_id": sample_id, "seed": sample.seed, "population": sample.population}
        click.echo(json_text(answer | {"items": [_member(member) for member in members]}))
        return
    click.echo(f"sample {sample_id}: {len(members)} of {sample.population} answers, seed {sample.seed}")
    if output is not None:
        click.echo(
            f"fill in the column judgement of {output}: accept, reject, set (the right domain as value) or none\n"
            f"then: acra-express judge {output} --sample {sample_id} --by WHO\n"
            f"then: acra-express accuracy --sample {sample_id}"
        )
        return
    shown = table(None, "UEN", "name", "website", "level", "points", yielding=("name",))
    for member in members:
        shown.add_row(cell(member.key.uen), cell(member.name), cell(member.domain), member.level, str(member.points))
    console().print(shown)
    click.echo(f"judge each one with --sample {sample_id}; then: acra-express accuracy --sample {sample_id}")


def _member(member: SampleMember) -> dict[str, Any]:
    return {
        "uen": member.key.uen,
        "name": member.name,
        "website": member.domain,
        "url": member.url,
        "points": member.points,
        "level": member.level,
    }


def _show_looks(looks: list[ReviewItem], settings: Settings, *, as_json: bool) -> None:
    if as_json:
        items = [asdict(look) | {"why": look.why.name.lower(), "text": WORDS[look.why]} for look in looks]
        click.echo(json_text({"items": items}, settings.zone))
        return
    if not looks:
        click.echo(f"nothing among the newest {MOST_LOOKED_AT:,} decisions is worth a look")
        return
    shown = table(None, "UEN", "name", "why", "website", "facts", "decided", yielding=("name",), zone=settings.zone)
    for look in looks:
        at = moment(look.decided_at, settings.zone)
        shown.add_row(
            cell(look.uen), cell(look.name), WORDS[look.why], cell(look.website), cell("; ".join(look.facts)), at
        )
    console().print(shown)


def _as_object(sample_id: int | None, found: Accuracy, shares: list[VerdictShare]) -> dict[str, Any]:
    return {
        "sample_id": sample_id,
        "members": found.members,
        "unjudged": found.unjudged,
        "items": [
            {"field": name, "level": level} | _figures(found.of(name, level))
            for name in FIELDS
            for level in (*Level, None)
        ],
        "zerobounce": [
            {
                "level": share.level,
                "verified": share.verified,
                "by_status": dict(share.by_status),
                "invalid_share": _rounded(share.invalid_share),
                "warning": share.is_suspect,
            }
            for share in shares
        ],
    }


def _figures(precision: Precision) -> dict[str, Any]:
    low, high = precision.interval or (None, None)
    return {
        "judged": precision.judged,
        "right": precision.right,
        "precision": _rounded(precision.share),
        "low": _rounded(low),
        "high": _rounded(high),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _show_accuracy(found: Accuracy, shares: list[VerdictShare]) -> None:
    click.echo(f"{found.members} answers in samples, {found.unjudged} of them not judged yet")
    shown = table(None, "field", "level", "judged", "right", "precision", "95 % interval")
    for name in FIELDS:
        for level in (*Level, None):
            precision = found.of(name, level)
            interval = precision.interval
            within = "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
            figure = "" if precision.share is None else f"{precision.share:.3f}"
            shown.add_row(name, level or "all", str(precision.judged), str(precision.right), figure, within)
    console().print(shown)
    verified = table("ZeroBounce, answers of 30 days", "level", "verified", "invalid", "by status")
    for share in shares:
        statuses = ", ".join(f"{status} {count}" for status, count in share.by_status.items())
        invalid = "" if share.invalid_share is None else f"{share.invalid_share:.1%}"
        verified.add_row(share.level.value, str(share.verified), invalid, cell(statuses))
    console().print(verified)
    for share in shares:
        if share.is_suspect:
            click.echo(
                f"warning: more than {MOST_INVALID:.0%} of the addresses at the level {share.level} are invalid; "
                "judge a sample"
            )
