"""What delays work although no rule holds it back: no running service, or a provider that is not called. Pure."""

from __future__ import annotations

from datetime import datetime

from acra_express_async.db.ops.alert_rows import BreakerLine
from acra_express_async.db.ops.display import BudgetWait
from acra_express_async.models import Provider
from acra_express_async.records.reasons import refusal_in_words

NO_SERVICE = "no service is running: nothing moves until one is started"


def not_called(line: BreakerLine, now: datetime) -> str:
    """Why a provider is not called, and until when.

    Args:
        now: in the zone in which moments are written.
    """
    name = Provider(line.provider).display_name
    probe = line.open_until.astimezone(now.tzinfo)
    until = f"not called before {probe:%m-%d %H:%M}" if probe > now else "to be probed by the next call"
    return (
        f"the breaker of {name} is open ({refusal_in_words(line.reason)}): it is {until} (acra-express breakers list)"
    )


def used_up(wait: BudgetWait, now: datetime) -> str:
    """Which shared allowance is used up, and until when; a campaign that ran into it knows.

    Args:
        now: in the zone in which moments are written.
    """
    until = wait.until.astimezone(now.tzinfo)
    return f"{wait.said}, for every campaign: campaign {wait.campaign_id} waits for it until {until:%m-%d %H:%M}"
