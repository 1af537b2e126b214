"""What follows from a reading: fire, remind, resolve, or nothing. Pure; the moments are the database's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.ops.alert_rows import Standing

FIRING = "firing"
REMINDER = "reminder"
RESOLVED = "resolved"
MISSED = "missed"
"""What is left to say: the column `unsent`."""

REMIND_AFTER = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one alert's subject is now.

    Neither `breached` nor `cleared` (between the limits, or nothing to judge by) changes nothing.

    Args:
        key: the alert's name, and after a colon what it is about.
        detail: headline and fields of the message; no company, no address, no secret.
        hold: how long a breach must last before it fires.
        quiet: fire without a message, because a graver alert already says it.
    """

    key: str
    breached: bool
    cleared: bool
    detail: dict[str, Any] = field(default_factory=dict)
    hold: timedelta = timedelta(0)
    quiet: bool = False

    @property
    def name(self) -> str:
        """The metric label `alert`."""
        return self.key.partition(":")[0]


def judged(known: Standing | None, reading: Reading, now: datetime, cooldown: timedelta) -> Standing | None:
    """The alert's next state, or None when it stays as it is.

    A breach within `cooldown` after a resolve is delayed, not dropped: it fires when the cooldown ends, or is told as
    missed if it is over by then.
    """
    standing = known or Standing(reading.key, since=now)
    if standing.firing:
        return _firing(standing, reading, now, cooldown)
    if not reading.breached:
        return _calm(standing, now)
    lasting = standing.pending_since or now
    if now - lasting < reading.hold:
        return None if standing.pending_since else replace(standing, pending_since=now)
    if standing.cooled_at is not None and now < standing.cooled_at:
        return None if standing.missed else replace(standing, missed=reading.detail)
    return replace(
        standing,
        firing=True,
        since=now,
        pending_since=None,
        cooled_at=None,
        missed=None,
        unsent=None if reading.quiet else FIRING,
        told_at=None,
        detail=reading.detail,
    )


def _firing(standing: Standing, reading: Reading, now: datetime, cooldown: timedelta) -> Standing | None:
    if reading.cleared:
        untold = standing.told_at is None and standing.unsent is None
        return replace(
            standing,
            firing=False,
            since=now,
            cooled_at=now + cooldown,
            unsent=None if untold else RESOLVED,
            detail=reading.detail | {"fired_at": standing.since.isoformat()},
        )
    if standing.unsent is None and standing.told_at is not None and now - standing.told_at >= REMIND_AFTER:
        return replace(standing, unsent=REMINDER, detail=reading.detail)
    return None


def _calm(standing: Standing, now: datetime) -> Standing | None:
    if standing.missed is not None and (standing.cooled_at is None or now >= standing.cooled_at):
        return replace(
            standing, pending_since=None, missed=None, unsent=MISSED, since=now, detail=standing.missed
        )  # fmt: skip
    return replace(standing, pending_since=None) if standing.pending_since else None
