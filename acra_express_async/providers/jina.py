"""Jina Reader: one page as markdown with its links, at most so many tokens of it.

`X-Max-Tokens` is a hard upper bound of the bill (give or take two), so that much is charged before the read and
corrected by the answer. A dead, walled or empty target is an answer, not an error: the page says it is unusable.
"""

from __future__ import annotations

from datetime import timedelta

import httpx

from acra_express_async.errors import Permanent
from acra_express_async.limits import Pace
from acra_express_async.models import Page, Provider, Scope
from acra_express_async.providers.base import Call, Caller, Policy
from acra_express_async.providers.reader_answers import judge
from acra_express_async.providers.targets import RefusedTarget, checked
from acra_express_async.providers.wire import Answer
from acra_express_async.settings.tree import JinaSettings

PROVIDER = Provider.JINA
TOKEN_SLACK = 2
"""Re-encoding a cut string may count two tokens more than was asked for."""
LEAST_TOKENS = 500
"""Reader refuses a smaller `X-Max-Tokens`."""
TARGET_SECONDS = 15
"""Reader's own patience with the target; our time-out must be at least 15 s longer."""
BODY_CAP = 2 * 1024 * 1024
"""2,000 tokens of text are 16 KB; the links of a page, which are not billed, can be far more."""
BURST = 15
"""Three pages for each company of one batch may go at once."""
KEYLESS_PER_MINUTE, KEYED_PER_MINUTE = 20, 500
"""Published: 20 RPM per IP without a key, 500 RPM per key."""
KEYLESS_IN_FLIGHT, KEYED_IN_FLIGHT = 2, 8
"""Of eight keyless calls at once six were refused; with a key nothing is known below 50."""


def pace(settings: JinaSettings) -> Pace:
    """The hour's calls spread over the hour after a burst, within the published calls a minute.

    Whoever allows more in an hour than six published minutes hold knows of a larger minute (another plan, a simulator
    with scaled allowances).
    """
    keyed = settings.api_key is not None
    per_minute = max(KEYED_PER_MINUTE if keyed else KEYLESS_PER_MINUTE, settings.calls_per_hour / 6)
    return Pace.of_allowance(
        settings.calls_per_hour * settings.share,
        timedelta(hours=1),
        burst=BURST,
        vendor_per_minute=per_minute,
        in_flight=KEYED_IN_FLIGHT if keyed else KEYLESS_IN_FLIGHT,
    )


class JinaReader:
    """The reader of pages.

    Args:
        http: client of the process.
        settings: base URL, key, tokens per page, robots, time-out.
        caller: makes the calls.
    """

    def __init__(self, http: httpx.AsyncClient, settings: JinaSettings, caller: Caller) -> None:
        self._http = http
        self._settings = settings
        self._caller = caller
        self._policy = Policy(tries=2, try_seconds=settings.timeout_seconds, body_cap=BODY_CAP)

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None, with_links: bool = True) -> Page:
        """Read `url`; a page that is dead, walled or empty comes back with `usable=False`.

        Args:
            url: public http(s) address; a fragment is dropped.
            scope: of the job; its own token figure bounds the page.
            max_tokens: most tokens of text (default TOKENS_PER_PAGE), at least 500.
            with_links: ask for the page's links too; they are not billed.

        Raises:
            Permanent: the URL may not be sent (``refused_url``, before anything is charged) or Reader will never read
                it (``bad_url``, ``unresolvable``, ``robots``, ``domain_blocked`` …).
            Blocked: bad key or empty balance; the breaker is open from now on.
            Transient, BudgetExhausted and the scope's errors: see `Caller.call`.
        """
        try:
            target = checked(url)
        except RefusedTarget as refused:
            raise Permanent(str(refused), provider=PROVIDER, reason="refused_url", sent=False) from refused
        tokens = self._bounded(max_tokens or self._settings.tokens_per_page, scope)

        async def judged(answer: Answer) -> Page:
            return judge(answer, target)

        call = Call(
            lambda: self._request(target, tokens, with_links=with_links),
            judged,
            cost={"calls_1h": 1, "tokens_1m": tokens + TOKEN_SLACK},
        )
        return await self._caller.call(self._http, self._policy, call, scope)

    def _bounded(self, tokens: int, scope: Scope) -> int:
        """No page may be larger than what one minute allows; under a job's own figure a company fits its minute."""
        most = int(self._settings.tokens_per_minute * self._settings.share)
        figure = scope.limits.providers.get((PROVIDER, "tokens_1m"))
        if figure is not None and figure < most:
            most = figure // self._settings.max_pages
        return max(LEAST_TOKENS, min(tokens, most - TOKEN_SLACK))

    def _request(self, target: str, tokens: int, *, with_links: bool) -> httpx.Request:
        headers = {
            # anything wider than this admits text/plain, and then success is text while errors are JSON
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "X-Respond-With": "markdown",  # readability would drop the footer, where contacts stand
            "X-Retain-Images": "none",
            "X-Base": "final",  # relative links resolve against where a redirect led to
            "X-Max-Tokens": str(tokens),
            "X-Timeout": str(TARGET_SECONDS),
            "DNT": "1",
        }
        # any non-empty value switches these on, "false" included, so they are sent or left out
        if with_links:
            headers["X-With-Links-Summary"] = "true"
        if self._settings.respect_robots:
            headers["X-Robots-Txt"] = "*"
        if self._settings.api_key is not None:
            headers["Authorization"] = f"Bearer {self._settings.api_key.get_secret_value()}"
        return self._http.build_request("POST", f"{self._settings.base_url}/", json={"url": target}, headers=headers)
