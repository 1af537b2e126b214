"""How the commands show figures to a person: spans of time, moments, and tables that fit the terminal."""

from __future__ import annotations

import json
import sys
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from acra_express_async.logs import printable
from acra_express_async.models import offset

PIPE_WIDTH = 20_000
"""Columns of a table that goes to a file or a pipe: more than the longest message of a job has."""


def console() -> Console:
    """Standard output; a table fits a terminal, and is never cut in a pipe."""
    return Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)


def json_text(answer: Any, zone: tzinfo | None = None) -> str:
    """JSON for a program; moments are RFC 3339 with the offset of `zone` (None keeps their own)."""

    def plain(value: object) -> str:
        if not isinstance(value, datetime):
            return str(value)
        try:
            return value.astimezone(zone or value.tzinfo).isoformat(timespec="seconds")
        except OverflowError:  # the first or last day that Python knows
            return value.isoformat(timespec="seconds")

    return json.dumps(answer, default=plain)


def span(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3 h``, ``2 d``; empty for None. The status page uses the same form."""
    if seconds is None:
        return ""
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at: datetime | str | None, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """``11-25 23:52``, with `seconds` ``11-25 23:52:48 +08:00``, in `zone` (the service's zone, as on the page)."""
    if at is None:
        return ""
    read = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone)
    return f"{read:%m-%d %H:%M:%S} {offset(read)}" if seconds else format(read, "%m-%d %H:%M")


def clock_name(zone: tzinfo) -> str:
    """``Asia/Singapore, +08:00``: the clock of all moments in a table."""
    ahead = offset(datetime.now(zone))
    return f"{zone.key}, {ahead}" if isinstance(zone, ZoneInfo) else ahead


def table(title: str | None, *heads: str, yielding: tuple[str, ...] = (), zone: tzinfo | None = None) -> Table:
    """One line per row at any width: the columns in `yielding` are shortened, all others stay complete.

    Args:
        zone: the clock of the moments in it, named below the table.
    """
    columns = [Column(head, no_wrap=head not in yielding, overflow="ellipsis") for head in heads]
    made = Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    made.pad_edge = False
    if zone is not None:
        made.caption, made.caption_justify = f"times: {clock_name(zone)}", "left"
    return made


def cell(text: str | None) -> Text:
    """Foreign text for a table: its markup is not interpreted, and no control character reaches the terminal."""
    return Text(printable(text or ""), no_wrap=True, overflow="ellipsis")
