"""What a person's minute is worth most on, each with the two or three facts that decide. Pure.

First what is most likely wrong and does most harm: a site that a person set and that is dead; a site that changed,
where the old or the new one is wrong; an unsure answer, whose contacts are used meanwhile. Then what a person may still
win: several sites that could be the company's own, and a best candidate that lacked little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from acra_express_async.db.records.review_rows import Reviewable
from acra_express_async.records.levels import Level, is_judged, level_of
from acra_express_async.records.reasons import SIGNALS, in_words

NEAR_POINTS = 35
"""A best candidate with as many points lacked at most the 20 of one strong signal (an answer needs 55)."""
MOST_FACTS = 3
_REJECTED = "rejected_"


class Why(IntEnum):
    """Why a decision is worth a look, the most worthwhile first."""

    DEAD_SITE = 1
    CHANGED = 2
    UNSURE = 3
    AMBIGUOUS = 4
    NEAR_MISS = 5


WORDS = {
    Why.DEAD_SITE: "the site that a person set is dead",
    Why.CHANGED: "its site changed",
    Why.UNSURE: "unsure answer",
    Why.AMBIGUOUS: "more than one site could be its own",
    Why.NEAR_MISS: "near miss",
}


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One decision worth a look; `website` is the site to look at first, `facts` what speaks for and against it."""

    why: Why
    uen: str
    name: str | None
    website: str | None
    url: str | None
    points: int | None
    level: str | None
    facts: tuple[str, ...]
    decided_at: datetime


def looks_in(rows: Iterable[Reviewable]) -> list[ReviewItem]:
    """Those of these decisions that are worth a look, in their order."""
    return [look for row in rows if (look := _look(row)) is not None]


def worth_most(looks: Iterable[ReviewItem], limit: int) -> list[ReviewItem]:
    """The most worthwhile first; of one kind the newest."""
    return sorted(looks, key=lambda look: (look.why, -look.decided_at.timestamp(), look.uen))[:limit]


def _look(row: Reviewable) -> ReviewItem | None:
    site = _mapping(row.detail.get("site"))
    found = [_mapping(each) for each in _list(row.detail.get("rejected"))]
    rejected = [each for each in found if each.get("domain") not in row.rejected_sites]
    best = rejected[0] if rejected else {}
    domain = _text(site.get("domain"))
    if row.kind == "failed":
        return _made(row, Why.DEAD_SITE, best, ())
    if row.reason == "judged":
        return None
    if row.domain_before and domain != row.domain_before and row.domain_before not in row.rejected_sites:
        return _made(row, Why.CHANGED, site or best, (f"before: {row.domain_before}",))
    if row.kind == "enriched":
        is_unsure = _level(row, site) == Level.UNSURE
        return _made(row, Why.UNSURE, site, ()) if is_unsure else None
    if row.reason == "ambiguous":
        rivals = tuple(f"{_text(each.get('domain'))}: {each.get('points')} points" for each in rejected[:2])
        return _made(row, Why.AMBIGUOUS, best, rivals)
    points = best.get("points")
    if isinstance(points, int) and points >= NEAR_POINTS:
        return _made(row, Why.NEAR_MISS, best, (in_words(row.reason),))
    return None


def _made(row: Reviewable, why: Why, site: Mapping[str, Any], first: tuple[str, ...]) -> ReviewItem:
    seen = [_mapping(each) for each in _list(site.get("evidence"))]
    telling = sorted(
        (each for each in seen if isinstance(each.get("points"), int) and each["points"]),
        key=lambda each: -abs(int(each["points"])),
    )
    facts = (*first, *(_fact(each) for each in telling))[:MOST_FACTS]
    points = site.get("points")
    return ReviewItem(
        why=why,
        uen=row.uen,
        name=row.name,
        website=_text(site.get("domain")),
        url=_text(site.get("url")),
        points=points if isinstance(points, int) else None,
        level=_level(row, site),
        facts=facts or (in_words(row.reason),),
        decided_at=row.ended_at,
    )


def _level(row: Reviewable, site: Mapping[str, Any]) -> str | None:
    points = site.get("points")
    if row.kind != "enriched" or not isinstance(points, int):
        return None
    judged = is_judged(str(_mapping(each).get("signal")) for each in _list(site.get("evidence")))
    return level_of(points, judged=judged).value


def _fact(seen: Mapping[str, Any]) -> str:
    signal = str(seen.get("signal"))
    said = SIGNALS.get(signal, signal.removeprefix(_REJECTED).replace("_", " "))
    return f"{said} ({int(seen['points']):+d})"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
