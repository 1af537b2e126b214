"""`acra-express check --slack-test`: one message through the service's own client, and Slack's answer."""

from __future__ import annotations

from datetime import timedelta

from acra_express_async import __version__
from acra_express_async.errors import ConfigError, ProviderError
from acra_express_async.limits import Throttle
from acra_express_async.models import Provider
from acra_express_async.ops.checks import Finding
from acra_express_async.providers.base import Caller
from acra_express_async.providers.http_client import http_client
from acra_express_async.providers.slack import PACE, Slack
from acra_express_async.service.process_context import process_context
from acra_express_async.settings.tree import Settings

PATIENCE = timedelta(seconds=10)
"""Long enough: no other message is waiting here."""


async def slack_trial(settings: Settings) -> Finding:
    """Post a test message; `FAIL` says why no alert will reach Slack."""
    context = process_context(settings)
    caller = Caller(Provider.SLACK, Throttle(Provider.SLACK, PACE, patience=PATIENCE, context=context), context=context)
    try:
        client = http_client()
    except ConfigError as wrong:
        return Finding("FAIL", f"Slack: {wrong}")
    async with client as http:
        try:
            await Slack(http, settings.slack, caller).post(
                f"acra-express {__version__}: a test of the alert channel. Nothing is wrong."
            )
        except ProviderError as refused:
            return Finding("FAIL", f"Slack: the test message was not accepted: {refused}")
    where = f"the webhook's channel ({settings.slack.channel}, according to the settings)"
    return Finding("ok", f"Slack: the test message was accepted; look for it in {where}")
