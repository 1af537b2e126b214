"""The verifier over a mocked transport: every answer (table in README.md of this folder), and no text with the key."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import Bench, bench
from pydantic import SecretStr

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.models import Provider
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.settings.tree import ZeroBounceSettings

KEY = "0123456789abcdef"
ADDRESS = "info@kopi.com.sg"
VALIDATE = "https://api.zerobounce.net/v2/validate"
CREDITS = "https://api.zerobounce.net/v2/getcredits"
CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "captured" / "zerobounce"
BAD_KEY = {"error": "Invalid API key or your account ran out of credits"}
SHIELD = f"<html><title>Access denied</title>error code: 1020 /v2/validate?api_key={KEY}&amp;email={ADDRESS}</html>"


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.ZEROBOUNCE)


@pytest_asyncio.fixture
async def verifier(rig: Bench) -> AsyncIterator[ZeroBounce]:
    async with httpx.AsyncClient() as http:
        yield ZeroBounce(http, ZeroBounceSettings(api_key=SecretStr(KEY)), rig.caller)


def result(status: str, sub_status: str = "", **more: Any) -> dict[str, Any]:
    return {
        "address": ADDRESS,
        "status": status,
        "sub_status": sub_status,
        "free_email": False,
        "did_you_mean": None,
        "account": None,
        "domain": "kopi.com.sg",
        "domain_age_days": "9692",
        "smtp_provider": "example",
        "mx_found": "true",
        "mx_record": "mx.kopi.com.sg",
        "firstname": "zero",
        "lastname": "bounce",
        "gender": "male",
        "country": None,
        "region": None,
        "city": None,
        "zipcode": None,
        "processed_at": "2026-11-23 08:28:31.200",
    } | more


@pytest.mark.parametrize(
    ("status", "sub_status", "usable"),
    [
        ("valid", "", True),
        ("valid", "ai_agent_mailbox", True),
        ("catch-all", "", True),
        ("do_not_mail", "role_based", True),
        ("do_not_mail", "role_based_catch_all", True),
        ("do_not_mail", "disposable", False),
        ("invalid", "mailbox_not_found", False),
        ("spamtrap", "", False),
        ("abuse", "", False),
        ("unknown", "greylisted", False),
        ("valid", "something_new_of_2027", True),
        ("something_new_of_2027", "", False),
    ],
)
@respx.mock
async def test_status_and_sub_status_are_passed_on_unchanged(
    verifier: ZeroBounce, rig: Bench, status: str, sub_status: str, usable: bool
) -> None:
    route = respx.get(VALIDATE).respond(json=result(status, sub_status, brand_new_field=[1]))
    verdict = await verifier.verify(ADDRESS, rig.scope)
    assert (verdict.address, verdict.status, verdict.sub_status, verdict.usable) == (
        ADDRESS,
        status,
        sub_status,
        usable,
    )
    assert verdict.source == "zerobounce"
    request = route.calls.last.request
    assert dict(request.url.params) == {"api_key": KEY, "email": ADDRESS, "ip_address": ""}
    assert request.headers["cache-control"] == "no-cache"
    assert rig.ledger.events == [("charged", {"verifications_1d": 1}), ("settled", 1, {})]
    assert (rig.scope.requests, rig.scope.verifications) == (1, 1)


@respx.mock
async def test_null_and_missing_fields_are_tolerated(verifier: ZeroBounce, rig: Bench) -> None:
    respx.get(VALIDATE).respond(json={"status": "Valid", "sub_status": None})
    verdict = await verifier.verify(ADDRESS, rig.scope)
    assert (verdict.status, verdict.sub_status) == ("valid", "")


@respx.mock
async def test_greylisting_in_progress_counts_as_unknown(verifier: ZeroBounce, rig: Bench) -> None:
    respx.get(VALIDATE).respond(json={"Message": "Greylist validation still in progress. Please try again later."})
    verdict = await verifier.verify(ADDRESS, rig.scope)
    assert (verdict.status, verdict.sub_status) == ("unknown", "greylisted")


@pytest.mark.parametrize(
    ("balance", "reason"),
    [
        (httpx.Response(200, json={"Credits": "-1"}), "bad_key"),
        (httpx.Response(200, json={"Credits": "0"}), "no_credits"),
        (httpx.Response(403, html=SHIELD), "key_or_credits"),
        (httpx.ReadTimeout("late"), "key_or_credits"),
    ],
)
@respx.mock
async def test_bad_key_and_no_credits_are_distinguished_once(
    verifier: ZeroBounce, rig: Bench, balance: httpx.Response | Exception, reason: str
) -> None:
    validate = respx.get(VALIDATE).respond(json=BAD_KEY)
    look = respx.get(CREDITS).mock(side_effect=[balance])
    with pytest.raises(Blocked) as refused:
        await verifier.verify(ADDRESS, rig.scope)
    assert (refused.value.reason, refused.value.sent) == (reason, False)
    assert (validate.call_count, look.call_count) == (1, 1)
    assert rig.breaker.state.reason == reason
    assert rig.scope.verifications == 0, "it cost nothing"
    with pytest.raises(Blocked):
        await verifier.verify(ADDRESS, rig.scope)
    assert (validate.call_count, look.call_count) == (1, 1), "no hammering"


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("balance", "sends", "state"),
    [("12", 2, "closed"), ("0", 1, "open"), ("-1", 1, "open")],
)
@respx.mock
async def test_the_probe_checks_the_credits_before_it_spends_one(
    verifier: ZeroBounce, rig: Bench, balance: str, sends: int, state: str
) -> None:
    validate = respx.get(VALIDATE).mock(
        side_effect=[httpx.Response(403, html=SHIELD), httpx.Response(200, json=result("valid"))]
    )
    look = respx.get(CREDITS).respond(json={"Credits": balance})
    with pytest.raises(Blocked) as refused:
        await verifier.verify(ADDRESS, rig.scope)
    assert (refused.value.reason, refused.value.sent) == ("shield_or_key", False)
    rig.store.open_until = 0  # the cool-down is over
    rig.breaker._read_at = None
    if state == "closed":
        assert (await verifier.verify(ADDRESS, rig.scope)).status == "valid"
    else:
        with pytest.raises(Blocked):
            await verifier.verify(ADDRESS, rig.scope)
    assert (validate.call_count, look.call_count) == (sends, 1)
    assert rig.breaker.state.state == state


@pytest.mark.parametrize(
    ("failure", "kind", "sent"),
    [
        (httpx.ConnectError("refused"), Transient, False),
        (httpx.ConnectTimeout("late"), Transient, False),
        (httpx.ReadTimeout("late"), Transient, True),
        (httpx.ReadError("reset"), Transient, True),
        (httpx.RemoteProtocolError("cut off"), Transient, True),
        (httpx.Response(500), Transient, True),
        (httpx.Response(520, html="<h1>520</h1>"), Transient, True),
        (httpx.Response(524, html="<h1>524</h1>"), Transient, True),
        (httpx.Response(503), Transient, False),
        (httpx.Response(200, html="<h1>hello</h1>"), Transient, True),
        (httpx.Response(200, content=b'{"address":"info@'), Transient, True),
        (httpx.Response(200, json={"address": ADDRESS}), Transient, True),
        (httpx.Response(429), RateLimited, False),
        (httpx.Response(400, json={"error": "Missing parameter: email."}), Permanent, False),
        (httpx.Response(404, html="not here"), Permanent, False),
    ],
)
@respx.mock
async def test_a_failure_is_not_retried_and_tells_its_cost(
    verifier: ZeroBounce, rig: Bench, failure: httpx.Response | Exception, kind: type[ProviderError], sent: bool
) -> None:
    route = respx.get(VALIDATE).mock(side_effect=[failure])
    with pytest.raises(kind) as failed:
        await verifier.verify(ADDRESS, rig.scope)
    assert (failed.value.sent, route.call_count) == (sent, 1)
    assert rig.scope.verifications == int(sent)
    unreached = isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout)
    assert rig.story[:2] == (["charged", "refunded"] if unreached else rig.story[:2])
    assert ("refunded" in rig.story) == unreached


@respx.mock
async def test_a_429_pauses_for_the_published_penalty(verifier: ZeroBounce, rig: Bench) -> None:
    respx.get(VALIDATE).respond(429)
    with pytest.raises(RateLimited) as limited:
        await verifier.verify(ADDRESS, rig.scope)
    assert limited.value.retry_after == timedelta(minutes=1)


@respx.mock
async def test_errors_and_logs_contain_neither_key_nor_address(
    verifier: ZeroBounce, rig: Bench, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="zerobounce")
    respx.get(CREDITS).respond(403, html=SHIELD)
    for failure in (
        httpx.Response(403, html=SHIELD),
        httpx.Response(200, json=BAD_KEY),
        httpx.Response(500, html=SHIELD),
        httpx.ReadTimeout(f"{VALIDATE}?api_key={KEY}"),
        httpx.ConnectError(f"{VALIDATE}?api_key={KEY}"),
        httpx.Response(400, json={"error": f"bad {KEY}"}),
    ):
        respx.get(VALIDATE).mock(side_effect=[failure])
        rig.store.record = type(rig.store.record)()
        rig.breaker._read_at = None
        with pytest.raises(ProviderError) as failed:
            await verifier.verify(ADDRESS, rig.scope)
        assert KEY not in repr(failed.value)
        assert ADDRESS not in repr(failed.value)
    out = capsys.readouterr()
    assert KEY not in out.out + out.err + caplog.text
    assert ADDRESS not in out.out + out.err + caplog.text


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (httpx.Response(200, json={"Credits": "496150"}), 496150),
        (httpx.Response(200, json={"Credits": "-1"}), -1),
        (httpx.Response(200, json={"Credits": None}), None),
        (httpx.Response(200, json={"credits": 5}), None),
        (httpx.Response(200, json=[]), None),
        (httpx.Response(403, html=SHIELD), None),
        (httpx.ConnectError("refused"), None),
    ],
)
@respx.mock
async def test_credits_are_parsed_from_a_string_or_unknown(
    verifier: ZeroBounce, rig: Bench, answer: httpx.Response | Exception, left: int | None
) -> None:
    respx.get(CREDITS).mock(side_effect=[answer])
    assert await verifier.credits() == left
    assert rig.ledger.events == [], "the check is free"


async def test_nothing_is_sent_without_a_key(rig: Bench) -> None:
    async with httpx.AsyncClient() as http:
        verifier = ZeroBounce(http, ZeroBounceSettings(), rig.caller)
        assert not verifier.configured
        assert await verifier.credits() is None
        with pytest.raises(Permanent) as refused:
            await verifier.verify(ADDRESS, rig.scope)
    assert (refused.value.reason, refused.value.sent, rig.ledger.events) == ("not_configured", False, [])


def capture(name: str) -> Any:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip("no captured answers beside this checkout (shared/data/captured)")
    return json.loads(path.read_text(encoding="utf-8"))


@respx.mock
async def test_all_captured_sandbox_answers_are_read(verifier: ZeroBounce, rig: Bench) -> None:
    for address, body in capture("sdk_go_sandbox_validate_mocks.json").items():
        respx.get(VALIDATE).respond(json=body)
        verdict = await verifier.verify(address, rig.scope)
        assert (verdict.status, verdict.sub_status) == (body["status"], body["sub_status"])


@pytest.mark.parametrize(
    "name", ["validate_bad_key_200_json_2024-02-05.json", "validate_bad_key_403_cloudflare1020_2025-10-16.json"]
)
@respx.mock
async def test_both_captured_forms_of_a_bad_key_are_recognised(verifier: ZeroBounce, rig: Bench, name: str) -> None:
    response = capture(name)["response"]
    respx.get(VALIDATE).respond(response["status"]["code"], text=as_text(response["body"]))
    look = capture("getcredits_bad_key_200_minus1_2024-02-05.json")["response"]["body"]
    respx.get(CREDITS).respond(200, text=as_text(look))
    with pytest.raises(Blocked) as refused:
        await verifier.verify(ADDRESS, rig.scope)
    assert refused.value.reason in ("bad_key", "shield_or_key")


def as_text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


@respx.mock
async def test_a_captured_balance_is_read(verifier: ZeroBounce) -> None:
    body = capture("getcredits_ok_2025-10-16.json")["response"]["body"]
    respx.get(CREDITS).respond(200, text=as_text(body))
    left = await verifier.credits()
    assert left is not None
    assert left > 0
