"""How the commands say figures to a person: spans of time and moments."""

from __future__ import annotations

from datetime import datetime


def span(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3 h``, ``2 d``; nothing for None. The status page says it the same way."""
    if seconds is None:
        return ""
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at: datetime | str | None) -> str:
    """``11-25 23:52:48`` in the terminal's own time zone; nothing for None."""
    if at is None:
        return ""
    read = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{read.astimezone():%m-%d %H:%M:%S}"
