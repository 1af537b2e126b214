"""The real clients over real HTTP against the simulator: both must agree on every form of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from provider_fakes import FakeScope, bench
from pydantic import SecretStr

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.models import Provider
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.providers.jina import JinaReader
from acra_express_async.providers.slack import Slack
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.sandbox.registry_sample import rows
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.simulator.faults import Fault
from acra_express_async.sandbox.world import World
from acra_express_async.settings.tree import DuckDuckGoSettings, JinaSettings, SlackSettings, ZeroBounceSettings

ADDRESS = "valid@example.com"


@dataclass
class Clients:
    simulator: Simulator
    duckduckgo: DuckDuckGo
    jina: JinaReader
    zerobounce: ZeroBounce
    slack: Slack
    site: str
    name: str
    slept: dict[Provider, list[float]]

    def turn(self, provider: Provider, knob: str, value: Any, **details: Any) -> None:
        self.simulator.faults.add(Fault.of({"provider": provider, "knob": knob, "value": value, **details}))


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Clients]:
    sample = list(rows(40, seed=3))
    async with (
        Simulator(World(sample), Options(latency_scale=0)) as simulator,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        benches = {provider: bench(provider, breaker=provider is not Provider.SLACK) for provider in Provider}
        callers = {provider: each.caller for provider, each in benches.items()}
        base = {provider: simulator.base_url(provider) for provider in Provider}
        key, zerobounce_key = SecretStr(simulator.options.jina_key), SecretStr(simulator.options.zerobounce_key)
        found = next((row, truth.domain) for row in sample if (truth := simulator.truth(row["uen"])).domain is not None)
        yield Clients(
            simulator,
            DuckDuckGo(http, DuckDuckGoSettings(base_url=base[Provider.DUCKDUCKGO]), callers[Provider.DUCKDUCKGO]),
            JinaReader(http, JinaSettings(base_url=base[Provider.JINA], api_key=key), callers[Provider.JINA]),
            ZeroBounce(
                http,
                ZeroBounceSettings(base_url=base[Provider.ZEROBOUNCE], api_key=zerobounce_key),
                callers[Provider.ZEROBOUNCE],
            ),
            Slack(http, SlackSettings(webhook_url=SecretStr(simulator.webhook_url)), callers[Provider.SLACK]),
            f"https://{found[1]}/",
            found[0]["entity_name"],
            {provider: each.slept for provider, each in benches.items()},
        )


async def test_all_four_clients_succeed(clients: Clients) -> None:
    scope = FakeScope()
    assert (await clients.duckduckgo.search(f"{clients.name} Singapore", scope)).hits
    page = await clients.jina.read(clients.site, scope, max_tokens=600)
    assert page.usable
    assert page.text
    assert page.links
    assert 0 < page.tokens <= 602
    assert (await clients.zerobounce.verify(ADDRESS, scope)).status == "valid"
    assert await clients.zerobounce.credits() == 100_000
    await clients.slack.post("hello", [{"type": "header", "text": {"type": "plain_text", "text": "x" * 200}}])
    assert [message["text"] for message in clients.simulator.slack.messages] == ["hello"]
    assert clients.simulator.violations == []
    assert (scope.requests, scope.verifications, scope.tokens) == (3, 1, page.tokens)


@pytest.mark.parametrize(
    ("knob", "value", "kind", "reason"),
    [
        ("status", 202, Blocked, "challenge"),
        ("ddg_block_now", 60, Blocked, "challenge"),
        ("body", "challenge_botnet", Blocked, "challenge"),
        ("status", 403, Blocked, "http_403"),
        ("status", 429, Blocked, "http_429"),
        ("status", 503, Transient, "http_503"),
        ("markup", "v2", Transient, "markup_changed"),
        ("body", "landing", Transient, "markup_changed"),
        ("reset_connection", True, Transient, "connection"),
        ("close_before_headers", True, Transient, "connection"),
        ("truncate_after", 120, Transient, "connection"),
    ],
)
async def test_failed_searches_raise_the_right_error(
    clients: Clients, knob: str, value: Any, kind: type[ProviderError], reason: str
) -> None:
    clients.turn(Provider.DUCKDUCKGO, knob, value)
    with pytest.raises(kind) as failed:
        await clients.duckduckgo.search(f"{clients.name} Singapore", FakeScope())
    assert (failed.value.reason, failed.value.sent) == (reason, True)


@pytest.mark.parametrize("name", ["no_results_eof", "no_results_message", "no_results_past_end", "lite_no_results"])
async def test_genuine_no_results_are_an_empty_page(clients: Clients, name: str) -> None:
    clients.turn(Provider.DUCKDUCKGO, "body", name)
    assert (await clients.duckduckgo.search("x", FakeScope())).hits == ()


async def test_wrapped_links_give_the_same_results(clients: Clients) -> None:
    plain = await clients.duckduckgo.search(f"{clients.name} Singapore", FakeScope())
    clients.turn(Provider.DUCKDUCKGO, "link_form", "wrapped")
    assert (await clients.duckduckgo.search(f"{clients.name} Singapore", FakeScope())).hits == plain.hits


@pytest.mark.parametrize(
    ("knob", "value", "kind", "reason"),
    [
        ("key_state", "unknown", Blocked, "bad_key"),
        ("key_state", "empty", Blocked, "no_credits"),
        ("key_state", "revoked", Blocked, "bad_key"),
        ("error", "robots", Permanent, "robots"),
        ("error", "domain_blocked", Permanent, "domain_blocked"),
        ("error", "domain_blocked_451", Permanent, "domain_blocked"),
        ("error", "too_many_failures", Permanent, "target_failing"),
        ("error", "dns", Permanent, "unresolvable"),
        ("status", 503, Transient, "http_503"),
        ("status", 524, Transient, "http_524"),
        ("bad_json", True, Transient, "bad_answer"),
        ("reset_connection", True, Transient, "connection"),
    ],
)
async def test_failed_reads_raise_the_right_error(
    clients: Clients, knob: str, value: Any, kind: type[ProviderError], reason: str
) -> None:
    clients.turn(Provider.JINA, knob, value)
    with pytest.raises(kind) as failed:
        await clients.jina.read(clients.site, FakeScope())
    assert failed.value.reason == reason


async def test_an_error_under_http_200_is_an_error(clients: Clients) -> None:
    clients.turn(Provider.JINA, "key_state", "empty")
    clients.turn(Provider.JINA, "envelope_200", True)
    with pytest.raises(Blocked):
        await clients.jina.read(clients.site, FakeScope())


@pytest.mark.parametrize(("asked", "waited"), [("absent", 1), (0, 0), (-5, 0), (7, 7), ("date", 30)])
async def test_every_form_of_a_429_is_obeyed(clients: Clients, asked: Any, waited: float) -> None:
    clients.turn(Provider.JINA, "status", 429, count=1)
    clients.turn(Provider.JINA, "retry_after", asked, count=1)
    clients.jina._caller._throttle.hold = lambda _time: None  # type: ignore[method-assign]
    assert (await clients.jina.read(clients.site, FakeScope())).usable
    assert sum(clients.slept[Provider.JINA]) >= waited


async def test_an_absurd_retry_after_snoozes_the_job(clients: Clients) -> None:
    clients.turn(Provider.JINA, "status", 429)
    clients.turn(Provider.JINA, "retry_after", "huge")
    with pytest.raises(RateLimited):
        await clients.jina.read(clients.site, FakeScope())
    assert clients.simulator.ledger.arrival_counts["jina"] == 1


@pytest.mark.parametrize(
    ("knob", "value", "kind", "reason", "sent"),
    [
        ("key_state", "unknown", Blocked, "bad_key", False),
        ("shield", "all", Blocked, "shield_or_key", False),
        ("status", 429, RateLimited, "http_429", False),
        ("status", 503, Transient, "http_503", False),
        ("status", 520, Transient, "http_520", True),
        ("status", 400, Permanent, "http_400", False),
        ("bad_json", True, Transient, "bad_answer", True),
        ("missing_fields", ["status"], Transient, "bad_answer", True),
        ("close_before_headers", True, Transient, "connection", True),
    ],
)
async def test_failed_verifications_raise_and_tell_their_cost(
    clients: Clients, knob: str, value: Any, kind: type[ProviderError], reason: str, sent: bool
) -> None:
    clients.turn(Provider.ZEROBOUNCE, knob, value)
    with pytest.raises(kind) as failed:
        await clients.zerobounce.verify("info@kopi.com.sg", FakeScope())
    assert (failed.value.reason, failed.value.sent) == (reason, sent)
    assert sum(clients.simulator.ledger.verifications_sent.values()) == 1


async def test_empty_credits_are_distinguished_from_a_bad_key(clients: Clients) -> None:
    clients.turn(Provider.ZEROBOUNCE, "credits", 0)
    with pytest.raises(Blocked) as failed:
        await clients.zerobounce.verify("info@kopi.com.sg", FakeScope())
    assert failed.value.reason == "no_credits"


async def test_unknown_words_of_zerobounce_are_accepted(clients: Clients) -> None:
    clients.turn(Provider.ZEROBOUNCE, "sub_status", "invented_tomorrow")
    clients.turn(Provider.ZEROBOUNCE, "extra_fields", {"catchall_domain": None, "score": 0.5})
    assert (await clients.zerobounce.verify(ADDRESS, FakeScope())).sub_status == "invented_tomorrow"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("removed", "no_service"),
        ("archived", "channel_is_archived"),
        ("bad_token", "invalid_token"),
        ("disabled", "no_active_hooks"),
    ],
)
async def test_a_dead_webhook_raises_blocked_with_its_reason(clients: Clients, state: str, word: str) -> None:
    clients.turn(Provider.SLACK, "webhook_state", state)
    with pytest.raises(Blocked):
        await clients.slack.post("hello")
    assert clients.slack.dead == word


async def test_refused_oversized_blocks_are_dropped(clients: Clients) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    await clients.slack.post("hello", [block])
    assert ["blocks" in message for message in clients.simulator.slack.messages] == [False]


@pytest.mark.parametrize("how", ["rollup_error", "reset"])
async def test_a_message_of_unknown_fate_is_repeated_at_most_once(clients: Clients, how: str) -> None:
    clients.turn(Provider.SLACK, "after_store", how)
    with pytest.raises(Transient):
        await clients.slack.post("hello")
    assert clients.simulator.slack.stored == 2


async def test_a_flaky_day_raises_only_known_errors(clients: Clients) -> None:
    clients.simulator.reset(scenario="everything_flaky")
    seen: set[str] = set()
    for number in range(60):
        try:
            await clients.duckduckgo.search(f"{clients.name} {number}", FakeScope())
            await clients.zerobounce.verify(f"info{number}@kopi.com.sg", FakeScope())
            await clients.slack.post(f"message {number}")
        except ProviderError as failed:
            seen.add(type(failed).__name__)
    assert "Transient" in seen
    assert seen <= {"Transient", "Blocked", "Permanent", "RateLimited"}
