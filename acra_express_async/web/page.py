"""The status page: one status as HTML. Pure; every value is escaped, and nothing comes from another host.

The page's script asks /status.json every few seconds and fetches the page again when something has changed, so that
there is only one renderer.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment

from acra_express_async.models import job_word, offset
from acra_express_async.records.reasons import in_words, refusal_in_words
from acra_express_async.web.templating import age, environment_of

WORDS = {"pass": "It is fine", "warn": "Worth a look", "fail": "Something is wrong"}
MARKS = {"pass": "✓", "warn": "!", "fail": "✗"}


def page(status: dict[str, Any], *, console: bool = False, signed_in: bool = True) -> str:
    """The whole document.

    Args:
        status: what /status.json says.
        console: there is a console to lead to.
        signed_in: a person who is signed in asks; False leaves out what the status then lacks.
    """
    now = datetime.fromisoformat(status["now"])

    def local(moment: str) -> str:
        """In the service's time zone, which is the one of its `now`."""
        return format(datetime.fromisoformat(moment).astimezone(now.tzinfo), "%m-%d %H:%M:%S")

    def since(moment: str | None) -> float | None:
        """Seconds from this moment until now."""
        return None if moment is None else (now - datetime.fromisoformat(moment)).total_seconds()

    word = status["verdict"]["word"]
    return (
        page_templates()
        .get_template("status.html")
        .render(
            status,
            word=word,
            words=WORDS[word],
            mark=MARKS[word],
            nightly_words=_nightly_words(status),
            cards=_cards(status),
            local=local,
            since=since,
            clock=offset(now),
            console=console,
            signed_in=signed_in,
        )
    )


@cache
def page_templates() -> Environment:
    """The compiled templates of this room; the app loads them when it is built."""
    return environment_of(
        "acra_express_async.web", in_words=in_words, refusal=refusal_in_words, job_word=job_word, doing=_doing
    )


def _nightly_words(status: dict[str, Any]) -> str:
    if status["stands_back"]:
        return "the nightly is running, so nothing is claimed"
    return "the nightly is running" if status["nightly_running"] else "no nightly job is running"


def _cards(status: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    due = [line for line in status["queue"] if line["state"] == "due"]
    oldest = max((line["oldest_age_seconds"] for line in due), default=0.0)
    cap, workers, claim = status["daily_cap"], status["workers"], status["database"]["last_claim"]
    busy = sum(worker["job_id"] is not None for worker in workers)
    return (
        ("due jobs", str(sum(line["depth"] for line in due))),
        ("oldest due", age(oldest) if due else "none"),
        ("workers busy", f"{busy} of {len(workers)}"),
        ("companies today", f"{cap['used']} of {cap['limit']}"),
        ("last claim", "none yet" if claim is None else f"{claim['result']}, {age(claim['seconds_ago'])} ago"),
    )


def _doing(worker: dict[str, Any]) -> str:
    """What a worker is doing, in words."""
    if worker["job_id"] is None:
        return "idle"
    doing, so_far = f"{job_word(worker['job_type'])} job {worker['job_id']}, attempt {worker['attempt']}", ""
    if worker["company_so_far"]:
        so_far = ", ".join(f"{count} {name}" for name, count in worker["company_so_far"].items() if count)
    return f"{doing}; this company: {so_far}" if so_far else doing
