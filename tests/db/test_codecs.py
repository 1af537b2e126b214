"""What Python cannot hold: moments and intervals become the nearest value that it can, deep JSON none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acra_express_async.db.session.codecs import FIRST_MOMENT, LAST_MOMENT, LONGEST, MOST_LEVELS
from acra_express_async.db.session.pool import Connection

FAR_EAST, FAR_WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
async def test_json_of_too_many_levels_is_no_value(owner: Connection, opening: str, closing: str) -> None:
    for levels, kept in ((MOST_LEVELS, True), (MOST_LEVELS + 1, False), (5_000, False)):
        text = opening * levels + "1" + closing * levels
        assert (await owner.fetchval("SELECT $1::text::jsonb", text) is not None) is kept, levels
    wide = [[number] for number in range(3 * MOST_LEVELS)]
    assert await owner.fetchval("SELECT $1::text::jsonb", json.dumps(wide)) == wide


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("infinity", LAST_MOMENT),
        ("-infinity", FIRST_MOMENT),
        ("20000-01-01", LAST_MOMENT),
        ("294276-12-31 23:59:59.999999+00", LAST_MOMENT),
        ("4713-01-01 00:00:00+00 BC", FIRST_MOMENT),
        ("9999-12-31 23:59:59-12", LAST_MOMENT),
        ("0001-01-01 00:00:00+14", FIRST_MOMENT),
        ("2026-11-27 01:02:03.123456+08", datetime(2026, 11, 26, 17, 2, 3, 123456, UTC)),
    ],
)
async def test_a_moment_beyond_python_is_read_as_the_nearest(owner: Connection, stored: str, read: datetime) -> None:
    assert await owner.fetchval("SELECT $1::text::timestamptz", stored) == read
    assert await owner.fetchval("SELECT ARRAY[$1::text::timestamptz]", stored) == [read]
    assert read.astimezone(FAR_EAST).tzinfo is FAR_EAST
    assert read.astimezone(FAR_WEST).tzinfo is FAR_WEST


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=FAR_EAST), datetime.max.replace(tzinfo=FAR_WEST)])
async def test_the_first_and_last_moments_of_python_are_written(owner: Connection, moment: datetime) -> None:
    read = await owner.fetchval("SELECT $1::timestamptz", moment)
    assert read in (FIRST_MOMENT, LAST_MOMENT)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("infinity", LONGEST),
        ("-infinity", -LONGEST),
        ("178000000 years", LONGEST),
        ("-178000000 years", -LONGEST),
        ("1 month -1 day 00:00:00.5", timedelta(days=29, microseconds=500_000)),
    ],
)
async def test_an_interval_beyond_python_is_read_as_the_longest(
    owner: Connection, stored: str, read: timedelta
) -> None:
    if "infinity" in stored and await owner.fetchval("SELECT current_setting('server_version_num')::int") < 170_000:
        pytest.skip("intervals are finite before PostgreSQL 17")
    assert await owner.fetchval("SELECT $1::text::interval", stored) == read


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    moment=st.timedeltas(min_value=timedelta(days=1), max_value=timedelta(days=3_650_000)).map(FIRST_MOMENT.__add__),
    span=st.timedeltas(min_value=timedelta(days=-3_000_000), max_value=timedelta(days=3_000_000)),
)
async def test_moments_and_intervals_come_back_as_they_were(
    owner: Connection, moment: datetime, span: timedelta
) -> None:
    read = await owner.fetchrow("SELECT $1::timestamptz, $2::interval", moment, span)
    assert tuple(read or ()) == (moment, span)


async def test_a_naive_moment_is_refused(owner: Connection) -> None:
    with pytest.raises(asyncpg.DataError, match="naive"):
        await owner.execute("SELECT $1::timestamptz", datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
