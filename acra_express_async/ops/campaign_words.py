"""A campaign in sentences for people, as commands and console say them."""

from __future__ import annotations

import re
from datetime import tzinfo

from acra_express_async.alerts.stalls import deferred_to
from acra_express_async.companies.delays import NO_SERVICE
from acra_express_async.companies.outlook_reading import Prospects
from acra_express_async.db.companies.campaign_rows import ENDED, CampaignState
from acra_express_async.models import WaitReason
from acra_express_async.records.reasons import refusal_in_words

_REASON = re.compile(r"\(([a-z0-9_:]+)\)$")
"""The reason code at the end of a job's message."""


def waits(state: CampaignState, zone: tzinfo, prospects: Prospects) -> str:
    """Why a campaign is not at work now, in a sentence."""
    if state.running and prospects.served:
        return "a worker is working on it" + (", and claims nothing more while paused" if prospects.paused else "")
    if prospects.hold is not None:
        return prospects.hold.told
    if not prospects.served:
        return NO_SERVICE
    if state.next_at is None:
        return "due now: it waits for a free worker"
    until = deferred_to(state.next_at, zone)
    if state.wait_reason == WaitReason.DAILY_CAP:
        used = prospects.cap_used
        if state.own_cap is not None:
            return f"deferred to {until}: {_own_cap(state.own_cap, used)}"
        return f"deferred to {until}: daily cap {used} of {prospects.cap}"
    if state.wait_reason is None:
        return _turn(state, until, prospects)
    why = (state.waits_for or "").removeprefix("deferred: ").removeprefix("retry: ")
    why = _REASON.sub(lambda found: f"({refusal_in_words(found[1])})", why)
    return f"deferred to {until}: {why}"


def _turn(state: CampaignState, until: str, prospects: Prospects) -> str:
    """Why the next batch of a campaign waits, of which no job says so itself."""
    if prospects.closed_off:
        return f"its next batch is due at {until}; {'; '.join(prospects.closed_off)}"
    used = prospects.cap_used
    if state.own_cap is not None and state.own_cap <= used:
        return f"its next batch waits until midnight: {_own_cap(state.own_cap, used)}"
    if prospects.cap <= used:
        return f"its next batch waits until midnight: daily cap {used} of {prospects.cap}"
    return f"its next batch is due at {until}, or when a worker is free"


def _own_cap(cap: int, used: int) -> str:
    return f"its daily cap of {cap} counts the companies of all campaigns, {used} today"


def summary(state: CampaignState) -> str:
    """How many of its companies ended, and how."""
    counts = ", ".join(f"{state.states[kind]} {kind}" for kind in (*ENDED, "waiting") if state.states[kind])
    more = ", and what is left of the selection" if state.open_ended else ""
    return f"{state.ended} of {state.total} companies ended ({state.percent:.0f} %): {counts or 'none yet'}{more}"
