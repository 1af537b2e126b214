"""The status in a terminal: whole for `status`, and cut to the terminal's size for `status --watch`.

A watched screen shows the verdict and the campaigns first. What has no room is left out from the end: the last
companies, then workers, queue and budgets. On a wide screen these stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from acra_express_async.cli.wording import cell, clock_name, moment, span
from acra_express_async.models import job_word
from acra_express_async.records.reasons import in_words, refusal_in_words

WIDE = 110
"""Columns from which budgets stand beside queue and workers."""
WORDS = {
    "pass": ("It is fine", "bold green"),
    "warn": ("Worth a look", "bold yellow"),
    "fail": ("Something is wrong", "bold red"),
}


def screen(answer: dict[str, Any]) -> RenderableType:
    """The whole status, without empty tables."""
    parts = [*head(answer), *(part for block in _blocks(answer) for part in (Text(""), block))]
    return Group(
        *parts,
        Text(""),
        *_failures(answer),
        Text(f"{_figures_age(answer)}; times: {clock_name(_zone(answer))}", style="dim"),
    )


def fitted(answer: dict[str, Any], width: int, height: int, note: str | None = None) -> RenderableType:
    """The status on `height` lines of `width` columns.

    Args:
        note: a sentence above all others: the service does not answer any more.
    """
    measure = Console(width=width, height=height)
    top = ([Text(note, style="bold red")] if note else []) + head(answer)
    ages = f"{_figures_age(answer)}; times: {clock_name(_zone(answer))}; Ctrl-C ends"
    foot = Text(ages, style="dim", no_wrap=True, overflow="ellipsis")
    shown: list[RenderableType] = _first_lines(measure, top, max(3, height // 3))
    room = height - _lines(measure, Group(*shown)) - 1
    for part in _parts(answer, width, room):
        lines = _lines(measure, part)
        if lines + 1 <= room:
            shown += [Text(""), part]
            room -= lines + 1
    return Group(*shown, *([Text("\n" * (room - 1))] if room > 0 else []), foot)


def _parts(answer: dict[str, Any], width: int, room: int) -> list[RenderableType]:
    """The parts below the verdict, the most important first; only the last one takes what room is left."""
    campaigns = _campaigns(answer, max(2, room // 3))
    queue, workers, budgets = _queue(answer), _workers(answer), _budgets(answer)
    if width >= WIDE:
        pair = Table.grid(Column(ratio=1), Column(ratio=1), expand=True)
        pair.add_row(Group(queue, Text(""), workers), budgets)
        tables: list[RenderableType] = [campaigns, pair]
    else:
        tables = [campaigns, budgets, queue, workers]
    measure = Console(width=width)
    left = room - sum(_lines(measure, part) + 1 for part in tables)
    if answer["companies"] and left >= 3:
        tables.append(_companies(answer, left - 2))
    return tables


def head(answer: dict[str, Any]) -> list[Text]:
    """The verdict, and what explains it."""
    word, style = WORDS[answer["verdict"]["word"]]
    zone = _zone(answer)
    now = moment(answer["now"], zone, seconds=True)
    lines = [Text(f"{word} (acra-express {answer['version']}, {now})", style=style)]
    lines += [Text(f"  {sentence}") for sentence in answer["verdict"]["why"]]
    lines += [Text(f"  {sentence}", style="dim") for sentence in answer["verdict"].get("waits", ())]
    for line in answer["breakers"]:
        probe = f", next probe {moment(line['open_until'], zone)}" if line["open_until"] else ""
        kind = "away" if line["kind"] == "outage" else line["kind"]
        lines.append(Text(f"  {line['provider']} is {kind} ({refusal_in_words(line['reason'])}){probe}"))
    if answer["stands_back"]:
        lines.append(Text("  the nightly is running, so nothing is claimed"))
    lines += [Text(f"  {sentence}") for sentence in _nightly(answer["nightly"])]
    claim, days = answer["database"]["last_claim"], answer.get("registry", {}).get("age_days")
    facts = [] if claim is None else [f"last claim: {claim['result']}, {span(claim['seconds_ago'])} ago"]
    facts += [] if days is None else [f"registry of {days} days ago"]
    if facts:
        lines.append(Text(f"  {'; '.join(facts)}", style="dim"))
    return lines


def _nightly(nightly: dict[str, Any]) -> list[str]:
    """What the nightly and express cost each other; nothing where they cost nothing."""
    sentences = []
    if nightly["skipped_ahead"]:
        sentences.append(
            f"pending nightly jobs will skip {nightly['skipped_ahead']} companies that we did within 7 days"
        )
    if nightly["relabelled"]:
        sentences.append(f"the nightly gave {nightly['relabelled']} companies of ours the UEN of a namesake, in 7 days")
    return sentences


def _blocks(answer: dict[str, Any]) -> list[RenderableType]:
    blocks: list[RenderableType] = [_campaigns(answer, len(answer["campaigns"]))]
    blocks += [_queue(answer), _workers(answer), _budgets(answer)]
    return blocks + ([_companies(answer, len(answer["companies"]))] if answer["companies"] else [])


def _table(*heads: str, yielding: tuple[str, ...] = ()) -> Table:
    """A table without rules, one line each row; the columns in `yielding` are shortened where there is no room."""
    columns = [
        Column(head, no_wrap=head not in yielding, overflow="ellipsis", min_width=4 if head in yielding else len(head))
        for head in heads
    ]
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _campaigns(answer: dict[str, Any], most: int) -> RenderableType:
    lines = answer["campaigns"]
    if not lines:
        return Text("no campaign has work left")
    shown = _table("campaign", "name", "ended", "in work", "to stage", "expected end", yielding=("name",))
    zone = _zone(answer)
    rows = most - 1 if len(lines) > most else most
    for line in lines[:rows]:
        left = "all that match" if line["left"] is None else str(line["left"])
        shown.add_row(
            str(line["campaign_id"]),
            cell(line.get("name")),
            str(line["ended"]),
            str(line["waiting"]),
            left,
            "after resume" if answer["paused"] else moment(line["expected_end"], zone),
        )
    if len(lines) > rows:
        return Group(shown, Text(f"and {len(lines) - rows} more: acra-express campaigns list", style="dim"))
    return shown


def _workers(answer: dict[str, Any]) -> Table:
    shown = _table("worker", "job", "type", "attempt")
    for worker in answer["workers"]:
        attempt = "" if worker["attempt"] is None else str(worker["attempt"])
        shown.add_row(worker["name"], str(worker["job_id"] or "idle"), job_word(worker["job_type"]), attempt)
    return shown


def _queue(answer: dict[str, Any]) -> RenderableType:
    if not answer["queue"]:
        return Text("the queue is empty")
    shown = _table("queue", "state", "jobs", "oldest")
    for line in answer["queue"]:
        shown.add_row(job_word(line["job_type"]), line["state"], str(line["depth"]), span(line["oldest_age_seconds"]))
    return shown


def _budgets(answer: dict[str, Any]) -> Table:
    shown = _table("budget (rolling)", "used", "limit", "%", "all free in")
    for line in answer["budgets"]:
        share = line["used"] / line["limit"] if line["limit"] else 0.0
        colour = "red" if share > 0.95 else "yellow" if share > 0.8 else "green"
        shown.add_row(
            f"{line['provider']} {line['budget']}",
            str(line["used"]),
            str(line["limit"]),
            Text(f"{share:.0%}", style=colour),
            span(line["frees_all_seconds"]),
        )
    cap = answer["daily_cap"]
    shown.add_row("companies today", str(cap["used"]), str(cap["limit"]), "", "")
    return shown


def _companies(answer: dict[str, Any], most: int) -> Table:
    yielding = ("company", "reason", "website")
    shown = _table("last companies", "company", "outcome", "reason", "website", "took", yielding=yielding)
    for line in answer["companies"][:most]:
        # these texts come from the registry and the web: square brackets in them are not markup
        cells = (line["uen"], line["name"] or "(left out)", line["outcome"], in_words(line["reason"]), line["domain"])
        shown.add_row(*(cell(text) for text in cells), span(line["latency_seconds"]))
    return shown


def _failures(answer: dict[str, Any]) -> list[Text]:
    if not answer["failures_24h"]:
        return []
    reasons = "; ".join(f"{in_words(reason)} ({count})" for reason, count in answer["failures_24h"].items())
    return [Text(f"failed in 24 hours: {reasons}")]


def _figures_age(answer: dict[str, Any]) -> str:
    """A service reads queue, budgets and campaigns every 15 s; one that is older has no age to tell."""
    age = answer.get("figures_age_seconds")
    return "figures not read yet" if age is None else f"figures of {span(age)} ago"


def _zone(answer: dict[str, Any]) -> tzinfo:
    zone = datetime.fromisoformat(answer["now"]).tzinfo
    assert zone is not None
    return zone


def _lines(measure: Console, part: RenderableType) -> int:
    return len(measure.render_lines(part, measure.options, pad=False))


def _first_lines(measure: Console, texts: Sequence[Text], most: int) -> list[RenderableType]:
    """As many whole texts as fit on `most` lines, and how many are left out."""
    shown: list[RenderableType] = []
    for number, text in enumerate(texts):
        rest = len(texts) - number - 1
        if _lines(measure, Group(*shown, text)) + (rest > 0) > most and shown:
            return [*shown, Text(f"  and {rest + 1} more: acra-express status", style="dim")]
        shown.append(text)
    return shown
