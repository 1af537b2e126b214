"""A long export rests while a nightly runs, between two pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.errors import Away, DatabaseAway
from acra_express_async.records.nightly_rest import FREE_PAGES, LOOK_EVERY, LOOK_SECONDS, NightlyRest, rest_in_words

START = datetime(2026, 11, 27, 17, 2, tzinfo=UTC)
RUNS = [NightlyJob(41, "enrich_candidates", START, START + timedelta(hours=6))]


async def numbered(count: int) -> AsyncIterator[list[int]]:
    for number in range(1, count + 1):
        yield [number]


class Night:
    """Answers each look in turn, and writes down what happened."""

    def __init__(self, *looks: Sequence[NightlyJob]) -> None:
        self.looks = list(looks)
        self.happened: list[object] = []
        self.page = 0

    async def jobs(self) -> Sequence[NightlyJob]:
        self.happened.append(f"look after {self.page}")
        return self.looks.pop(0) if self.looks else []

    async def pause(self, seconds: float) -> None:
        self.happened.append(seconds)

    async def read(self, pages: int) -> list[object]:
        rest = NightlyRest(self.jobs, lambda jobs: self.happened.append(bool(jobs)), self.pause)
        async for [number] in rest.between(numbered(pages)):
            self.page = number
        return self.happened


async def test_a_small_export_never_looks() -> None:
    assert await Night(RUNS).read(FREE_PAGES - 1) == []


async def test_a_long_export_rests_until_the_nightly_ends() -> None:
    look = f"look after {FREE_PAGES}"
    assert await Night(RUNS, RUNS, []).read(FREE_PAGES + LOOK_EVERY - 1) == [
        *(look, True),
        *(LOOK_SECONDS, look, LOOK_SECONDS, look),
        False,
    ]


async def test_a_nightly_that_starts_meanwhile_is_seen_soon() -> None:
    second = FREE_PAGES + LOOK_EVERY
    happened = await Night([], RUNS).read(second)
    assert happened == [f"look after {FREE_PAGES}", f"look after {second}", True, LOOK_SECONDS, happened[1], False]


async def test_a_look_that_fails_ends_the_export() -> None:
    async def away() -> Sequence[NightlyJob]:
        raise DatabaseAway("gone", reason=Away.SESSION_LOST)

    rest = NightlyRest(away, lambda _jobs: None)
    with pytest.raises(DatabaseAway):
        _ = [page async for page in rest.between(numbered(FREE_PAGES))]


def test_the_sentence_names_job_start_and_latest_end() -> None:
    assert rest_in_words(RUNS, UTC) == (
        "the nightly's job 41 has been running since 2026-11-27 17:02 +00:00: the export goes on when it has ended, "
        "at 2026-11-27 23:02 +00:00 at the latest"
    )
