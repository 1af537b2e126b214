"""Samples are random and repeatable; precision comes from what people said of their members, with Wilson's interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random

import pytest

from acra_express_async.db.records import sample_rows
from acra_express_async.db.records.judgement_rows import Word
from acra_express_async.db.records.sample_rows import AnswerKey, JudgedMember, Samples
from acra_express_async.errors import JudgementRefused
from acra_express_async.records.accuracy import (
    Precision,
    accuracy_of,
    drawn,
    member_of,
    verdict_shares,
    wilson,
)
from acra_express_async.records.levels import TABLE, Level

from .judging_rig import PERSON, Desk


@pytest.mark.parametrize(
    ("right", "judged", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (95, 100, 0.8882, 0.9785),
        (100, 100, 0.9630, 1.0),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_gives_the_known_intervals(right: int, judged: int, low: float, high: float) -> None:
    assert wilson(right, judged) == pytest.approx((low, high), abs=2e-4)


def test_the_interval_holds_the_true_share_in_95_of_100_samples() -> None:
    random = Random(5)
    held = 0
    for _ in range(2000):
        right = sum(random.random() < 0.93 for _ in range(60))
        low, high = wilson(right, 60)
        held += low <= 0.93 <= high
    assert 0.93 <= held / 2000 <= 0.975


async def pages(uens: Sequence[str], size: int = 7) -> AsyncIterator[list[AnswerKey]]:
    for start in range(0, len(uens), size):
        yield [AnswerKey(uen, 1, 1) for uen in uens[start : start + size]]


async def test_a_seed_draws_the_same_again_whatever_the_pages() -> None:
    uens = [f"{number:09d}K" for number in range(50)]
    first, population = await drawn(pages(uens), 10, 7)
    again, _ = await drawn(pages(list(reversed(uens)), 50), 10, 7)
    other, _ = await drawn(pages(uens), 10, 8)
    assert population == 50
    assert [key.uen for key in first] == [key.uen for key in again]
    assert len({key.uen for key in first}) == 10
    assert first != other


async def test_every_company_is_as_likely_to_be_drawn() -> None:
    uens = [f"{number:09d}K" for number in range(20)]
    counts: Counter[str] = Counter()
    for seed in range(2000):
        counts.update(key.uen for key in (await drawn(pages(uens), 5, seed))[0])
    assert set(counts) == set(uens)
    assert all(400 <= count <= 600 for count in counts.values()), "500 expected, standard deviation 19"


async def test_a_sample_larger_than_the_population_takes_all() -> None:
    found, population = await drawn(pages(["A", "B"]), 10, 1)
    assert ({key.uen for key in found}, population) == ({"A", "B"}, 2)


DETAIL = {
    "emails": [{"address": "info@lotus.com.sg"}, {"address_hash": "ff"}],
    "phones": [{"number": "+6561112222"}, {"number": "+6563334444"}],
}
MEMBER = JudgedMember(1, "A", "lotus.com.sg", 95, "certain", TABLE, DETAIL, None, None, {})


def found(*members: JudgedMember) -> dict[tuple[str, str], tuple[int, int]]:
    told = accuracy_of(members, str.upper)
    return {(name, level.value): (of.right, of.judged) for (name, level), of in told.precision.items()}


@pytest.mark.parametrize(
    ("site", "value", "right"),
    [
        ("accept", "lotus.com.sg", 1),
        ("set", "lotus.com.sg", 1),
        ("set", "rose.sg", 0),
        ("reject", "lotus.com.sg", 0),
        ("none", None, 0),
    ],
)
def test_a_site_is_right_or_wrong_by_its_judgement(site: str, value: str | None, right: int) -> None:
    told = found(replace(MEMBER, site=site, site_value=value))
    assert told["site", "certain"] == (right, 1)
    contacts = {} if right else {("email", "certain"): (0, 2), ("phone", "certain"): (0, 2)}
    assert told == {("site", "certain"): (right, 1)} | contacts, "with the site all its contacts are wrong"


def test_contacts_count_only_where_they_were_judged() -> None:
    said = {"INFO@LOTUS.COM.SG": "accept", "ff": "bounced", "+6561112222": "reject", "+6569999999": "accept"}
    told = found(replace(MEMBER, site="accept", site_value="lotus.com.sg", contacts=said))
    assert told == {("site", "certain"): (1, 1), ("email", "certain"): (1, 2), ("phone", "certain"): (0, 1)}


def test_a_level_of_earlier_thresholds_is_told_anew() -> None:
    old = replace(MEMBER, points=10, level="certain", level_table=TABLE - 1, site="accept")
    assert set(found(old)) == {("site", "unsure")}


def test_nothing_judged_gives_no_precision() -> None:
    told = accuracy_of([MEMBER], str.upper)
    assert (told.members, told.unjudged) == (1, 1)
    assert (told.of("site").share, told.of("site").interval) == (None, None)
    assert told.of("site") == Precision()


def test_a_level_with_many_invalid_addresses_is_suspect() -> None:
    counts = {("certain", "valid"): 190, ("certain", "invalid"): 10, ("likely", "valid"): 94, ("likely", "invalid"): 6}
    shares = {share.level: share for share in verdict_shares(counts | {("unsure", "invalid"): 3})}
    assert [shares[level].is_suspect for level in Level] == [False, True, False]
    assert shares[Level.LIKELY].invalid_share == pytest.approx(0.06)
    assert shares[Level.UNSURE].verified == 3, "too few for a warning"


async def stored(desk: Desk, size: int = 10, seed: int = 3) -> tuple[int, list[str]]:
    samples = Samples(desk.database)
    keys, population = await drawn(samples.answers(None), size, seed)
    members = [member for told in await samples.told(keys) if (member := member_of(told)) is not None]
    sample_id = await samples.store(members, by="mei", seed=seed, wanted=size, population=population, ssic_codes=None)
    return sample_id, [member.key.uen for member in members]


UENS = [f"20191234{number}K" for number in range(5)]


@pytest.fixture
async def answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(sample_rows, "PAGE", 2)
    for number, uen in enumerate(UENS):
        await desk.enriched(uen, f"firm{number}.sg", job=number + 1)
    return desk


async def test_only_answers_of_the_service_itself_are_drawn(answered: Desk) -> None:
    desk = answered
    await desk.judge(Word.SET, "other.sg", uen=UENS[0])
    await desk.judge(Word.REJECT, "firm1.sg", uen=UENS[1])
    await desk.judge(Word.REJECT, "elsewhere.sg", uen=UENS[2])
    await desk.owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('company', $1, now())", UENS[3]
    )
    sample_id, uens = await stored(desk)
    assert sorted(uens) == [UENS[2], UENS[4]]
    row = await desk.owner.fetchrow("SELECT * FROM acra_express.samples")
    assert (row["sample_id"], row["population"], row["wanted"], row["seed"]) == (sample_id, 2, 10, 3)


async def test_precision_comes_from_judgements_of_the_sample(answered: Desk) -> None:
    desk = answered
    sample_id, uens = await stored(desk)
    assert sorted(uens) == UENS
    for uen in UENS[:3]:
        await desk.judge(Word.ACCEPT, uen=uen, sample_id=sample_id)
    await desk.judge(Word.SET, "right.sg", uen=UENS[3], sample_id=sample_id)
    await desk.judge(Word.NONE, uen=UENS[4])  # not for the sample: somebody looked for a reason
    await desk.judge(Word.ACCEPT, "info@firm0.sg", uen=UENS[0], field="email", sample_id=sample_id)
    await desk.judge(
        Word.REJECT, PERSON.replace("lotus.com.sg", "firm1.sg"), uen=UENS[1], field="email", sample_id=sample_id
    )
    await desk.judge(Word.REJECT, "+6561112222", uen=UENS[2], field="phone", sample_id=sample_id)
    await desk.judgements.clear(UENS[2], "site", None, "mei", look_again=False)  # it was a mistake
    told = accuracy_of(await Samples(desk.database).judged(sample_id), desk.hashes.text)
    assert (told.members, told.unjudged) == (5, 1)
    assert told.of("site") == Precision(judged=3, right=2)
    assert told.of("email") == Precision(judged=4, right=1), "two judged, and both of the wrong site"
    assert told.of("phone") == Precision(judged=3, right=0)
    assert told == accuracy_of(await Samples(desk.database).judged(None), desk.hashes.text)


async def test_an_unknown_sample_is_refused(desk: Desk) -> None:
    with pytest.raises(JudgementRefused, match="there is no sample 4"):
        await Samples(desk.database).judged(4)


async def test_verdicts_are_counted_by_level(answered: Desk) -> None:
    await answered.owner.execute("UPDATE acra_express.outcomes SET level = 'likely' WHERE uen = $1", UENS[0])
    await answered.owner.execute("UPDATE acra_express.outcomes SET level = 'certain' WHERE uen <> $1", UENS[0])
    await answered.owner.execute(
        "UPDATE acra_express.outcomes SET ended_at = now() - interval '31 days' WHERE uen = $1", UENS[1]
    )
    assert await Samples(answered.database).verdicts() == {("likely", "valid"): 1, ("certain", "valid"): 3}
