"""ZeroBounce: verifies one mail address. One try only, because it has no idempotency key and every send may be paid
for.

The key is part of the URL, so neither URL nor body may get into a log or an error (the refusal page repeats the URL).
`sent=False` on an error means that the verification was not made and cost nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.limits import Pace
from acra_express_async.limits.budget_table import VERIFICATIONS
from acra_express_async.limits.scope import Scope
from acra_express_async.logs import logger
from acra_express_async.models import Provider, VerificationResult
from acra_express_async.providers.base import Call, Caller, Policy, rotated
from acra_express_async.providers.wire import Answer, retry_after
from acra_express_async.runtime.secret_files import Secret, fixed
from acra_express_async.settings.tree import ZeroBounceSettings

PROVIDER = Provider.ZEROBOUNCE
BODY_CAP = 64 * 1024
PENALTY = timedelta(minutes=1)
"""A 429 says nothing about its length; this is the published block of `validate`."""
PACE = Pace(burst=10, interval=0.1)
"""One at a time, otherwise without delay: 80,000 per 10 s are allowed, and a waiting address delays its company."""
CREDIT_SECONDS = 10.0

_log = logger("zerobounce")
KEY_REFUSED = frozenset({"bad_key", "no_credits", "key_or_credits", "shield_or_key"})
"""Reasons that a rotated key may resolve."""
_KEY_WORDS = ("api key", "credits")


class ZeroBounce:
    """The verifier.

    Args:
        http: client of the process.
        settings: base URL, key, time-out.
        caller: makes the calls.
        key: the API key if it may be rotated while the service runs.
    """

    def __init__(
        self, http: httpx.AsyncClient, settings: ZeroBounceSettings, caller: Caller, *, key: Secret | None = None
    ) -> None:
        self._http = http
        self._settings = settings
        self._caller = caller
        self._key = key or fixed(settings.api_key)
        self._policy = Policy(tries=1, try_seconds=settings.timeout_seconds, body_cap=BODY_CAP)
        self._looking = Policy(tries=1, try_seconds=CREDIT_SECONDS, body_cap=BODY_CAP)

    @property
    def configured(self) -> bool:
        """Without a key no address is ever verified."""
        return self._key is not None

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        """Verify `address`; ``unknown`` is a result too, but not one that may be cached.

        Raises:
            Transient: no result. With `sent` False it was not made (not reached, 429, 503) and may be tried again; with
                True it may have been made and paid for, so it must not be repeated for a day.
            Blocked: bad key, no credits, or the shield in front refuses; the breaker opens. Nothing was paid.
            Permanent: no key is configured, or the request was refused as wrong.
            BudgetExhausted and the scope's errors: see `Caller.call`.
        """
        if not self.configured:
            raise Permanent("no ZeroBounce key is configured", provider=PROVIDER, reason="not_configured", sent=False)

        async def judged(answer: Answer) -> VerificationResult:
            result = judge(answer, address)
            if isinstance(result, VerificationResult):
                return result
            explained = await self._explained(result)
            if self._key is not None and explained.reason in KEY_REFUSED and self._key.refused():
                raise rotated(explained)
            raise explained

        call = Call(
            lambda: self._request("validate", email=address, ip_address=""),
            judged,
            target=address.rpartition("@")[2].lower(),
            cost={VERIFICATIONS: 1},
            probe=self._probe,
        )
        return await self._caller.call(self._http, self._policy, call, scope)

    async def credits(self) -> int | None:
        """The credits left on the account: -1 for a bad key, None when they cannot be read now. Free, and not a call of
        a job, so it waits for neither turn nor budget."""
        if not self.configured:
            return None
        try:
            return await self._look()
        except Transient as away:
            _log.info("credits.unknown", reason=away.reason)
            return None

    async def trial(self, scope: Scope) -> int:
        """The credits left on the account, asked for as a call that opens or closes the breaker; it is free.

        Raises:
            Permanent: no key is configured.
            Blocked: bad key, no credits, or the shield refuses.
            Transient and the scope's errors: see `Caller.call`.
        """
        if not self.configured:
            raise Permanent("no ZeroBounce key is configured", provider=PROVIDER, reason="not_configured", sent=False)

        async def judged(answer: Answer) -> int:
            left = _credits_in(answer)
            if (left is None or left <= 0) and self._key is not None and self._key.refused():
                left = await self._look()
            if left is None or left <= 0:
                raise _refusal(left)
            return left

        call = Call(lambda: self._request("getcredits"), judged)
        return await self._caller.call(self._http, self._policy, call, scope)

    async def _look(self) -> int | None:
        answer = await self._caller.look(self._http, self._looking, self._request("getcredits"))
        return _credits_in(answer)

    async def _explained(self, refused: Blocked) -> Blocked:
        """A bad key and an empty account are answered in the same words; the number of credits tells them apart."""
        if refused.reason != "key_or_credits":
            return refused
        left = await self.credits()
        if left is None:
            return refused
        reason = "bad_key" if left < 0 else "no_credits"
        what = "does not know the key" if left < 0 else f"has no credits for us ({left} left)"
        return Blocked(f"ZeroBounce {what}", provider=PROVIDER, reason=reason, sent=False)

    async def _probe(self) -> None:
        """What the breaker's probe sends first: a request for the credits, which is free.

        Raises:
            Blocked: still no credits, a bad key, or the shield refuses.
            Transient: the credits could not be read.
        """
        left = await self._look()
        if (left is None or left <= 0) and self._key is not None and self._key.refused():
            left = await self._look()
        if left is None or left <= 0:
            raise _refusal(left)

    def _request(self, path: str, **parameters: str) -> httpx.Request:
        assert self._key is not None
        return self._http.build_request(
            "GET",
            f"{self._settings.base_url}/v2/{path}",
            params={"api_key": self._key.value, **parameters},
            # its answers carry max-age=14400, even those about a bad key: no cache on the way may replay them
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "Cache-Control": "no-cache"},
        )


def judge(answer: Answer, address: str) -> VerificationResult | Blocked:
    """The result; a `Blocked` is returned, not raised, when only the number of credits can tell what it means.

    Raises:
        Permanent, Blocked, RateLimited, Transient: see `ZeroBounce.verify`.
    """
    body = answer.json()
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    status = told.get("status")
    if answer.status == 200 and isinstance(status, str) and status.strip():
        sub_status = told.get("sub_status")
        return VerificationResult(
            address, status.strip().lower(), sub_status.strip().lower() if isinstance(sub_status, str) else ""
        )
    message = _message_in(told)
    if any(words in message for words in _KEY_WORDS) and answer.status in (200, 400, 401, 402, 403):
        return Blocked("ZeroBounce refuses key or account", provider=PROVIDER, reason="key_or_credits", sent=False)
    if answer.status == 200 and "still in progress" in message:
        return VerificationResult(address, "unknown", "greylisted")
    raise _error(answer)


def _error(answer: Answer) -> ProviderError:
    what = f"ZeroBounce answered {answer.status}"
    reason = f"http_{answer.status}"
    if answer.status == 429:
        wait = retry_after(answer.headers)
        return RateLimited(
            what, provider=PROVIDER, reason=reason, retry_after=PENALTY if wait is None else wait, sent=False
        )
    if answer.status in (401, 402, 403):
        # the shield answers 403 for a bad key and also without a reason: wait, then ask for the credits
        return Blocked(what, provider=PROVIDER, reason="shield_or_key", sent=False)
    if answer.status == 503:
        return Transient(what, provider=PROVIDER, reason=reason, sent=False)
    if answer.status == 200 or answer.status >= 500:
        return Transient(what, provider=PROVIDER, reason="bad_answer" if answer.status == 200 else reason)
    return Permanent(what, provider=PROVIDER, reason=reason, sent=False)


def _refusal(left: int | None) -> Blocked:
    """The error for this number of credits: -1 for a bad key, None where the shield answers."""
    reason = "shield_or_key" if left is None else "bad_key" if left < 0 else "no_credits"
    return Blocked("ZeroBounce still refuses us", provider=PROVIDER, reason=reason, sent=False)


def _message_in(told: dict[str, Any]) -> str:
    for key in ("error", "errors", "Message", "message"):
        if key in told:
            return str(told[key]).lower()
    return ""


def _credits_in(answer: Answer) -> int | None:
    """`{"Credits":"496150"}`: a string, and "-1" for a bad key; anything else (the shield's page) is unknown."""
    body = answer.json()
    if answer.status != 200 or not isinstance(body, dict):
        return None
    try:
        return int(str(body.get("Credits")))
    except ValueError:
        return None
