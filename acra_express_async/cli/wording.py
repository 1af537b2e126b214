"""How the commands show figures to a person: spans of time, moments, and tables that fit the terminal."""

from __future__ import annotations

from datetime import datetime, tzinfo

from rich import box
from rich.table import Column, Table
from rich.text import Text

from acra_express_async.logs import printable


def span(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3 h``, ``2 d``; empty for None. The status page uses the same form."""
    if seconds is None:
        return ""
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at: datetime | str | None, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """``11-25 23:52``, with `seconds` ``11-25 23:52:48``, in `zone` (the service's zone, as on the status page)."""
    if at is None:
        return ""
    read = datetime.fromisoformat(at) if isinstance(at, str) else at
    return format(read.astimezone(zone), "%m-%d %H:%M:%S" if seconds else "%m-%d %H:%M")


def table(title: str | None, *heads: str, yielding: tuple[str, ...] = ()) -> Table:
    """One line per row at any width: the columns in `yielding` are shortened, all others stay complete."""
    columns = [Column(head, no_wrap=head not in yielding, overflow="ellipsis") for head in heads]
    made = Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    made.pad_edge = False
    return made


def cell(text: str | None) -> Text:
    """Foreign text for a table: its markup is not interpreted, and no control character reaches the terminal."""
    return Text(printable(text or ""), no_wrap=True, overflow="ellipsis")
