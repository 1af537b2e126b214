"""Jina Reader: one page as markdown with its links, up to a number of tokens; or only the footer of a page.

Links keep only their labels in the text and are asked for as a list, which is not billed: measured on 83 real pages,
1,500 tokens then hold 93 % of the contact facts for a mean bill of 749, against 87 % for 1,029 with addresses in the
text. Most of the missing facts are in the footers of long pages, which can be read separately.

`X-Max-Tokens` is a hard upper bound of the bill (give or take two), so that much is charged before the read and
corrected by the answer. A dead or empty target is an answer, not an error: the page says it is unusable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from acra_express_async.errors import Blocked, Permanent
from acra_express_async.limits import SEND_MARGIN, Allowance, Pace
from acra_express_async.limits.budget_table import READS, TOKENS
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Page, Provider
from acra_express_async.providers.base import Call, Caller, Policy, rotated
from acra_express_async.providers.cut_text import TOKEN_SLACK
from acra_express_async.providers.reader_answers import KEY_REFUSED, judge
from acra_express_async.providers.targets import RefusedTarget, checked
from acra_express_async.providers.wire import Answer
from acra_express_async.runtime.secret_files import Secret, fixed
from acra_express_async.settings.tree import JinaSettings

PROVIDER = Provider.JINA
LEAST_TOKENS = 500
"""Reader refuses a smaller `X-Max-Tokens`."""
TARGET_SECONDS = 15
"""Reader's own time-out for the target; ours must be at least 15 s longer."""
BODY_CAP = 2 * 1024 * 1024
"""2,000 tokens of text are 16 KB; the links of a page, which are not billed, can be far more."""
_OUTERMOST = ":not(footer *):not(div[class*=footer i] *):not(div[id*=footer i] *)"
FOOTER_SELECTOR = ",".join(
    f"{part}{_OUTERMOST}"
    for part in (
        "footer:not(article *):not(blockquote *):not(figure *)",
        "div[class*=footer i]:not(article *):not([class*=modal i]):not([class*=card i]):not([class*=cookie i])",
        "div[id*=footer i]:not(article *)",
        "section[id*=contact i]",
        "div[id=contact i]",
    )
)
"""The outermost footers of a page, and the section of a single-page site that its menu calls contact.

This is one selector: Reader splits the header at ", " and waits for every part, so no space may follow a comma. Reader
pulls a nested match out of the outer one, "Tel:" away from its number, so only the outermost elements may match. The
footer of an article, a quotation or a card does not count, nor does "footer" in the class of `body` or `html`.
"""
BURST = 15
"""Calls that may start at once: three pages for each company of one batch."""
KEYLESS_PER_MINUTE, KEYED_PER_MINUTE = 20, 500
"""Published: 20 RPM per IP without a key, 500 RPM per key."""
KEYLESS_IN_FLIGHT, KEYED_IN_FLIGHT = 2, 8
"""Of eight simultaneous calls without a key six were refused; with a key no limit below 50 is known."""


def pace(settings: JinaSettings) -> Pace:
    """After a burst, the hour's calls are spread over the hour, within the published calls per minute.

    An hourly allowance above six published minutes raises the limit per minute in proportion, because it means another
    plan (or a simulator with scaled allowances).
    """
    keyed = settings.api_key is not None
    per_minute = _per_minute(settings)
    return Pace.of_allowance(
        settings.calls_per_hour * settings.share,
        timedelta(hours=1),
        burst=BURST,
        vendor_per_minute=per_minute,
        in_flight=KEYED_IN_FLIGHT if keyed else KEYLESS_IN_FLIGHT,
    )


def turns(
    settings: JinaSettings, egress: str, *, window_scale: float = 1.0, margin: timedelta = SEND_MARGIN
) -> tuple[Allowance, ...]:
    """Without a key Reader counts the calls of one address in any rolling minute; with a key it counts by key."""
    if settings.api_key is not None:
        return ()
    minute = timedelta(minutes=1) * window_scale
    limit = int(_per_minute(settings))
    return (Allowance(PROVIDER, f"keyless_1m:{egress}", limit, 1, minute, margin * window_scale),)


def _per_minute(settings: JinaSettings) -> float:
    published = KEYLESS_PER_MINUTE if settings.api_key is None else KEYED_PER_MINUTE
    return max(published, settings.calls_per_hour / 6)


class JinaReader:
    """The reader of pages.

    Args:
        http: client of the process.
        settings: base URL, key, tokens per page, robots, time-out.
        caller: makes the calls.
        key: the API key if it may be rotated while the service runs.
    """

    def __init__(
        self, http: httpx.AsyncClient, settings: JinaSettings, caller: Caller, *, key: Secret | None = None
    ) -> None:
        self._http = http
        self._settings = settings
        self._caller = caller
        self._key = key or fixed(settings.api_key)
        self._policy = Policy(tries=2, try_seconds=settings.timeout_seconds, body_cap=BODY_CAP)

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        """Read `url`; a page that is dead or empty comes back with `usable=False`.

        Args:
            url: public http(s) address; a fragment is dropped.
            scope: of the job; its own token figure bounds the page.
            max_tokens: most tokens of text (default TOKENS_PER_PAGE), at least 500.

        Raises:
            Permanent: the URL may not be sent (``refused_url``, before anything is charged) or Reader will never read
                it (``bad_url``, ``unresolvable``, ``robots``, ``domain_blocked`` …).
            Blocked: bad key or empty balance; the breaker is open from now on.
            Transient, BudgetExhausted and the scope's errors: see `Caller.call`.
        """
        return await self._read(url, scope, max_tokens, {})

    async def read_footer(self, url: str, scope: Scope, *, max_tokens: int | None = None, labels: bool = True) -> Page:
        """Read only the footer of `url`; a page without one comes back as ``empty`` and costs no tokens.

        Charged as a call; arguments and errors are those of `read`. Without `labels` the text lacks the labels of
        links, because in a footer full of link columns these would use up the tokens before the contacts below them.
        """
        options = {"X-Target-Selector": FOOTER_SELECTOR}
        return await self._read(url, scope, max_tokens, options if labels else {**options, "X-Retain-Links": "none"})

    async def _read(self, url: str, scope: Scope, max_tokens: int | None, options: Mapping[str, str]) -> Page:
        try:
            target = checked(url)
        except RefusedTarget as refused:
            raise Permanent(str(refused), provider=PROVIDER, reason="refused_url", sent=False) from refused
        tokens = self._bounded(max_tokens or self._settings.tokens_per_page, scope)

        async def judged(answer: Answer) -> Page:
            try:
                return await asyncio.to_thread(judge, answer, target, tokens)  # up to 2 MB of an unknown page
            except Blocked as refused:
                if self._key is not None and refused.reason in KEY_REFUSED and self._key.refused():
                    raise rotated(refused) from refused
                raise

        call = Call(
            lambda: self._request(target, tokens, options),
            judged,
            target=(urlsplit(target).hostname or target).removeprefix("www."),
            cost={READS: 1, TOKENS: tokens + TOKEN_SLACK},
        )
        return await self._caller.call(self._http, self._policy, call, scope)

    def _bounded(self, tokens: int, scope: Scope) -> int:
        """Tokens for one page: at most what a minute allows; under a job's own limit, so that a company fits a
        minute."""
        most = int(self._settings.tokens_per_minute * self._settings.share)
        figure = scope.limits.providers.get(TOKENS.key)
        if figure is not None and figure < most:
            most = figure // self._settings.max_pages
        return max(LEAST_TOKENS, min(tokens, most - TOKEN_SLACK))

    def _request(self, target: str, tokens: int, options: Mapping[str, str]) -> httpx.Request:
        headers = {
            # a wider Accept would admit text/plain: pages would be text, while errors are JSON
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "X-Respond-With": "markdown",  # readability would drop the footer, which holds the contacts
            "X-Retain-Images": "none",
            "X-Retain-Links": "text",
            "X-With-Links-Summary": "all",  # any other value loses links with equal or empty labels, such as icons
            "X-Base": "final",  # relative links resolve against where a redirect led to
            "X-Max-Tokens": str(tokens),
            "X-Timeout": str(TARGET_SECONDS),
            "DNT": "1",
            **options,
        }
        if self._settings.respect_robots:
            headers["X-Robots-Txt"] = "*"
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.value}"
        return self._http.build_request("POST", f"{self._settings.base_url}/", json={"url": target}, headers=headers)
