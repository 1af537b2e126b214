"""The last decision about a company, told in plain sentences: what `acra-express explain` and the console say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from acra_express_async.db.companies.decisions import Decision, Explanation
from acra_express_async.db.records.judgement_rows import JudgementLine
from acra_express_async.logs import printable
from acra_express_async.models import offset
from acra_express_async.records.reasons import REASONS, REJECTED, SIGNALS, in_words, refusal_in_words

_REJECTED = "rejected_"


def prose(known: Explanation, zone: ZoneInfo, at: datetime | None = None) -> str:
    """The decision in plain sentences, with times in `zone`; `at` is the moment that was asked for."""
    lines = [f"{known.name or 'A company'} ({known.uen})"]
    if at is not None:
        lines.append(f"As it stood on {_when(at, zone)}:")
    if known.opted_out is not None:
        lines.append(f"Opted out on {_when(known.opted_out, zone)}; nothing is searched or stored about it any more.")
    lines += [
        f"{site.domain} opted out on {_when(site.at, zone)}; nothing is read or stored from it any more."
        for site in known.opted_out_domains
    ]
    lines += [_judged(said, zone) for said in known.judgements]
    if known.decision is None:
        nothing = "Nothing has been decided about it yet." if at is None else "Nothing had been decided about it."
        return _plain([*lines, nothing])
    lines += [_decided(known.decision, zone)]
    if known.decision.overruled:
        lines.append("What a person said stands above this decision; what it had stored is withdrawn.")
    if known.since is not None:
        since = known.since
        lines.append(f"Since then, on {_when(since.ended_at, zone)} in job {since.job_id}: {since.kind}{_why(since)}.")
    if known.decision.detail:
        lines += ["", *_detail(known.decision.detail, withdrawn=known.decision.overruled)]
    else:
        lines.append(_untold(known.decision))
    return _plain(lines)


def _untold(decision: Decision) -> str:
    if decision.kind == "enriched":
        return f"The details are no longer stored: {in_words(decision.reason or 'forgotten')}."
    return "The details are no longer stored."


def _judged(said: JudgementLine, zone: ZoneInfo) -> str:
    value = said.value or "an address of which only a hash is kept"
    words = {
        "accept": f"{value} is right",
        "set": f"its website is {value}",
        "reject": f"{value} is not its own",
        "none": "it has no website",
        "bounced": f"mail to {value} came back",
    }[said.judgement]
    note = f" ({said.note})" if said.note else ""
    return f"{said.judged_by} said on {_when(said.judged_at, zone)}: {words}{note}."


def _plain(lines: Iterable[str]) -> str:
    """The text comes from web pages and the registry, so it is stripped of anything that moves a terminal's cursor."""
    return "\n".join(printable(line) for line in lines)


def _decided(decision: Decision, zone: ZoneInfo) -> str:
    site = decision.detail.get("site")
    found = {
        "enriched": f"its own website is {site['domain']}" if site else "its own website was found",
        "no_website": "no website was found" + _why(decision),
        "skipped": "skipped" + _why(decision),
        "failed": "failed" + _why(decision),
        "cancelled": "cancelled by a person",
    }[decision.kind]
    attempt = decision.detail.get("attempt")
    work = f"job {decision.job_id}" + (f" (attempt {attempt})" if attempt else "")
    return f"Decided on {_when(decision.ended_at, zone)}, in {work}: {found}."


def _why(decision: Decision) -> str:
    if not decision.reason:
        return ""
    said = REASONS.get(decision.reason)
    return f", because {said} ({decision.reason})" if said else f" ({decision.reason})"


def _detail(detail: Mapping[str, Any], *, withdrawn: bool) -> Iterator[str]:
    queries, pages = detail.get("queries") or [], _pages(detail)
    yield "Searched: " + ("; ".join(queries) if queries else "nothing") + "."
    yield "Read: " + (", ".join(pages) if pages else "no page") + "."
    if site := detail.get("site"):
        yield from ("", f"Why {site['domain']}: {site['points']} points.", *_evidence(site))
        if "/" in site["domain"]:
            yield "  Its address is a path on a shared host, so companies.website_domain was left alone."
        if detail.get("domain_taken"):
            yield "  Another company already holds this domain, so companies.website_domain was left alone."
    for number, rejected in enumerate(detail.get("rejected") or []):
        yield from ("", "Rejected candidates:") if number == 0 else ()
        yield f"{rejected['domain']}: {rejected['points']} points{_doubt(rejected)}."
        yield from _evidence(rejected)
    contacts = [*_emails(detail), *_numbers(detail)]
    if contacts:
        yield from ("", "Contacts (withdrawn with the site):" if withdrawn else "Contacts:", *contacts)
    yield from ("", _cost(detail))
    if notes := detail.get("notes"):
        yield f"Notes: {'; '.join(in_words(note) for note in notes)}."


def _pages(detail: Mapping[str, Any]) -> list[str]:
    """The pages in order, each with what was special about its reading (outcomes of older versions do not say)."""
    told = {reading["url"]: ", ".join(_special(reading)) for reading in detail.get("readings") or []}
    return [f"{url} ({told[url]})" if told.get(url) else url for url in detail.get("pages") or []]


def _special(reading: Mapping[str, Any]) -> Iterator[str]:
    if reading.get("unusable_reason"):
        yield f"not usable: {refusal_in_words(reading['unusable_reason'])}"
    if reading.get("cut_at"):
        yield f"cut at {reading['cut_at']} tokens"
    if reading.get("footer_read"):
        yield "read again for its footer"


def _doubt(site: Mapping[str, Any]) -> str:
    """Why a candidate was rejected; the last thing that was recorded about it."""
    last = (site.get("evidence") or [{"signal": ""}])[-1]["signal"]
    said = REJECTED.get(str(last).removeprefix(_REJECTED)) if str(last).startswith(_REJECTED) else None
    return f", but {said}" if said else ""


def _evidence(site: Mapping[str, Any]) -> Iterator[str]:
    for seen in site.get("evidence") or []:
        if str(seen["signal"]).startswith(_REJECTED):
            continue
        said = SIGNALS.get(seen["signal"]) or str(seen["signal"]).replace("_", " ")
        detail = f': "{seen["detail"]}"' if seen.get("detail") else ""
        yield f"  {seen['points']:+4d}  {said}{detail}, at {seen['url']} [{seen['signal']}]"


def _emails(detail: Mapping[str, Any]) -> Iterator[str]:
    for email in detail.get("emails") or []:
        shown = email.get("address") or f"{email['kind']} address, kept only as hash {email['address_hash'][:12]}"
        result = email.get("verdict")
        judged = "not verified"
        if result:
            sub_status = f" ({result['sub_status']})" if result.get("sub_status") else ""
            judged = f"{result['status']}{sub_status} according to {result['source']}"
        yield f"  {shown}, {judged}, seen at {email['url']}{_word(email)}"


def _numbers(detail: Mapping[str, Any]) -> Iterator[str]:
    for phone in detail.get("phones") or []:
        yield f"  {phone['number']} ({phone['kind']}), seen at {phone['url']}{_word(phone)}"
    for social in detail.get("socials") or []:
        yield f"  {social['network']}: {social['url']}"
    if postal := detail.get("postal_code"):
        yield f"  postal code {postal['value']}, seen at {postal['url']}"


def _word(contact: Mapping[str, Any]) -> str:
    """What a person said of an address or a number."""
    said = {
        "accept": "a person confirmed it",
        "reject": "withdrawn, a person rejected it",
        "bounced": "withdrawn, mail to it came back",
    }
    return f"; {said[contact['judged']]}" if contact.get("judged") in said else ""


def _cost(detail: Mapping[str, Any]) -> str:
    usage = detail.get("usage") or {}
    seconds = sum((detail.get("stage_seconds") or {}).values())
    parts = [
        f"{(number := usage.get(key, 0))} {word}{'' if number == 1 else 's'}"
        for key, word in (
            ("searches", "search request"),
            ("pages", "page request"),
            ("tokens", "token"),
            ("verifications", "verification"),
        )
    ]
    if (read := len(detail.get("pages") or [])) != usage.get("pages", 0):
        parts[1] += f" for {read} {'page' if read == 1 else 'pages'}"  # a try, or a second look for the footer
    return f"It cost {', '.join(parts)} and {seconds:.1f} s."


def _when(moment: datetime, zone: ZoneInfo) -> str:
    at = moment.astimezone(zone)
    return f"{at:%d %b %Y %H:%M} {offset(at)}"
