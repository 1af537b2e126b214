"""One alert as a Slack message: fallback text and Block Kit. No company data, no keys, no tracebacks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from acra_express_async.alerts.state import FIRING, MISSED, REMINDER, RESOLVED
from acra_express_async.db.ops.alert_rows import AlertState
from acra_express_async.providers.slack import escaped

LONGEST_HEADER = 150
LONGEST_FIELD = 2000
"""The limits of Slack's Block Kit, in characters: a header's text, and one field of a section."""

_LABELS = {FIRING: "FIRING", REMINDER: "STILL FIRING", RESOLVED: "RESOLVED", MISSED: "WAS FIRING"}


def message(
    state: AlertState, *, runbook_url: str, dashboard_url: str | None, instance: str
) -> tuple[str, list[dict[str, Any]]]:
    """Text and blocks of the message that `state.unsent` names.

    Args:
        runbook_url: where config/runbook.md can be read; the alert's name becomes the anchor.
        dashboard_url: left out when None.
        instance: the process that is named as the sender.
    """
    assert state.unsent is not None
    headline = f"[{_LABELS[state.unsent]}] {state.detail.get('headline', state.key)}"
    fields = dict(state.detail.get("fields", {})) | _when(state) | {"Instance": instance}
    name = state.key.partition(":")[0]
    links = [_link(f"{runbook_url}#{name.replace('_', '-')}", "Runbook")]
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
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "  ·  ".join(links)}]},
    ]
    said = ", ".join(f"{title.lower()} {value}" for title, value in fields.items())
    return escaped(f"{headline}: {said}"), blocks


def _when(state: AlertState) -> dict[str, str]:
    if state.unsent == RESOLVED and isinstance(fired_at := state.detail.get("fired_at"), str):
        lasted = state.since - datetime.fromisoformat(fired_at)
        return {"Since": f"{state.since:%Y-%m-%d %H:%M} UTC", "Lasted": f"{lasted.total_seconds() / 60:.0f} min"}
    if state.unsent == MISSED:
        return {"Note": "it was over the limit during the cooldown after the last resolve, and no longer is"}
    return {"Since": f"{state.since:%Y-%m-%d %H:%M} UTC"}


def _link(url: str, title: str) -> str:
    if url.startswith(("http://", "https://")):
        return f"<{escaped(url)}|{title}>"
    return f"{title}: `{escaped(url)}`"
