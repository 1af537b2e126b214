"""The named scenarios and each error envelope of Jina Reader, met by the real clients over real HTTP.

The simulator's clock stands still until a task sleeps on it, so hours of a scenario pass in moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from provider_fakes import FakeScope, bench
from pydantic import SecretStr
from sandbox.asking import in_virtual_time
from sandbox.conftest import MIDDAY

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.models import Provider
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.providers.jina import JinaReader
from acra_express_async.providers.slack import Slack
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.sandbox.markup.reader import ERRORS
from acra_express_async.sandbox.registry_sample import rows
from acra_express_async.sandbox.simulator import SCENARIOS, Fault, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.world import World
from acra_express_async.settings.tree import DuckDuckGoSettings, JinaSettings, SlackSettings, ZeroBounceSettings

HOUR = 3600.0
SCOPE = FakeScope()
WORLD = World(rows(300, seed=10), seed=10)
ANSWERED = "answered"


@dataclass
class Teller:
    """One scenario and the four clients."""

    simulator: Simulator
    clock: SimulatorClock
    http: httpx.AsyncClient

    async def tell(self, provider: Provider, question: str) -> str:
        """The result of one call: "answered", or kind and reason of the error; a new breaker lets each call through."""
        base = self.simulator.base_url(provider)
        caller = bench(provider, breaker=provider is not Provider.SLACK).caller
        caller._throttle.hold = lambda _time: None  # type: ignore[method-assign]  # a pause would take real time
        options = self.simulator.options
        ask: dict[Provider, Callable[[], Awaitable[object]]] = {
            Provider.DUCKDUCKGO: lambda: DuckDuckGo(self.http, DuckDuckGoSettings(base_url=base), caller).search(
                question, SCOPE
            ),
            Provider.JINA: lambda: JinaReader(
                self.http, JinaSettings(base_url=base, api_key=SecretStr(options.jina_key)), caller
            ).read(question, SCOPE),
            Provider.ZEROBOUNCE: lambda: ZeroBounce(
                self.http, ZeroBounceSettings(base_url=base, api_key=SecretStr(options.zerobounce_key)), caller
            ).verify(question, SCOPE),
            Provider.SLACK: lambda: Slack(
                self.http, SlackSettings(webhook_url=SecretStr(self.simulator.webhook_url)), caller
            ).post(question),
        }

        async def ended() -> str:
            try:
                await ask[provider]()
            except ProviderError as failed:
                return f"{type(failed).__name__} {failed.reason}"
            return ANSWERED

        return await in_virtual_time(self.clock, ended())

    def at(self, elapsed: float) -> None:
        """Advance the clock to this many seconds after the start."""
        self.clock.advance(self.simulator.started_at + elapsed - self.clock.now())


@pytest_asyncio.fixture
async def teller(request: pytest.FixtureRequest) -> AsyncIterator[Teller]:
    clock = SimulatorClock(speed=0, start=MIDDAY)
    options = Options(latency_scale=0, flag_user_agent=0)
    async with (
        Simulator(WORLD, options, clock=clock, scenario=request.param) as simulator,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        yield Teller(simulator, clock, http)
    assert simulator.violations == []


def in_scenario(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("teller", [name], indirect=True)


SITE = next(f"https://{truth.domain}/" for uen in WORLD.uens() if (truth := WORLD.truth(uen)).domain)
QUESTIONS = {
    Provider.DUCKDUCKGO: "heron",
    Provider.JINA: SITE,
    Provider.ZEROBOUNCE: "valid@example.com",
    Provider.SLACK: "hello",
}


@in_scenario("happy")
async def test_happy(teller: Teller) -> None:
    assert {provider: await teller.tell(provider, asked) for provider, asked in QUESTIONS.items()} == dict.fromkeys(
        QUESTIONS, ANSWERED
    )


@in_scenario("ddg_blocked_first_hour")
async def test_ddg_blocked_first_hour(teller: Teller) -> None:
    assert await teller.tell(Provider.DUCKDUCKGO, "heron") == "Blocked challenge"
    teller.at(HOUR)
    assert await teller.tell(Provider.DUCKDUCKGO, "heron") == ANSWERED


@in_scenario("ddg_soft_blocks")
async def test_ddg_soft_blocks(teller: Teller) -> None:
    ends = Counter([await teller.tell(Provider.DUCKDUCKGO, f"heron {number}") for number in range(100)])
    assert ends.keys() == {ANSWERED, "Blocked challenge"}
    assert 1 <= ends["Blocked challenge"] <= 15


@in_scenario("jina_key_empties")
async def test_jina_key_empties(teller: Teller) -> None:
    teller.at(HOUR / 2 - 1)
    assert await teller.tell(Provider.JINA, SITE) == ANSWERED
    teller.at(HOUR / 2)
    assert await teller.tell(Provider.JINA, SITE) == "Blocked no_credits"


@in_scenario("jina_524_storm")
async def test_jina_524_storm(teller: Teller) -> None:
    assert await teller.tell(Provider.JINA, SITE) == ANSWERED
    teller.at(600)
    ends = Counter([await teller.tell(Provider.JINA, SITE) for _ in range(8)])  # an affected call waits 100 s
    assert ends.keys() <= {ANSWERED, "Transient http_524"}
    assert teller.simulator.ledger.status_counts["jina", 524] >= 2
    teller.at(2400)
    assert await teller.tell(Provider.JINA, SITE) == ANSWERED


@in_scenario("zb_credits_run_out")
async def test_zb_credits_run_out(teller: Teller) -> None:
    found = [mail.email for uen in WORLD.uens() for mail in WORLD.truth(uen).emails]
    paid = [address for address in found if not WORLD.mailbox(address).unknown][:21]
    ends = [await teller.tell(Provider.ZEROBOUNCE, address) for address in paid]
    assert ends == [ANSWERED] * 20 + ["Blocked no_credits"]


@in_scenario("zb_shield_day")
async def test_zb_shield_day(teller: Teller) -> None:
    ends = []
    for hours in (0, 1, 24.9, 25):
        teller.at(hours * HOUR)
        ends.append(await teller.tell(Provider.ZEROBOUNCE, "valid@example.com"))
    assert ends == [ANSWERED, "Blocked shield_or_key", "Blocked shield_or_key", ANSWERED]


@in_scenario("slack_archived")
async def test_slack_archived(teller: Teller) -> None:
    assert (await teller.tell(Provider.SLACK, "hello")).startswith("Blocked")
    assert teller.simulator.slack.stored == 0


@in_scenario("everything_flaky")
async def test_everything_flaky(teller: Teller) -> None:
    """Every provider answers sometimes and fails sometimes, always with an error that the caller knows."""
    ends: dict[Provider, Counter[str]] = {}
    for provider, asked in QUESTIONS.items():
        kinds = ends[provider] = Counter()
        for _ in range(60):
            kinds[(await teller.tell(provider, asked)).split()[0]] += 1
            teller.clock.advance(90)  # stays within every budget, retries included
    for provider, kinds in ends.items():
        assert kinds[ANSWERED] > 30, (provider, kinds)
        assert kinds.keys() <= {ANSWERED, "Transient", "Blocked", "Permanent", "RateLimited"}, (provider, kinds)
    assert sum(kinds.total() - kinds[ANSWERED] for kinds in ends.values()) > 0


@in_scenario("full_day_500")
async def test_full_day_500(teller: Teller) -> None:
    """Every company has a site and on average more than one address, so 500 companies use the whole allowance."""
    world = teller.simulator.world
    addresses = [mail.email for uen in world.uens() for mail in world.truth(uen).emails]
    assert len(set(addresses)) > len(world)
    assert all(world.truth(uen).own_domain for uen in world.uens())


@in_scenario("copied_sites")
async def test_copied_sites(teller: Teller) -> None:
    """The web is the same; only the truth is another one for a fifth of the companies with a website."""
    world = teller.simulator.world
    plain = world.redrawn(copied_share=0.0)
    with_site = [uen for uen in world.uens() if plain.truth(uen).domain]
    copied = [uen for uen in with_site if world.truth(uen).domain is None]
    assert 0.1 < len(copied) / len(with_site) < 0.3
    for uen in copied:
        told, before = world.truth(uen), plain.truth(uen)
        assert before.domain in told.trap_domains
        assert (told.emails, told.phones) == ((), ())
        assert world.page(f"https://{before.domain}/") == plain.page(f"https://{before.domain}/")


def test_every_scenario_has_a_test() -> None:
    assert {f"test_{name}" for name in SCENARIOS} <= globals().keys()


ENVELOPES: dict[str, str] = {
    "invalid_url": "Permanent bad_url",
    "invalid_option": "Permanent bad_url",
    "dns": "Permanent unresolvable",
    "bad_key": "Blocked bad_key",
    "key_needed": "Blocked bad_key",
    "no_balance": "Blocked no_credits",
    "domain_blocked": "Permanent domain_blocked",
    "domain_blocked_451": "Permanent domain_blocked",
    "too_many_failures": "Permanent target_failing",
    "over_budget": "Permanent token_budget",
    "robots": "Permanent robots",
    "bad_selector": ANSWERED,
    "timeout": ANSWERED,  # a page that cannot be used
    "refused": ANSWERED,
    "no_content": ANSWERED,
    "no_selector": ANSWERED,
    "downstream": "Transient http_422",
    "rate_limit": "RateLimited http_429",
    "payload_too_large": "Permanent too_large",
    "target_too_large": "Permanent too_large",
    "generic": "Transient http_500",
    "ServiceDisabled": "Transient http_503",
    "ServiceCrashed": "Transient http_503",
    "ServiceNodeResourceDrain": "Transient http_503",
    "BadAttempt": "Transient http_503",
    "BadApproach": "Transient http_503",
}


@in_scenario("happy")
@pytest.mark.parametrize("envelope", [False, True], ids=["under its own status", "under 200"])
async def test_each_reader_error_is_of_its_class(teller: Teller, envelope: bool) -> None:
    assert ENVELOPES.keys() == ERRORS.keys()
    ends = {}
    for name in ERRORS:
        teller.simulator.faults.clear()
        teller.simulator.faults.add(Fault(Provider.JINA, "error", name))
        if envelope:
            teller.simulator.faults.add(Fault(Provider.JINA, "envelope_200", True))
        ends[name] = await teller.tell(Provider.JINA, SITE)
    assert ends == ENVELOPES
    assert teller.simulator.ledger.tokens_sent == 0, "errors cost nothing"
    assert {end.split()[0] for end in ends.values()} == {
        ANSWERED,
        *(kind.__name__ for kind in (Blocked, Permanent, RateLimited, Transient)),
    }
