"""One alert as a Slack message: fallback text and Block Kit. No company data, no keys, no tracebacks."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from acra_express_async.alerts.next_steps import next_step
from acra_express_async.alerts.state import FIRING, MISSED, REMINDER, RESOLVED
from acra_express_async.db.ops.alert_rows import AlertState
from acra_express_async.models import local_time
from acra_express_async.providers.slack import escaped

LONGEST_HEADER = 150
LONGEST_FIELD = 2000
"""The limits of Slack's Block Kit, in characters: a header's text, and one field of a section."""

_LABELS = {FIRING: "FIRING", REMINDER: "STILL FIRING", RESOLVED: "RESOLVED", MISSED: "WAS FIRING"}


def message(
    state: AlertState, *, runbook_url: str, dashboard_url: str | None, instance: str, zone: tzinfo
) -> tuple[str, list[dict[str, Any]]]:
    """Text and blocks of the message that `state.unsent` names.

    Args:
        runbook_url: where the runbook can be read; the alert's name becomes the anchor.
        dashboard_url: left out when None.
        instance: the process that is named as the sender.
        zone: the clock of its moments.
    """
    assert state.unsent is not None
    headline = f"[{_LABELS[state.unsent]}] {state.detail.get('headline', state.key)}"
    fields = dict(state.detail.get("fields", {})) | _when(state, zone) | {"Instance": instance}
    name = state.key.partition(":")[0]
    section = f"{runbook_url}#{name.replace('_', '-')}"
    step = next_step(state.key, state.unsent)
    links = [_link(section, "Runbook")]
    if dashboard_url is not None:
        links.append(_link(dashboard_url, "Dashboard"))
    blocks: list[dict[str, Any]] = [
        # plain_text takes no markup, so it is not escaped
        {"type": "header", "text": {"type": "plain_text", "text": headline[:LONGEST_HEADER]}},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": f"*{escaped(title)}*\n{escaped(str(value))}"[:LONGEST_FIELD]}
                for title, value in list(fields.items())[:10]
            ],
        },
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*Next:* {escaped(step)}"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "  ·  ".join(links)}]},
    ]
    said = ", ".join(f"{title.lower()} {value}" for title, value in fields.items())
    return escaped(f"{headline}: {said}. Next: {step}. {section}"), blocks


def _when(state: AlertState, zone: tzinfo) -> dict[str, str]:
    if state.unsent == RESOLVED and isinstance(fired_at := state.detail.get("fired_at"), str):
        lasted = state.since - datetime.fromisoformat(fired_at)
        return {"Since": local_time(state.since, zone), "Lasted": f"{lasted.total_seconds() / 60:.0f} min"}
    if state.unsent == MISSED:
        return {"Note": "it was over the limit during the cooldown after the last resolve, and no longer is"}
    return {"Since": local_time(state.since, zone)}


def _link(url: str, title: str) -> str:
    if url.startswith(("http://", "https://")):
        return f"<{escaped(url)}|{title}>"
    return f"{title}: `{escaped(url)}`"
