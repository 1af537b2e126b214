"""Moments as people write them on the command line."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import click


def moment_of(text: str, zone: ZoneInfo, option: str) -> datetime:
    """A date (its first moment) or a date with a time, in `zone` unless it carries an offset.

    Raises:
        click.BadParameter: it is neither; the sentence names the option.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a date; write 2026-11-01 or 2026-11-01T08:00+08:00", param_hint=option
        ) from None
    if not 1970 <= found.year <= 9000:
        raise click.BadParameter(f"{text!r} lies outside the years 1970 to 9000", param_hint=option)
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
