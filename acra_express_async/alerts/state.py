"""What follows from a measurement: fire, remind, resolve, or nothing. Pure; all moments are the database's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.ops.alert_rows import AlertState

FIRING = "firing"
REMINDER = "reminder"
RESOLVED = "resolved"
MISSED = "missed"
"""The messages that may be left to send: values of the column `unsent`."""

REMIND_AFTER = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The present state of what one alert is about.

    When neither `breached` nor `cleared` holds (between the two limits, or too little data), the alert stays as it is.

    Args:
        key: the alert's name, followed by a colon and what it is about.
        detail: headline and fields of the message; no company, no address, no secret.
        hold: how long a breach must last before it fires.
        quiet: fire without a message, because a more serious alert already reports it.
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


def judged(known: AlertState | None, reading: Measurement, now: datetime, cooldown: timedelta) -> AlertState | None:
    """The alert's next state, or None when it stays as it is.

    A breach within `cooldown` after a resolve is delayed, not dropped: it fires when the cooldown ends, or is reported
    as missed if it is over by then.
    """
    state = known or AlertState(reading.key, since=now)
    if state.firing:
        return _firing(state, reading, now, cooldown)
    if not reading.breached:
        return _calm(state, now)
    lasting = state.pending_since or now
    if now - lasting < reading.hold:
        return None if state.pending_since else replace(state, pending_since=now)
    if state.cooled_at is not None and now < state.cooled_at:
        return None if state.missed else replace(state, missed=reading.detail)
    return replace(
        state,
        firing=True,
        since=now,
        pending_since=None,
        cooled_at=None,
        missed=None,
        unsent=None if reading.quiet else FIRING,
        told_at=None,
        detail=reading.detail,
    )


def _firing(state: AlertState, reading: Measurement, now: datetime, cooldown: timedelta) -> AlertState | None:
    if reading.cleared:
        untold = state.told_at is None and state.unsent is None
        return replace(
            state,
            firing=False,
            since=now,
            cooled_at=now + cooldown,
            unsent=None if untold else RESOLVED,
            detail=reading.detail | {"fired_at": state.since.isoformat()},
        )
    if state.unsent is None and state.told_at is not None and now - state.told_at >= REMIND_AFTER:
        return replace(state, unsent=REMINDER, detail=reading.detail)
    return None


def _calm(state: AlertState, now: datetime) -> AlertState | None:
    if state.missed is not None and (state.cooled_at is None or now >= state.cooled_at):
        return replace(state, pending_since=None, missed=None, unsent=MISSED, since=now, detail=state.missed)
    return replace(state, pending_since=None) if state.pending_since else None
