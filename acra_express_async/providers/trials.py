"""The cheapest real call to each provider: for `check --providers`, and as the probe that an operator asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from acra_express_async.errors import Blocked, BudgetExhausted, Permanent, ProviderError, RateLimited
from acra_express_async.limits import BREAKER_OPEN
from acra_express_async.models import Provider
from acra_express_async.providers.base import Unscoped
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.providers.jina import LEAST_TOKENS, JinaReader
from acra_express_async.providers.zerobounce import ZeroBounce

QUERY = "Accounting and Corporate Regulatory Authority Singapore"
PAGE = "https://example.com/"
"""Reserved for such uses, and about 40 tokens long."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a call went: the provider `answered`, or was not `called` at all; `text` is one sentence."""

    answered: bool
    text: str
    called: bool = True


def trials(
    duckduckgo: DuckDuckGo, jina: JinaReader, zerobounce: ZeroBounce, *, clock: Callable[[], float]
) -> Mapping[Provider, Callable[[], Awaitable[Trial]]]:
    """One call for each provider; budgets are charged as for any other call.

    Args:
        clock: monotonic seconds.
    """

    async def search() -> str:
        page = await duckduckgo.search(QUERY, Unscoped())
        return f"{len(page.hits)} results"

    async def read() -> str:
        await jina.read(PAGE, Unscoped(), max_tokens=LEAST_TOKENS)
        return "a page was read"

    async def look() -> str:
        return f"{await zerobounce.trial(Unscoped())} credits left"

    def timed(provider: Provider, call: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[Trial]]:
        async def run() -> Trial:
            began = clock()
            try:
                what = await call()
            except ProviderError as error:
                return _failed(provider, error)
            return Trial(True, f"{provider.display_name} answered in {clock() - began:.1f} s: {what}")

        return run

    calls = {Provider.DUCKDUCKGO: search, Provider.JINA: read, Provider.ZEROBOUNCE: look}
    return {provider: timed(provider, call) for provider, call in calls.items()}


def _failed(provider: Provider, error: ProviderError) -> Trial:
    name = provider.display_name
    match error:
        case Permanent(reason="not_configured"):
            return Trial(False, f"{name} has no key", called=False)
        case Permanent() if provider is Provider.DUCKDUCKGO:  # no search engine has a reason to refuse this query alone
            return Trial(False, f"{name} refuses searches ({error.reason})")
        case Permanent():
            return Trial(True, f"{name} answered, but refused this request ({error.reason})")
        case BudgetExhausted():
            return Trial(False, f"{name} was not called: its budget has no room ({error})", called=False)
        case Blocked(reason=reason) if reason == BREAKER_OPEN:
            return Trial(False, f"{name} was not called: {error}", called=False)
        case RateLimited():
            return Trial(False, f"{name} asks us to wait ({error.reason})")
        case Blocked():
            return Trial(False, f"{name} refuses us ({error.reason}): {error}")
        case _:
            return Trial(False, f"{name} does not answer ({error.reason})")
