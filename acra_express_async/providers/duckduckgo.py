"""DuckDuckGo's html page as a search: POST, page one only, an honest User-Agent; a challenge is never answered.

Its block has a success status (202) and its "no results" has three forms, so only the markup decides. It sends neither
429 nor Retry-After. Anything that looks like a refusal opens the breaker, because requests during a block prolong it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx

from acra_express_async.errors import Blocked, Permanent, Transient
from acra_express_async.limits import SEND_MARGIN, Allowance, Pace
from acra_express_async.limits.budget_table import SEARCHES
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Provider, SearchPage
from acra_express_async.providers.base import Call, Caller, Policy
from acra_express_async.providers.serp import SearchPageKind, classify
from acra_express_async.providers.wire import Answer
from acra_express_async.settings.tree import DuckDuckGoSettings

PROVIDER = Provider.DUCKDUCKGO
LONGEST_QUERY = 499
"""500 characters and more are refused."""
BODY_CAP = 128 * 1024
"""Real pages have 9 to 42 KB. A tag full of attributes costs a parser quadratic time: 0.4 s at this size."""
BURST = 40
"""Two searches for each of twenty companies, one hour's work of the default schedule, if the minute's limit allows."""
PER_MINUTE, PER_MINUTE_AT = 15.0, 200
"""No limit is published; 15 a minute is the lowest pace that was reported to work, beside our 200 an hour."""


def pace(settings: DuckDuckGoSettings) -> Pace:
    """One call in flight; spacing plus as much jitter; after a burst, the hour's requests are spread over the hour.

    A raised hourly allowance (a simulator with scaled allowances) raises the limit per minute in proportion.
    """
    return Pace.of_allowance(
        settings.requests_per_hour * settings.share,
        timedelta(hours=1),
        burst=BURST,
        vendor_per_minute=max(PER_MINUTE, PER_MINUTE * settings.requests_per_hour / PER_MINUTE_AT),
        spacing=settings.spacing_seconds,
        jitter=settings.spacing_seconds,
    )


def turns(
    settings: DuckDuckGoSettings, *, window_scale: float = 1.0, margin: timedelta = SEND_MARGIN
) -> tuple[Allowance, ...]:
    """One request at a time from one address, and the next no sooner than the spacing after its answer.

    A request without an answer keeps the turn until it can no longer be under way.
    """
    spacing = timedelta(seconds=settings.spacing_seconds) * window_scale
    return (
        Allowance(
            PROVIDER,
            f"turn:{settings.egress}",
            limit=1,
            share=1,
            window=spacing,
            hold=margin * window_scale + timedelta(seconds=settings.timeout_seconds),
            jitter=spacing,
        ),
    )


class DuckDuckGo:
    """The search.

    Args:
        http: client of the process.
        settings: base URL, region, User-Agent, time-out.
        caller: makes the calls.
    """

    def __init__(self, http: httpx.AsyncClient, settings: DuckDuckGoSettings, caller: Caller) -> None:
        self._http = http
        self._settings = settings
        self._caller = caller
        self._policy = Policy(tries=3, try_seconds=settings.timeout_seconds, body_cap=BODY_CAP)

    async def search(self, query: str, scope: Scope) -> SearchPage:
        """Page one for `query`; an empty page is DuckDuckGo's own "no results".

        Raises:
            Permanent: the query is empty, or was answered by a redirect (a bang).
            Blocked: a challenge or a refusal; the breaker opens.
            Transient, BudgetExhausted and the scope's errors: see `Caller.call`. Reason ``markup_changed`` means a
                page that is neither results nor "no results"; it must never be taken for "no website".
        """
        words = cleaned(query)
        if not words:
            raise Permanent("the search query is empty", provider=PROVIDER, reason="empty_query", sent=False)

        async def judged(answer: Answer) -> SearchPage:
            return await asyncio.to_thread(judge, answer, words)  # the parser releases the GIL

        call = Call(lambda: self._request(words), judged, target=words, cost={SEARCHES: 1})
        return await self._caller.call(self._http, self._policy, call, scope)

    def _request(self, words: str) -> httpx.Request:
        origin = self._settings.base_url + "/"
        return self._http.build_request(
            "POST",
            f"{self._settings.base_url}/html/",
            data={"q": words, "b": "", "kl": self._settings.region, "df": ""},
            headers={
                "User-Agent": self._settings.user_agent,
                "Accept": "text/html,application/xhtml+xml",
                "Accept-Language": "en-SG,en;q=0.9",
                "Accept-Encoding": "gzip, deflate",
                "Referer": origin,
                "Sec-Fetch-Dest": "document",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Site": "same-origin",
                "Sec-Fetch-User": "?1",
            },
        )


def cleaned(query: str) -> str:
    """The query without bangs (a word that begins or ends with ``!`` redirects), at most 499 characters long."""
    text = " ".join(bare for word in query.split() if (bare := word.strip("!\\")))
    if len(text) <= LONGEST_QUERY:
        return text
    return text[:LONGEST_QUERY].rsplit(" ", 1)[0] if " " in text[:LONGEST_QUERY] else text[:LONGEST_QUERY]


def judge(answer: Answer, query: str) -> SearchPage:
    """The results of an answer.

    The order of the tests matters: the challenge is recognised before the status, because it comes with 202; a page
    counts as results or as "no results" only with status 200 and known markup; everything else is a failure.

    Raises:
        Blocked, Permanent, Transient: see `DuckDuckGo.search`.
    """
    kind, hits = classify(answer.text)
    if answer.status == 202 or kind is SearchPageKind.CHALLENGE:
        raise Blocked("DuckDuckGo asks for a human", provider=PROVIDER, reason="challenge")
    if answer.status == 301 or 400 <= answer.status < 500:
        raise Blocked(
            f"DuckDuckGo refused with status {answer.status}", provider=PROVIDER, reason=f"http_{answer.status}"
        )
    if 300 <= answer.status < 400:
        raise Permanent("DuckDuckGo answered the query with a redirect", provider=PROVIDER, reason="redirect")
    if answer.status >= 500:
        raise Transient(
            f"DuckDuckGo answered with status {answer.status}", provider=PROVIDER, reason=f"http_{answer.status}"
        )
    if answer.status == 200 and kind in (SearchPageKind.RESULTS, SearchPageKind.NO_RESULTS):
        return SearchPage(query, hits)
    raise Transient(
        "DuckDuckGo's page shows neither results nor “no results”",
        provider=PROVIDER,
        reason="markup_changed",
        about_target=True,  # a new kind of answer box for this query; a new markup soon shows with other queries too
    )
