"""The reader's errors by the caller's next move (table in README.md of this folder)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import Bench, bench
from pydantic import SecretStr
from reader_answers import SITE, URL, capture, error, page

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.models import Provider
from acra_express_async.providers.jina import JinaReader
from acra_express_async.settings.tree import JinaSettings

pytestmark = pytest.mark.looptime


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.JINA)


@pytest_asyncio.fixture
async def reader(rig: Bench) -> AsyncIterator[JinaReader]:
    async with httpx.AsyncClient() as http:
        yield JinaReader(http, JinaSettings(api_key=SecretStr("jina_secret")), rig.caller)


DOMAIN = "Anonymous access to domain www.x.com blocked until Fri Jul 05 2026 06:48:50 GMT+0000 due to previous abuse"
PERMANENT = [
    (400, error(400, 40001, "ParamValidationError", "Invalid URL"), "bad_url"),
    (400, error(400, 40001, "ParamValidationError", "Domain 'x.sg' could not be resolved"), "unresolvable"),
    (409, error(409, 40902, "ResourcePolicyDenyError", "robots.txt"), "robots"),
    (409, error(409, 40904, "BudgetExceededError", "Token budget (100) exceeded"), "token_budget"),
    (403, error(403, 40305, "AbuseAlleviationError", DOMAIN), "domain_blocked"),
    (200, error(403, 40305, "AbuseAlleviationError", DOMAIN), "domain_blocked"),
    (403, error(403, 40301, "OperationNotAllowedError", "Consecutive error detected on URL"), "target_failing"),
    (451, error(451, 45102, "SecurityCompromiseError", DOMAIN), "domain_blocked"),
    (413, error(413, 41302, "TargetFileTooLargeError", "too large"), "too_large"),
    (405, error(405, 40500, "MethodNotAllowed", "no"), "http_405"),
]
BLOCKED = [
    (401, error(401, 40102, "AuthenticationFailedError", "Invalid bearer token"), "bad_key"),
    (401, error(401, 40103, "AuthenticationRequiredError", "key needed"), "bad_key"),
    (402, error(402, 40203, "InsufficientBalanceError", "Account balance not enough"), "no_credits"),
    (402, error(402, 40201, "InsufficientBalanceError", "Account balance not enough"), "no_credits"),
    (200, error(402, 40203, "InsufficientBalanceError", "Account balance not enough"), "no_credits"),
]


@pytest.mark.parametrize(("http_status", "body", "reason"), PERMANENT)
@respx.mock
async def test_errors_of_a_page_are_permanent_and_not_retried(
    reader: JinaReader, rig: Bench, http_status: int, body: dict[str, Any], reason: str
) -> None:
    route = respx.post(URL).respond(http_status, json=body)
    with pytest.raises(Permanent) as wrong:
        await reader.read(SITE, rig.scope)
    assert (wrong.value.reason, route.call_count) == (reason, 1)
    assert rig.breaker.state.state == "closed"
    assert "kopi" not in str(wrong.value)


@pytest.mark.parametrize(("http_status", "body", "reason"), BLOCKED)
@respx.mock
async def test_a_refused_key_opens_the_breaker(
    reader: JinaReader, rig: Bench, http_status: int, body: dict[str, Any], reason: str
) -> None:
    route = respx.post(URL).respond(http_status, json=body)
    with pytest.raises(Blocked):
        await reader.read(SITE, rig.scope)
    assert (rig.breaker.state.reason, route.call_count) == (reason, 1)


@respx.mock
async def test_a_refusal_by_the_cdn_opens_the_breaker(reader: JinaReader, rig: Bench) -> None:
    respx.post(URL).respond(403, html="<h1>Access denied</h1>")
    with pytest.raises(Blocked):
        await reader.read(SITE, rig.scope)
    assert rig.breaker.state.reason == "http_403"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(422, json=error(422, 42205, "DownstreamServiceFailureError", "upstream")),
        httpx.Response(500, json=error(500, 50000, "InternalServerError", "oops")),
        *(httpx.Response(503, json=error(503, 50300 + n, "ServiceCrashed", "Browser crashed")) for n in range(1, 6)),
        *(httpx.Response(code, html="<h1>Cloudflare</h1>") for code in (502, 504, 520, 522, 524)),
        httpx.Response(200, html="<h1>surprise</h1>"),
        httpx.Response(200, content=b'{"code":200,"data":{"content":"cut o'),
        httpx.Response(200, json={"code": 200, "status": 20000, "data": None}),
        httpx.Response(200, json=["unexpected"]),
        httpx.ReadTimeout("late"),
        httpx.ReadError("reset"),
    ],
)
@respx.mock
async def test_a_transient_error_is_tried_twice(
    reader: JinaReader, rig: Bench, failure: httpx.Response | Exception
) -> None:
    route = respx.post(URL).mock(side_effect=[failure, httpx.Response(200, json=page())])
    assert (await reader.read(SITE, rig.scope)).usable
    assert route.call_count == 2
    route.mock(side_effect=[failure, failure])
    with pytest.raises(Transient):
        await reader.read(SITE, rig.scope)


LIMITED = error(429, 42903, "RateLimitTriggeredError", "Per IP rate limit exceeded (CRAWL 20 times)", retryAfter=2)
DATE = {"date": "Mon, 23 Nov 2026 08:00:00 GMT", "retry-after": "Mon, 23 Nov 2026 08:00:07 GMT"}


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "3"}, LIMITED, 3),
        ({}, LIMITED, 2),
        ({}, {}, 60),
        ({"retry-after": "0"}, {}, 0),
        ({"retry-after": "-5"}, {}, 0),
        ({"retry-after": "soon"}, {}, 60),
        ({"retry-after": "nan"}, {}, 60),
        (DATE, {}, 7),
    ],
)
@respx.mock
async def test_a_429_is_obeyed_and_retried(
    reader: JinaReader, rig: Bench, headers: dict[str, str], body: dict[str, Any], wait: float
) -> None:
    limited = httpx.Response(429, headers=headers, json=body)
    route = respx.post(URL).mock(side_effect=[limited, httpx.Response(200, json=page())])
    held: list[timedelta] = []
    rig.caller._throttle.hold = held.append  # type: ignore[method-assign]
    assert (await reader.read(SITE, rig.scope)).usable
    assert sum(rig.slept) == pytest.approx(wait + 0.5)
    assert timedelta(seconds=wait) in held, "no other caller of this process calls meanwhile"
    assert (route.call_count, rig.calls("rate_limited")) == (2, 1)


@pytest.mark.parametrize("absurd", ["86400", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"])
@respx.mock
async def test_an_absurd_retry_after_is_capped_and_snoozes_the_job(reader: JinaReader, rig: Bench, absurd: str) -> None:
    route = respx.post(URL).respond(429, headers={"retry-after": absurd}, json=LIMITED)
    with pytest.raises(RateLimited) as limited:
        await reader.read(SITE, rig.scope)
    assert (limited.value.retry_after, route.call_count) == (timedelta(minutes=5), 1)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("error_401_AuthenticationFailed_2024-11.json", Blocked, "bad_key"),
        ("error_402_InsufficientBalance.json", Blocked, "no_credits"),
        ("error_403_AbuseAlleviation_2026_PARTIAL.json", Permanent, "domain_blocked"),
        ("error_429_RateLimitTriggered_2026_PARTIAL.json", RateLimited, "http_429"),
        ("error_451_SecurityCompromiseError_domain_2024-07.json", Permanent, "domain_blocked"),
        ("error_451_SecurityCompromiseError_github_2024-11.json", Permanent, "domain_blocked"),
    ],
)
@respx.mock
async def test_captured_errors_have_the_right_class(
    reader: JinaReader, rig: Bench, name: str, kind: type[ProviderError], reason: str
) -> None:
    body = capture(name)["body"]
    respx.post(URL).respond(body["code"], json=body)
    with pytest.raises(kind) as wrong:
        await reader.read("https://example.com/", rig.scope)
    assert wrong.value.reason == reason


@pytest.mark.parametrize(
    "name", ["error_422_AssertionFailure_proxy_2025-04.json", "error_422_AssertionFailure_timeout_2025-01.json"]
)
@respx.mock
async def test_captured_dead_targets_are_unusable_pages(reader: JinaReader, rig: Bench, name: str) -> None:
    respx.post(URL).respond(422, json=capture(name)["body"])
    assert (await reader.read("https://example.com/", rig.scope)).unusable_reason == "unreachable"


@pytest.mark.parametrize(
    ("failure", "about_page"),
    [
        (httpx.Response(503, json=error(503, 50302, "ServiceCrashedError", "Browser crashed, try again")), True),
        (httpx.Response(500, json=error(500, 50000, "InternalServerError", "oops")), True),
        (httpx.Response(200, json={"code": 200, "status": 20000, "data": None}), True),
        (httpx.Response(503, json=error(503, 50301, "ServiceDisabledError", "disabled")), False),
        (httpx.Response(503, json=error(503, 50303, "ServiceNodeResourceDrainError", "node")), False),
        (httpx.Response(503, html="<h1>Cloudflare</h1>"), False),
        (httpx.Response(524, html="<h1>Cloudflare</h1>"), False),
        (httpx.Response(200, html="<h1>surprise</h1>"), False),
        (httpx.ReadTimeout("late"), False),
    ],
)
@respx.mock
async def test_an_error_in_readers_envelope_is_about_the_page(
    reader: JinaReader, rig: Bench, failure: httpx.Response | Exception, about_page: bool
) -> None:
    respx.post(URL).mock(side_effect=[failure, failure])
    with pytest.raises(Transient) as failed:
        await reader.read(SITE, rig.scope)
    assert failed.value.about_target is about_page
    assert rig.store.failures == [("kopi.com.sg", about_page)] * 2


@respx.mock
async def test_time_outs_of_two_sites_open_the_breaker(reader: JinaReader, rig: Bench) -> None:
    respx.post(URL).mock(side_effect=httpx.ReadTimeout("late"))
    with pytest.raises(Transient):
        await reader.read(SITE, rig.scope)
    assert rig.breaker.state.state == "closed"
    with pytest.raises(ProviderError):
        await reader.read("https://teh.com.sg/", rig.scope)
    assert rig.breaker.state.state == "open"
