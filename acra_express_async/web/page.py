"""The status page: one status as HTML. Pure; every value is escaped, and nothing comes from another host.

The page's script asks /status.json every few seconds and fetches the page again when something has changed, so that
there is only one renderer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlsplit

from acra_express_async.models import job_word, offset
from acra_express_async.records.reasons import in_words, refusal_in_words

WORDS = {"pass": "It is fine", "warn": "Worth a look", "fail": "Something is wrong"}


def page(status: dict[str, Any]) -> str:
    """The whole document."""
    word = status["verdict"]["word"]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_marks(word)} acra-express</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/page.css">
<script src="/assets/page.js" defer></script>
</head>
<body>
<main data-taken="{_text(status["taken_at"])}">
{_head(status)}
{_cards(status)}
{_alerts(status)}
<div class="columns">
{_workers(status)}
{_budgets(status)}
{_queue(status)}
{_campaigns(status)}
{_nightly(status)}
</div>
{_companies(status)}
{_failures(status)}
<footer>version {_text(status["version"])}, up for {_age(_since(status, "started_at"))}{_registry(status)}; times
{_clock(status)}. <span id="live" role="status"></span>
<a href="/runbook">runbook</a> <a href="/status.json">status.json</a> <a href="/metrics">metrics</a>
<a href="/healthz">healthz</a> <a href="/readyz">readyz</a></footer>
</main>
</body>
</html>
"""


def _registry(status: dict[str, Any]) -> str:
    days = status.get("registry", {}).get("age_days")
    return "" if days is None else f"; registry of {days} days ago"


def _head(status: dict[str, Any]) -> str:
    verdict = status["verdict"]
    why = "".join(f"<li>{_text(sentence)}</li>" for sentence in verdict["why"])
    waits = "".join(f"<li>{_text(sentence)}</li>" for sentence in verdict.get("waits", ()))
    lists = (f"<ul>{why}</ul>" if why else "") + (f'<ul class="waits">{waits}</ul>' if waits else "")
    nightly = "the nightly is running, so nothing is claimed" if status["stands_back"] else "no nightly job is running"
    if status["nightly_running"] and not status["stands_back"]:
        nightly = "the nightly is running"
    return (
        f'<header class="{escape(verdict["word"])}"><h1><span aria-hidden="true">{_marks(verdict["word"])}</span> '
        f"{WORDS[verdict['word']]}</h1>{lists}<p>{nightly}{_today(status)}; figures "
        f'<span id="age">{_figures_age(status)}</span></p></header>'
    )


def _figures_age(status: dict[str, Any]) -> str:
    """Queue, budgets and campaigns are read every 15 s; the page's script keeps this age up to date."""
    age = status["figures_age_seconds"]
    return "not read yet" if age is None else f"{_age(age)} ago"


def _today(status: dict[str, Any]) -> str:
    done = status["companies_today"]
    return "; today: " + ", ".join(f"{_text(who)} {count} companies" for who, count in done.items()) if done else ""


def _cards(status: dict[str, Any]) -> str:
    due = [line for line in status["queue"] if line["state"] == "due"]
    oldest = max((line["oldest_age_seconds"] for line in due), default=0.0)
    cap, workers = status["daily_cap"], status["workers"]
    busy = sum(worker["job_id"] is not None for worker in workers)
    facts = (
        ("due jobs", str(sum(line["depth"] for line in due))),
        ("oldest due", _age(oldest) if due else "none"),
        ("workers busy", f"{busy} of {len(workers)}"),
        ("companies today", f"{cap['used']} of {cap['limit']}"),
        ("last claim", _last_claim(status["database"]["last_claim"])),
    )
    cards = "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="cards">{cards}</dl>'


def _last_claim(claim: dict[str, Any] | None) -> str:
    return "none yet" if claim is None else f"{claim['result']}, {_age(claim['seconds_ago'])} ago"


def _alerts(status: dict[str, Any]) -> str:
    lines = [
        f"<li>{_text(alert['headline'])}, since {_moment(status, alert['since'])}</li>" for alert in status["alerts"]
    ]
    lines += [
        f"<li>{_text(line['provider'])}: {_text(line['kind'])} ({_text(refusal_in_words(line['reason']))}), next probe "
        f"{_moment(status, line['open_until'])}</li>"
        for line in status["breakers"]
    ]
    return f"<section><h2>Alerts and breakers</h2><ul>{''.join(lines)}</ul></section>" if lines else ""


def _workers(status: dict[str, Any]) -> str:
    rows = []
    for worker in status["workers"]:
        doing, so_far = "idle", worker["company_so_far"]
        if worker["job_id"] is not None:
            doing = f"{_kind(worker['job_type'])} job {worker['job_id']}, attempt {worker['attempt']}"
        if so_far is not None and any(so_far.values()):
            doing += "; this company: " + ", ".join(f"{count} {name}" for name, count in so_far.items() if count)
        rows.append((_text(worker["name"]), _text(doing)))
    return _table("Workers", ("worker", "now"), rows)


def _queue(status: dict[str, Any]) -> str:
    rows = [
        (_kind(line["job_type"]), _text(line["state"]), str(line["depth"]), _age(line["oldest_age_seconds"]))
        for line in status["queue"]
    ]
    return _table("Queue", ("jobs", "state", "how many", "oldest"), rows, empty="empty")


def _budgets(status: dict[str, Any]) -> str:
    rows = []
    for line in status["budgets"]:
        limit, used = line["limit"], line["used"]
        # the browser colours the bar by these limits; our own security policy would refuse an inline style
        bar = (
            f'<meter min="0" max="{limit}" low="{0.8 * limit:g}" high="{0.95 * limit:g}" optimum="0" value="{used}">'
            f"{used} of {limit}</meter>"
        )
        first, rest = line["frees_first_seconds"], line["frees_all_seconds"]
        frees = "" if first is None else _age(first)
        if frees and _age(rest) != frees:
            frees = f"from {frees}, all in {_age(rest)}"
        rows.append(
            (
                f"{_text(line['provider'])}<br><small>{_text(line['budget'])}</small>",
                f"{bar}<br><small>{used} of {limit}</small>",
                frees,
            )
        )
    return _table("Budgets (rolling windows)", ("budget", "used", "frees in"), rows, empty="not read yet")


def _campaigns(status: dict[str, Any]) -> str:
    rows = []
    for line in status["campaigns"]:
        left = "as many as match" if line["left"] is None else str(line["left"])
        whole = None if line["left"] is None else line["ended"] + line["waiting"] + line["left"]
        bar = "" if not whole else f'<progress max="{whole}" value="{line["ended"]}"></progress><br>'
        progress = f"{bar}<small>{line['ended']} ended, {line['waiting']} in work, {left} to stage</small>"
        ends = "" if line["expected_end"] is None else _moment(status, line["expected_end"])
        ends = "after resume" if status["paused"] else ends
        rows.append((str(line["campaign_id"]), progress, _moment(status, line["enqueued_at"]), ends))
    return _table("Campaigns", ("job", "progress", "enqueued", "expected end"), rows, empty="none")


def _nightly(status: dict[str, Any]) -> str:
    nightly = status["nightly"]
    rows = [
        (f"{_text(job['job_type'])} job {job['job_id']} running since", _moment(status, job["running_since"]))
        for job in nightly["jobs"]
    ]
    if nightly["skipped_ahead"]:
        rows.append(
            ("companies that its pending jobs will skip, done by us within 7 days", str(nightly["skipped_ahead"]))
        )
    if nightly["relabelled"]:
        rows.append(("companies of ours that it gave a namesake's UEN, in 7 days", str(nightly["relabelled"])))
    return _table("Beside the nightly", ("what", ""), rows, empty="nothing of its pending jobs overlaps with ours")


def _companies(status: dict[str, Any]) -> str:
    rows = []
    for line in status["companies"]:
        name = _text(line["name"]) if line["name"] else "<i>name left out</i>"
        latency = line["latency_seconds"]
        kind, reason = _text(line["outcome"]), _text(in_words(line["reason"]))
        rows.append(
            (
                f"{name}<br><small>{_text(line['uen'])}</small>",
                f'<span class="{kind}">{kind.replace("_", " ")}</span><br><small>{reason}{_judged(line)}</small>',
                _link(line["evidence_url"], line["domain"]),
                _moment(status, line["ended_at"]),
                "" if latency is None else _age(latency),
            )
        )
    return _table("Last companies", ("company", "outcome", "evidence", "ended", "took"), rows, empty="none yet")


def _judged(line: dict[str, Any]) -> str:
    """What the page says of judgements: that there is one, never whose or why."""
    if not line["judged"]:
        return ""
    return " overruled by a person" if line["overruled"] else " judged by a person"


def _failures(status: dict[str, Any]) -> str:
    rows = [(_text(in_words(reason)), str(count)) for reason, count in status["failures_24h"].items()]
    return _table("Failures of 24 hours", ("reason", "companies"), rows, empty="none")


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str = "") -> str:
    """The cells are HTML already."""
    lines = ([f'<td data-label="{head}">{cell}</td>' for head, cell in zip(heads, row, strict=True)] for row in rows)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in lines)
    if not body:
        return f"<section><h2>{title}</h2><p>{empty}</p></section>"
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<section><h2>{title}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))


def _kind(job_type: str | None) -> str:
    return _text(job_word(job_type))


def _marks(word: str) -> str:
    return {"pass": "✓", "warn": "!", "fail": "✗"}[word]


def _link(url: str | None, shown: str | None) -> str:
    """A link only for http and https: the address comes from an unknown page."""
    label = _text(shown or "")
    if not url or urlsplit(url).scheme not in ("http", "https"):
        return label
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow" target="_blank">{label or "page"}</a>'


def _age(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3 h``, ``2 d``."""
    if seconds is None:
        return "?"
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def _since(status: dict[str, Any], key: str) -> float | None:
    moment = status[key]
    if moment is None:
        return None
    return (datetime.fromisoformat(status["now"]) - datetime.fromisoformat(moment)).total_seconds()


def _clock(status: dict[str, Any]) -> str:
    return _text(offset(datetime.fromisoformat(status["now"])))


def _moment(status: dict[str, Any], moment: str) -> str:
    """In the service's time zone, which is the one of its `now`."""
    at = datetime.fromisoformat(moment).astimezone(datetime.fromisoformat(status["now"]).tzinfo)
    return f'<time datetime="{_text(moment)}">{at:%m-%d %H:%M:%S}</time>'
