"""What `review` lists, in which order, and with which facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from db.builders import AT

from acra_express_async.db.records import review_rows
from acra_express_async.db.records.judgement_rows import Word
from acra_express_async.db.records.review_rows import Reviewable, ReviewRows
from acra_express_async.records.review import ReviewItem, Why, looks_in, worth_most

from .judging_rig import Desk
from .test_record_pages import decided

SITE = {
    "domain": "lotus.sg",
    "url": "https://lotus.sg/",
    "points": 57,
    "evidence": [
        {"signal": "domain_brand", "points": 30, "url": "https://lotus.sg/"},
        {"signal": "singapore", "points": 10, "url": "https://lotus.sg/"},
        {"signal": "other_trade", "points": -10, "url": "https://lotus.sg/"},
        {"signal": "legal_name", "points": 25, "url": "https://lotus.sg/"},
        {"signal": "first_result", "points": 0, "url": "https://lotus.sg/"},
    ],
}


def a_row(kind: str = "enriched", reason: str = "", before: str | None = None, **detail: Any) -> Reviewable:
    return Reviewable("A", "LOTUS", kind, reason, AT, None, detail, before)


def only(*rows: Reviewable) -> ReviewItem:
    [look] = looks_in(rows)
    return look


def test_an_unsure_answer_comes_with_the_strongest_facts() -> None:
    look = only(a_row(site=SITE))
    assert (look.why, look.website, look.level, look.points) == (Why.UNSURE, "lotus.sg", "unsure", 57)
    assert look.facts == (
        "the domain is the brand in the name (+30)",
        "its legal name is on the page (+25)",
        "an address or number in Singapore (+10)",
    )


def test_sure_answers_and_plain_misses_are_not_listed() -> None:
    sure = SITE | {"points": 120}
    far = SITE | {"points": 20}
    assert looks_in([a_row(site=sure), a_row("no_website", "no_proof", rejected=[far]), a_row("no_website", "x")]) == []


def test_a_changed_site_names_the_one_before() -> None:
    look = only(a_row(site=SITE | {"points": 120}, before="old.sg"))
    assert (look.why, look.website, look.facts[0]) == (Why.CHANGED, "lotus.sg", "before: old.sg")
    gone = only(a_row("no_website", "parked", before="old.sg", rejected=[SITE | {"domain": "old.sg"}]))
    assert (gone.why, gone.website, gone.facts[0]) == (Why.CHANGED, "old.sg", "before: old.sg")
    assert looks_in([a_row(site=SITE | {"points": 120}, before="lotus.sg")]) == []


def test_rivals_and_near_misses_are_told() -> None:
    rival = {"domain": "rose.sg", "points": 61, "evidence": []}
    look = only(a_row("no_website", "ambiguous", rejected=[rival, SITE]))
    assert look.facts[:2] == ("rose.sg: 61 points", "lotus.sg: 57 points")
    near = only(a_row("no_website", "no_proof", rejected=[SITE | {"points": 40}]))
    assert (near.why, near.website) == (Why.NEAR_MISS, "lotus.sg")
    assert near.facts[0] == "the best candidate showed no proof that it is the company's own"


def test_what_a_person_rejected_is_neither_a_change_nor_near() -> None:
    near = SITE | {"points": 40}
    row = a_row("no_website", "no_proof", before="lotus.sg", rejected=[near])
    assert only(row).why is Why.CHANGED
    judged = replace(row, rejected_sites=("lotus.sg",))
    assert looks_in([judged]) == []
    other = replace(judged, detail={"rejected": [near, near | {"domain": "rose.sg"}]})
    assert (only(other).why, only(other).website) == (Why.NEAR_MISS, "rose.sg")
    assert looks_in([a_row("no_website", "judged", before="lotus.sg")]) == []


def test_the_most_worthwhile_comes_first_then_the_newest() -> None:
    rows = [
        a_row("no_website", "no_proof", rejected=[SITE]),
        a_row(site=SITE),
        a_row("failed", "judged_site_unreadable", rejected=[SITE]),
        a_row("no_website", "ambiguous", rejected=[SITE]),
        a_row(site=SITE, before="old.sg"),
    ]
    assert [look.why for look in worth_most(looks_in(rows), 9)] == list(Why)
    assert [look.why for look in worth_most(looks_in(rows), 2)] == [Why.DEAD_SITE, Why.CHANGED]


def test_a_detail_of_another_shape_breaks_nothing() -> None:
    odd: list[dict[str, Any]] = [{"site": 1, "rejected": {}}, {"site": {"points": "x"}}, {"rejected": [1, None]}, {}]
    for detail in odd:
        for kind, reason in (("enriched", ""), ("no_website", "ambiguous"), ("failed", "judged_site_unreadable")):
            looks_in([Reviewable("A", None, kind, reason, AT, None, detail, None)])


async def listed(desk: Desk, codes: Sequence[str] | None = None) -> list[tuple[str, str | None]]:
    return [(row.uen, row.domain_before) async for page in ReviewRows(desk.database).pages(codes) for row in page]


async def test_only_the_present_decision_without_a_judgement_is_read(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(review_rows, "PAGE", 2)
    day = timedelta(days=1)
    for uen in ("A", "B", "C", "D", "E"):
        await decided(desk.owner, uen, job=1, at=AT)
    await decided(desk.owner, "A", job=2, at=AT + day, detail={"site": {"domain": "new.sg", "points": 60}})
    await decided(desk.owner, "E", job=2, at=AT + day, ssic=56111)
    await decided(desk.owner, "A", "skipped", job=3, at=AT + 2 * day, detail={})
    await desk.judge(Word.ACCEPT, uen="B")
    await desk.judge(Word.REJECT, "c.sg", uen="C")
    await desk.owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('company', 'D', now())"
    )
    assert await listed(desk) == [("E", "e.sg"), ("A", "a.sg")]
    await desk.owner.execute("UPDATE staging_acra_companies SET primary_ssic_code = 56111 WHERE uen = 'E'")
    assert await listed(desk, ["56111"]) == [("E", "e.sg")]
    await desk.judge(Word.SET, "b.sg", uen="B")
    await decided(
        desk.owner, "B", "failed", job=4, at=AT + 3 * day, reason="judged_site_unreadable", detail={"rejected": []}
    )
    assert await listed(desk) == [("B", "b.sg"), ("E", "e.sg"), ("A", "a.sg")]


async def test_a_rejected_near_miss_is_done_until_the_next_look(desk: Desk) -> None:
    """A person looked at it: with --no-run the decision stays, but it is not worth a second minute."""
    await decided(desk.owner, "A", "no_website", reason="no_proof", job=1, detail={"rejected": [SITE]})
    await decided(desk.owner, "B", "no_website", reason="no_proof", job=1, detail={"rejected": [SITE]})
    assert await listed(desk) == [("B", None), ("A", None)]
    await desk.judge(Word.REJECT, "lotus.sg", uen="A")
    assert await listed(desk) == [("B", None)]
    now = await desk.owner.fetchval("SELECT acra_express.clock() + interval '1 second'")
    await decided(desk.owner, "A", "no_website", reason="no_proof", job=2, at=now, detail={"rejected": []})
    assert await listed(desk) == [("A", None), ("B", None)]
    [again] = [row async for page in ReviewRows(desk.database).pages(None) for row in page if row.uen == "A"]
    assert again.rejected_sites == ("lotus.sg",)
