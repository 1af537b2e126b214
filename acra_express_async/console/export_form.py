"""What the form of an export asks for, read from the query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.records.record_pages import Wanted
from acra_express_async.errors import AcraExpressError
from acra_express_async.models import OutcomeKind
from acra_express_async.params import MAX_ID
from acra_express_async.records.levels import Level

LONGEST_ID = len(str(MAX_ID))


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """A selection; `codes` are SSIC codes as they were typed. `beside_nightly`: do not rest while a nightly runs."""

    wanted: Wanted
    codes: tuple[str, ...]
    level: str | None
    beside_nightly: bool


def chosen_in(visit: ConsoleVisit) -> ExportChoice:
    """The choice.

    Raises:
        AcraExpressError: a value is wrong; the sentence names it.
    """
    return ExportChoice(
        wanted=Wanted(
            campaign_id=_campaign_id(visit),
            since=_moment(visit),
            outcome=_one_of("outcome", visit, [kind.value for kind in OutcomeKind]),
        ),
        codes=tuple(visit.asked("ssic").replace(",", " ").split()),
        level=_one_of("level", visit, [level.value for level in Level]),
        beside_nightly=bool(visit.asked("beside_nightly")),
    )


def _campaign_id(visit: ConsoleVisit) -> int | None:
    text = visit.asked("campaign")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID and 0 < int(text) <= MAX_ID):
        raise AcraExpressError(f"{text[:20]!r} is not the ID of a campaign")
    return int(text)


def _moment(visit: ConsoleVisit) -> datetime | None:
    text = visit.asked("since")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise AcraExpressError(f"{text[:40]!r} is not a date; write 2026-11-01") from None
    if not 1970 <= found.year <= 9000:
        raise AcraExpressError(f"{text[:40]!r} lies outside the years 1970 to 9000")
    return found if found.tzinfo is not None else found.replace(tzinfo=visit.zone)


def _one_of(name: str, visit: ConsoleVisit, known: list[str]) -> str | None:
    text = visit.asked(name)
    if text and text not in known:
        raise AcraExpressError(f"{name} {text[:40]!r} is none of {', '.join(known)}")
    return text or None
