"""The order of steps in a try, what is charged, refunded and counted, and what ends the tries."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta

import httpx
import pytest
import respx
from provider_fakes import Bench, FakeScope, bench

from acra_express_async.errors import (
    Blocked,
    BudgetExhausted,
    CalledOff,
    Draining,
    LeaseLost,
    Permanent,
    ProviderError,
    RateLimited,
    StandBack,
    Transient,
)
from acra_express_async.limits import Halt, Kind, Refusal
from acra_express_async.limits.budget_table import READS, TOKENS
from acra_express_async.models import Provider
from acra_express_async.providers.base import Call, Policy
from acra_express_async.providers.wire import Answer

URL = "https://r.jina.ai/"
POLICY = Policy(tries=3, try_seconds=10, body_cap=1000)
COST = {READS: 1, TOKENS: 502}


@pytest.fixture
def rig() -> Bench:
    return bench(Provider.JINA)


async def judged(answer: Answer) -> str:
    if answer.status == 429:
        raise RateLimited("slow down", provider=Provider.JINA, retry_after=timedelta(seconds=float(answer.text)))
    if answer.status == 403:
        raise Blocked("go away", provider=Provider.JINA, reason="bad_key")
    if answer.status == 404:
        raise Permanent("no such page", provider=Provider.JINA)
    if answer.status >= 500:
        raise Transient("later", provider=Provider.JINA, reason=f"http_{answer.status}")
    answer.billed = {TOKENS: len(answer.body)}
    return answer.text


async def call(rig: Bench, scope: FakeScope | None = None, policy: Policy = POLICY) -> str:
    async with httpx.AsyncClient(verify=False) as http:  # the mock sends nothing; loading certificates takes 25 ms
        request = Call(lambda: http.build_request("POST", URL), judged, cost=COST)
        return await rig.caller.call(http, policy, request, scope or rig.scope)


@respx.mock
async def test_the_charge_is_the_last_thing_before_the_send(rig: Bench) -> None:
    story: list[str] = []
    ledger_charge, read = rig.ledger.charge, rig.store.read

    class Watching(FakeScope):
        def check(self) -> None:
            story.append("check")

    async def charge(*args: object, **options: object) -> object:
        story.append("charge")
        return await ledger_charge(*args, **options)  # type: ignore[arg-type]

    async def looked(provider: Provider) -> object:
        story.append("breaker")
        return await read(provider)

    def respond(_request: httpx.Request) -> httpx.Response:
        story.append("send")
        return httpx.Response(200, text="abc")

    rig.ledger.charge = charge  # type: ignore[assignment, method-assign]
    rig.store.read = looked  # type: ignore[assignment, method-assign]
    respx.post(URL).mock(side_effect=respond)
    assert await call(rig, Watching()) == "abc"
    assert story[-3:] == ["charge", "check", "send"]
    assert story.index("breaker") < story.index("charge")
    assert story[0] == "check"


@respx.mock
async def test_every_try_is_charged_and_settled_separately(rig: Bench) -> None:
    respx.post(URL).mock(side_effect=[httpx.Response(500), httpx.Response(503), httpx.Response(200, text="abc")])
    assert await call(rig) == "abc"
    assert rig.story == ["charged", "settled"] * 3
    assert rig.ledger.events[-1] == ("settled", 3, {"tokens_1m": 3})
    assert (rig.scope.requests, rig.scope.tokens) == (3, 3)
    assert (rig.calls("error"), rig.calls("ok")) == (2, 1)


@respx.mock
async def test_a_request_that_was_never_sent_is_refunded(rig: Bench) -> None:
    respx.post(URL).mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(Transient) as failed:
        await call(rig)
    assert not failed.value.sent
    assert rig.story == ["charged", "refunded"] * 3
    assert rig.scope.requests == 0


@respx.mock
async def test_a_request_without_an_answer_stays_charged(rig: Bench) -> None:
    respx.post(URL).mock(side_effect=httpx.ReadTimeout("late"))
    with pytest.raises(Transient):
        await call(rig)
    assert rig.story == ["charged"] * 3
    assert rig.scope.requests == 3


@pytest.mark.parametrize(
    "error", [Draining("stopping"), LeaseLost("not ours"), StandBack("wait", reason="x", retry_after=timedelta())]
)
@respx.mock
async def test_a_scope_that_refuses_just_before_a_send_costs_nothing(rig: Bench, error: Exception) -> None:
    route = respx.post(URL).respond(200)
    quiet = FakeScope()
    await call(rig, quiet)
    for check in range(1, quiet.checks + 1):
        rig.ledger.events.clear()
        with pytest.raises(type(error)):
            await call(rig, FakeScope(refuse_at=check, error=error))
        assert rig.story in ([], ["charged", "refunded"])
    assert rig.story == ["charged", "refunded"], "the last check comes after the charge"
    assert route.call_count == 1


@respx.mock
async def test_nothing_is_sent_without_budget(rig: Bench) -> None:
    route = respx.post(URL).respond(200)
    rig.ledger.refusals.append(Refusal("calls_1h", timedelta(minutes=40)))
    with pytest.raises(BudgetExhausted) as refused:
        await call(rig)
    assert (refused.value.retry_after, refused.value.sent) == (timedelta(minutes=40), False)
    assert (route.call_count, rig.calls("budget_denied"), rig.store.trips) == (0, 1, [])


@respx.mock
async def test_a_breaker_that_opens_during_a_budget_wait_stops_the_try(rig: Bench) -> None:
    route = respx.post(URL).respond(200)
    await call(rig)
    refusals = deque([Refusal("tokens_1m", timedelta(milliseconds=1))])
    rig.ledger.refusals = refusals

    class Opening(FakeScope):
        def check(self) -> None:
            super().check()
            if not refusals:
                rig.breaker.state = type(rig.breaker.state)(
                    state=type(rig.breaker.state.state)("open"), reason="bad_key"
                )

    with pytest.raises(Blocked) as refused:
        await call(rig, Opening())
    assert refused.value.reason == "breaker_open"
    assert rig.story[-2:] == ["charged", "refunded"]
    assert (route.call_count, rig.store.trips) == (1, [])


@respx.mock
async def test_a_breaker_that_the_charge_finds_open_stops_the_try(rig: Bench) -> None:
    route = respx.post(URL).respond(200)
    await call(rig)
    await rig.store.trip(Provider.JINA, Kind.BLOCKED, "bad_key", [timedelta(minutes=15)])  # by another replica
    rig.ledger.refusals.append(Halt())
    with pytest.raises(Blocked) as refused:
        await call(rig)
    assert (refused.value.reason, refused.value.sent) == ("breaker_open", False)
    assert refused.value.retry_after == pytest.approx(timedelta(minutes=15), abs=timedelta(minutes=1))
    assert (route.call_count, rig.calls("breaker_open")) == (1, 1)


@pytest.mark.looptime
@respx.mock
async def test_a_closed_breaker_is_only_asked_for_by_the_charge(rig: Bench) -> None:
    respx.post(URL).respond(200)
    rig.ledger.sees_breakers = True
    await call(rig)
    reads = rig.store.reads
    for _ in range(3):
        await asyncio.sleep(3600)
        await call(rig)
    assert rig.store.reads == reads


@respx.mock
async def test_what_is_known_calls_a_try_off(rig: Bench) -> None:
    route = respx.post(URL).respond(200)
    rig.ledger.refusals.append(Halt({"gave_up": True}))
    with pytest.raises(CalledOff) as off:
        await call(rig)
    assert off.value.known == {"gave_up": True}
    assert (route.call_count, rig.slept, rig.store.trips) == (0, [], [])
    assert await call(rig) == "", "the turn is free again"


@pytest.mark.parametrize(("status", "kind"), [(403, Blocked), (404, Permanent)])
@respx.mock
async def test_a_permanent_error_is_not_retried(rig: Bench, status: int, kind: type[ProviderError]) -> None:
    route = respx.post(URL).respond(status)
    with pytest.raises(kind):
        await call(rig)
    assert (route.call_count, rig.slept) == (1, [])


@respx.mock
async def test_backoff_is_full_jitter_within_twenty_seconds(rig: Bench) -> None:
    respx.post(URL).respond(500)
    with pytest.raises(Transient):
        await call(rig, policy=Policy(tries=4, try_seconds=10, body_cap=10))
    assert sum(rig.slept) == pytest.approx(2.5 + 7.5 + 5.0), "half of 5, of 15, and of what is left of 20"
    assert max(rig.slept) <= 1, "waiting is cut into slices, with a look at the scope between them"


@pytest.mark.looptime
@respx.mock
async def test_a_429_pauses_the_calls_of_all_workers(rig: Bench) -> None:
    loop = asyncio.get_running_loop()
    at: list[float] = []

    def respond(_request: httpx.Request) -> httpx.Response:
        at.append(loop.time())
        return httpx.Response(429, text="20") if len(at) == 1 else httpx.Response(200, text="x")

    respx.post(URL).mock(side_effect=respond)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(call(rig))
            await asyncio.sleep(0.1)
    assert at[0] == pytest.approx(0, abs=0.1)
    assert min(at[1:]) >= 20


@pytest.mark.looptime
@respx.mock
async def test_five_failures_open_the_breaker_between_tries(rig: Bench) -> None:
    route = respx.post(URL).respond(500)
    with pytest.raises(Transient):
        await call(rig)
    with pytest.raises(Blocked) as refused:
        await call(rig)
    assert refused.value.reason == "breaker_open"
    assert route.call_count == 5
    await asyncio.sleep(61)
    route.respond(200, text="x")
    assert await call(rig) == "x"
    assert rig.breaker.state.state == "closed"


@pytest.mark.looptime
@respx.mock
async def test_an_open_breaker_lets_probes_through_and_nothing_else(rig: Bench) -> None:
    route = respx.post(URL).respond(403)
    ends = asyncio.get_running_loop().time() + timedelta(hours=2).total_seconds()
    while asyncio.get_running_loop().time() < ends:
        with pytest.raises(Blocked):
            await call(rig)
        await asyncio.sleep(20)
    assert route.call_count == 3, "at the start, after 15 and after 75 minutes"


@respx.mock
async def test_waits_and_durations_are_measured(rig: Bench) -> None:
    respx.post(URL).respond(200)
    await call(rig)
    for name in ("throttle_wait_seconds_count", "provider_call_duration_seconds_count"):
        assert rig.metrics.registry.get_sample_value(f"acra_express_{name}", {"provider": "jina"}) == 1
