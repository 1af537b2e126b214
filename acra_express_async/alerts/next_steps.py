"""What a person does next about an alert, in one sentence; the runbook's section says more."""

from __future__ import annotations

from acra_express_async.alerts.state import RESOLVED

NEXT_STEPS = {
    "failure_ratio": "`acra-express status` shows the reasons, `acra-express jobs show ID` the companies",
    "budget_80": "nothing fails; if it is unexpected, find the large campaign with `acra-express campaigns list`",
    "budget_95": "jobs will wait until it frees; `acra-express campaigns cancel ID` ends what is not worth the budget",
    "provider_blocked": "do not restart; `acra-express breakers list` shows when the next probe is sent",
    "key_or_credits": "renew the key or buy credits, then `acra-express breakers probe PROVIDER`",
    "internal_errors": "find `company.broke` in the log, run `acra-express check`, or go back to the previous version",
    "stalled": "`acra-express status` says what the work waits for",
    "campaign_failing": "`acra-express campaigns show ID` shows why, `acra-express campaigns cancel ID` stops it",
    "provider_failing": "`acra-express breakers list` and the provider's own status page",
}
"""By the alert's name."""
AFTERWARDS = "nothing has to be done; `acra-express campaigns retry ID` tries companies again that failed meanwhile"


def next_step(key: str, message: str | None) -> str:
    """The next step of the alert with this key (its name, and after a colon what it is about)."""
    return AFTERWARDS if message == RESOLVED else NEXT_STEPS[key.partition(":")[0]]
