"""Slack's incoming webhook. The URL is the secret, the webhook decides the channel, and a message is not idempotent:
after a time-out or a 5xx it may have been posted, so it is repeated at most once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.limits import Pace
from acra_express_async.models import Provider
from acra_express_async.providers.base import Call, Caller, Policy, Unscoped, rotated
from acra_express_async.providers.wire import Answer, retry_after
from acra_express_async.runtime.secret_files import Secret, fixed
from acra_express_async.settings.tree import SlackSettings

PROVIDER = Provider.SLACK
BODY_CAP = 4 * 1024
DEFAULT_WAIT = timedelta(seconds=1)
"""About one message a second is allowed, so after a 429 without a Retry-After one second is enough."""
LONGEST_TEXT = 4000

PACE = Pace(burst=5, interval=1.0)
"""About 1 message a second per webhook with short bursts; a bucket of 25 was measured once."""

_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format"})
_DEAD = frozenset(
    {
        "action_prohibited",
        "team_disabled",
        "posting_to_general_channel_denied",
        "invalid_token",
        "channel_not_found",
        "no_service",
        "no_service_id",
        "no_active_hooks",
        "no_team",
        "channel_is_archived",
    }
)


class Slack:
    """The channel for alerts.

    Args:
        http: client of the process.
        settings: the webhook's URL, time-out.
        caller: makes the calls; without budget and breaker.
        webhook: the webhook's URL if it may be rotated while the service runs.
    """

    def __init__(
        self, http: httpx.AsyncClient, settings: SlackSettings, caller: Caller, *, webhook: Secret | None = None
    ) -> None:
        self._http = http
        self._settings = settings
        self._caller = caller
        self._webhook = webhook or fixed(settings.webhook_url)
        self._policy = Policy(tries=2, tries_when_limited=3, try_seconds=settings.timeout_seconds, body_cap=BODY_CAP)
        self._dead: str | None = None

    @property
    def configured(self) -> bool:
        return self._webhook is not None

    @property
    def dead(self) -> str | None:
        """Slack's word for why the webhook will never work again (``no_service`` …); None while it may work."""
        if self._dead is not None and self._webhook is not None and self._webhook.refused():
            self._dead = None
        return self._dead

    async def post(self, text: str, blocks: Sequence[dict[str, Any]] | None = None) -> None:
        """Post one message; blocks that Slack refuses are left out and the text is sent alone.

        Args:
            text: fallback and notification; see `escaped` for names inside it.
            blocks: Block Kit.

        Raises:
            Transient: not accepted, or unknown (see `sent`); the caller keeps the message and tries again later.
            Blocked: the webhook is dead; further messages are refused here without a call.
            Permanent: no webhook is configured, or the message itself is wrong; the caller drops it.
        """
        if (dead := self.dead) is not None:
            raise _dead_webhook(dead, sent=False)
        try:
            await self._send({"text": text[:LONGEST_TEXT], **({"blocks": list(blocks)} if blocks else {})})
        except Permanent as refused:
            if not blocks or refused.reason not in _BAD_BLOCKS:
                raise
            await self._send({"text": text[:LONGEST_TEXT]})
        except Blocked as refused:
            self._dead = refused.reason
            raise

    async def _send(self, message: dict[str, Any]) -> None:
        webhook = self._webhook
        if webhook is None:
            raise Permanent("no Slack webhook is configured", provider=PROVIDER, reason="not_configured", sent=False)

        async def judged(answer: Answer) -> None:
            error = judge(answer)
            if isinstance(error, Blocked) and webhook.refused():
                raise rotated(error)
            if error is not None:
                raise error

        call = Call(lambda: self._http.build_request("POST", webhook.value, json=message), judged)
        await self._caller.call(self._http, self._policy, call, Unscoped())


def escaped(text: str) -> str:
    """Escapes the three characters that are special in Slack's markup; company names contain `&`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def judge(answer: Answer) -> ProviderError | None:
    """None when the message was posted; otherwise the error, named after the caller's next move."""
    word = " ".join(answer.text.split())[:60]
    status = answer.status
    if status == 200 and word == "ok":
        return None
    if status == 429:
        return RateLimited(
            "Slack asks us to wait", provider=PROVIDER, reason="http_429", retry_after=_wait(answer), sent=False
        )
    if word in _DEAD or status in (403, 404, 410):
        return _dead_webhook(word if word in _DEAD else f"http_{status}")
    if status >= 500 or status == 408:
        return Transient(f"Slack answered {status}", provider=PROVIDER, reason=f"http_{status}")
    if 400 <= status < 500:
        reason = word if word.isidentifier() else f"http_{status}"
        return Permanent(f"Slack refused the message ({reason})", provider=PROVIDER, reason=reason)
    return Transient(f"Slack answered {status} without ok", provider=PROVIDER, reason="bad_answer")


def _dead_webhook(word: str, *, sent: bool = True) -> Blocked:
    return Blocked(f"Slack's webhook is dead ({word})", provider=PROVIDER, reason=word, sent=sent)


def _wait(answer: Answer) -> timedelta:
    header = retry_after(answer.headers)
    if header is not None:
        return header
    body = answer.json()
    seconds = body.get("retry_after") if isinstance(body, dict) else None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= 300:
        return timedelta(seconds=float(seconds))
    return DEFAULT_WAIT
