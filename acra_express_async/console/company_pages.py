"""One company: its record, the evidence, what changed, what people said; and judgements on all of it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from acra_express_async.console.trail import acted
from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.decisions import explain
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.judgement_rows import Field, NewJudgement, Recorded, Word
from acra_express_async.db.records.judging import Judgements
from acra_express_async.db.records.record_pages import RecordPages, Wanted
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.records.decision_prose import prose
from acra_express_async.records.judgement_input import WORDS, NotUnderstood, contact_in, domain_in, note_in
from acra_express_async.records.record import Record, record_of
from acra_express_async.registry.cell_cleaning import uen_in

MOST_CHANGES = 60
MOST_SAID = 50
LONGEST_PLACE = 9
"""Digits of a place in the review."""
CLEAR = "clear"


class CompanyPages:
    """Shows companies and records judgements.

    Args:
        shape: the platform's tables in this deployment.
        hashes: of addresses that are judged.
    """

    def __init__(self, shape: PlatformShape, hashes: AddressHash) -> None:
        self._shape = shape
        self._hashes = hashes

    async def shown(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Everything that is known about a company."""
        uen = _uen(visit)
        known = await explain(visit.database, uen)
        if known is None:
            wrong = f"{uen} is not in the registry, and nothing was ever decided about it."
            return await visit.show("refused.html", status=404, wrong=wrong)
        judgements = Judgements(visit.database, self._hashes)
        return await visit.show(
            "company.html",
            known=known,
            record=None if known.opted_out else await self._record(visit, uen),
            told=prose(known, visit.zone).split("\n")[1:],
            changes=await FieldHistory(visit.database).of_company(uen, MOST_CHANGES),
            said_before=await judgements.listed(uen=uen, sample_id=None, ended=True, limit=MOST_SAID),
        )

    async def judge(self, visit: ConsoleVisit) -> web.StreamResponse:
        """Record or clear a judgement, then return to the page that asked for it."""
        uen = _uen(visit)
        said = _Said.of(visit, uen)
        text = await self.recorded(visit, said)
        if visit.typed("from") == "review":
            return await visit.go_to("/review", text, **_place_of(visit))
        return await visit.go_to(f"/companies/{uen}", text)

    async def recorded(self, visit: ConsoleVisit, said: _Said) -> str:
        """Record it; what came of it, as a sentence."""
        judgements, by = Judgements(visit.database, self._hashes), visit.person.name
        if said.word is None:
            cleared, campaign_id = await acted(
                visit,
                "clear",
                lambda: judgements.clear(said.uen, said.field, said.value, by, look_again=said.look_again),
                uen=said.uen,
                made=lambda result: result[1],
            )
            return f"{said.uen}: {cleared} judgements cleared{_again(campaign_id)}."
        new = NewJudgement(uen=said.uen, field=said.field, judgement=said.word, value=said.value, by=by, note=said.note)
        done: Recorded = await acted(
            visit,
            "judge",
            lambda: judgements.record(new, look_again=said.look_again),
            uen=said.uen,
            made=lambda result: result.campaign_id,
        )
        state = "was known already" if done.unchanged else "is recorded"
        subject = f" {done.value}" if done.value and said.field == "site" else ""
        return (
            f"{said.uen}: {said.field} {said.word}{subject} {state}; {done.withdrawn} rows and cells withdrawn"
            f"{_again(done.campaign_id)}."
        )

    async def _record(self, visit: ConsoleVisit, uen: str) -> Record | None:
        rows = await RecordPages(visit.database, self._shape).among(Wanted(), [uen])
        return record_of(rows[0], {}) if rows else None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a form says; `word` is None to clear."""

    uen: str
    field: Field
    word: Word | None
    value: str | None
    note: str | None
    look_again: bool

    @classmethod
    def of(cls, visit: ConsoleVisit, uen: str) -> _Said:
        """Read the form.

        Raises:
            NotUnderstood: a value is none of its kind; the sentence says what was expected.
        """
        field, value = _subject(visit)
        chosen = visit.typed("word")
        word = next((each for each in WORDS[field] if each == chosen), None)
        if word is None and chosen != CLEAR:
            raise NotUnderstood(f"{chosen[:40]!r} is none of {', '.join(WORDS[field])} and {CLEAR}")
        if field == "site":
            value = None
            if word in (Word.SET, Word.REJECT):
                value = domain_in(visit.typed("domain") if word is Word.SET else visit.typed("present"))
        return cls(uen, field, word, value, note_in(visit.typed("note")), visit.typed("look_again") == "yes")


def _subject(visit: ConsoleVisit) -> tuple[Field, str | None]:
    contact = visit.typed("contact")
    return contact_in(contact) if contact else ("site", None)


def _place_of(visit: ConsoleVisit) -> dict[str, str]:
    """Where in the review the person was."""
    item = visit.typed("item")
    return {"item": item} if len(item) <= LONGEST_PLACE and item.isdecimal() else {}


def _again(campaign_id: int | None) -> str:
    return "" if campaign_id is None else f"; it is looked at again in campaign {campaign_id}"


def _uen(visit: ConsoleVisit) -> str:
    """The UEN in the path.

    Raises:
        HTTPNotFound: it is none.
    """
    uen, _ = uen_in(visit.request.match_info["uen"])
    if uen is None:
        raise web.HTTPNotFound
    return uen
