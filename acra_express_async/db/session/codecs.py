"""Converts columns into Python values, so that no value that another program wrote can end the process.

PostgreSQL holds moments from 4713 BC to the year 294276 and both infinities; Python holds the years 1 to 9999. asyncpg
raises OverflowError for the former and returns a naive `datetime.max` for an infinity, which fails in the first
comparison. Here each of them becomes the nearest moment that Python can show in every time zone. Intervals, which can
be infinite in PostgreSQL 17 and later, are bounded in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts microseconds from here."""
_MICROSECOND = timedelta(microseconds=1)

FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
"""A day inside Python's own limits: `astimezone` moves by up to 14 hours either way."""
LONGEST = timedelta(days=999_999_000)
"""A thousand days inside Python's own limit."""
MOST_LEVELS = 400
"""What walks through a value (`dataclasses.asdict`) takes a call for each level, and Python allows 1,000 calls in all.
The decoder of Python 3.11 refuses deeper values by itself; since 3.12 it reads tens of thousands of levels."""
_FIRST = (FIRST_MOMENT - _EPOCH) // _MICROSECOND
_LAST = (LAST_MOMENT - _EPOCH) // _MICROSECOND


async def set_codecs(
    connection: asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record],
) -> None:
    """Make JSON columns Python values both ways (pass dicts and lists, never dumped strings); moments are bounded."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json_value, schema="pg_catalog")
    await connection.set_type_codec(
        "interval", encoder=_interval_parts, decoder=_interval, schema="pg_catalog", format="tuple"
    )
    await connection.set_type_codec(
        "timestamptz", encoder=_microseconds, decoder=_moment, schema="pg_catalog", format="tuple"
    )


def json_value(text: str) -> Any:
    """The value; None for numbers of 4,300 digits, which Python refuses, and for more than `MOST_LEVELS`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if text.count("[") + text.count("{") > MOST_LEVELS and _is_deeper(value, MOST_LEVELS):
        return None
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects lie in each other more than `levels` deep; without recursion."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for each in layer if isinstance(each, list | dict) for inner in _inside(each)]
        if not layer:
            return False
    return any(isinstance(each, list | dict) for each in layer)


def _inside(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value if isinstance(value, list) else value.values()


def _moment(stored: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(stored[0], _FIRST), _LAST))


def _microseconds(moment: datetime) -> tuple[int]:
    """Subtraction cannot overflow, whatever the offset; a naive moment is a mistake and raises TypeError."""
    return ((moment - _EPOCH) // _MICROSECOND,)


def _interval(parts: tuple[int, int, int]) -> timedelta:
    """A month counts 30 days, as in PostgreSQL's own `extract(epoch FROM ...)` below a year."""
    months, days, microseconds = parts
    whole, rest = divmod(microseconds, 86_400_000_000)
    counted = 30 * months + days + whole
    if abs(counted) >= LONGEST.days:
        return LONGEST if counted > 0 else -LONGEST
    return timedelta(days=counted, microseconds=rest)


def _interval_parts(span: timedelta) -> tuple[int, int, int]:
    return (0, span.days, span.seconds * 1_000_000 + span.microseconds)
