"""The breaker's states in one process; the store is a fake, time is simulated."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from provider_fakes import FakeBreakerStore

from acra_express_async.errors import (
    Blocked,
    BudgetExhausted,
    DatabaseAway,
    Draining,
    Permanent,
    ProviderError,
    RateLimited,
    Transient,
)
from acra_express_async.limits import BREAKER_OPEN, CUT_OFF, SEND_MARGIN, Breaker, BreakerState, Kind, State
from acra_express_async.limits.own_reach import PROBE_COURTESY
from acra_express_async.metrics import Metrics
from acra_express_async.models import Provider
from acra_express_async.providers.zerobounce import CREDIT_SECONDS

pytestmark = pytest.mark.looptime
JINA = Provider.JINA
CHALLENGE = Blocked("refused", provider=JINA, reason="bad_key")
TIMEOUT = Transient("late", provider=JINA, reason="timeout")
CRASHED = Transient("browser crashed", provider=JINA, reason="http_503", about_target=True)


@pytest.fixture
def store() -> FakeBreakerStore:
    return FakeBreakerStore()


@pytest.fixture
def breaker(store: FakeBreakerStore) -> Breaker:
    return Breaker(JINA, store, Metrics(CollectorRegistry()))


async def attempt(breaker: Breaker, error: BaseException | None = None, target: str = "kopi.sg") -> bool:
    """One try that ends in `error`; True if it was the probe."""
    try:
        async with breaker.guard(target) as probe:
            if error is not None:
                raise error
    except ProviderError as raised:
        if raised is not error:
            raise
    return probe


def one_hot(breaker: Breaker) -> dict[str, float | None]:
    registry = breaker._metrics.registry
    return {
        state: registry.get_sample_value("acra_express_breaker_state", {"provider": JINA, "state": state})
        for state in State
    }


async def test_a_block_opens_at_once_and_one_probe_closes_it(breaker: Breaker, store: FakeBreakerStore) -> None:
    await attempt(breaker, CHALLENGE)
    with pytest.raises(Blocked) as refused:
        await attempt(breaker)
    assert refused.value.reason == "breaker_open"
    assert refused.value.retry_after == timedelta(minutes=15)
    assert not refused.value.sent
    assert one_hot(breaker) == {"closed": 0, "open": 1, "half_open": 0}
    await asyncio.sleep(15 * 60)
    assert await attempt(breaker), "the cool-down is over: this is the probe"
    assert not await attempt(breaker)
    assert one_hot(breaker) == {"closed": 1, "open": 0, "half_open": 0}


async def test_a_blocked_probe_opens_it_longer(breaker: Breaker, store: FakeBreakerStore) -> None:
    await attempt(breaker, CHALLENGE)
    for minutes, following in ((15, 60), (60, 240), (240, 240)):
        await asyncio.sleep(minutes * 60)
        assert await attempt(breaker, CHALLENGE)
        with pytest.raises(Blocked) as refused:
            await breaker.check()
        assert refused.value.retry_after == timedelta(minutes=following)


async def test_only_one_probe_at_a_time(breaker: Breaker) -> None:
    await attempt(breaker, CHALLENGE)
    await asyncio.sleep(15 * 60)
    async with breaker.guard("kopi.sg") as probe:
        assert probe
        with pytest.raises(Blocked):
            await attempt(breaker)


@pytest.mark.parametrize("wait", [timedelta(seconds=0), timedelta(minutes=1), timedelta(minutes=10)])
@pytest.mark.parametrize("takes", [timedelta(seconds=10), timedelta(seconds=600)])
async def test_a_probe_is_reserved_for_as_long_as_it_may_take(wait: timedelta, takes: timedelta) -> None:
    """Otherwise BUDGET_WAIT_SECONDS above two minutes, or a provider's TIMEOUT_SECONDS above one, would let a second
    probe out while the first is under way, and the first one's result would count for nothing."""
    leases: list[timedelta] = []

    class Recording(FakeBreakerStore):
        async def claim_probe(self, provider: Provider, lease: timedelta) -> datetime | None:
            leases.append(lease)
            return await super().claim_probe(provider, lease)

    breaker = Breaker(Provider.DUCKDUCKGO, Recording(), Metrics(CollectorRegistry()), longest_try=wait + takes)
    await attempt(breaker, CHALLENGE)
    await asyncio.sleep(15 * 60)
    await attempt(breaker)
    assert len(leases) == 1
    looks_at_credits, margin = 3 * timedelta(seconds=CREDIT_SECONDS), SEND_MARGIN
    assert leases[0] >= wait + looks_at_credits + margin + takes


UNREACHED = Transient("no route", provider=JINA, reason="connection", sent=False)


async def refused_for(breaker: Breaker) -> tuple[str, timedelta | None]:
    with pytest.raises(Blocked) as refused:
        await breaker.check()
    return refused.value.reason, refused.value.retry_after


async def test_a_host_that_is_cut_off_opens_no_shared_breaker(breaker: Breaker, store: FakeBreakerStore) -> None:
    """While another host gets answers; it leaves the provider to that one for longer each time, and tries again."""
    store.elsewhere = timedelta(seconds=20)
    for minutes in (1, 5, 15, 15):
        while not breaker.cut_off:
            await attempt(breaker, UNREACHED, "kopi.sg")
            await attempt(breaker, UNREACHED, "teh.sg") if not breaker.cut_off else None
        assert await refused_for(breaker) == (CUT_OFF, timedelta(minutes=minutes))
        await asyncio.sleep(minutes * 60)
    assert store.trips == []
    await attempt(breaker)
    await attempt(breaker, UNREACHED)
    await breaker.check()
    await attempt(breaker, UNREACHED)
    assert await refused_for(breaker) == (CUT_OFF, timedelta(minutes=1)), "an answer begins anew"


async def test_nobody_answers_elsewhere_so_it_is_an_outage(breaker: Breaker, store: FakeBreakerStore) -> None:
    store.elsewhere = timedelta(minutes=3)
    await attempt(breaker, UNREACHED, "kopi.sg")
    await attempt(breaker, UNREACHED, "teh.sg")
    assert store.trips == [(Kind.OUTAGE, "connection")]
    assert not breaker.cut_off


async def test_a_sent_try_is_never_the_hosts_fault(breaker: Breaker, store: FakeBreakerStore) -> None:
    store.elsewhere = timedelta(seconds=20)
    await attempt(breaker, TIMEOUT, "kopi.sg")
    await attempt(breaker, TIMEOUT, "teh.sg")
    assert store.trips == [(Kind.OUTAGE, "timeout")]


async def test_others_probe_first_after_one_that_left_nothing(breaker: Breaker, store: FakeBreakerStore) -> None:
    """A host without a way out would otherwise keep the breaker open for all of them."""
    store.elsewhere = timedelta(minutes=30)
    await attempt(breaker, UNREACHED, "kopi.sg")
    await attempt(breaker, UNREACHED, "teh.sg")
    await asyncio.sleep(60)
    assert await attempt(breaker, UNREACHED)
    await asyncio.sleep(5 * 60)
    assert (await store.read(JINA)).state is State.HALF_OPEN
    assert (await refused_for(breaker))[0] == BREAKER_OPEN
    await asyncio.sleep(PROBE_COURTESY.total_seconds())
    assert await attempt(breaker)


async def test_five_failures_of_one_target_in_a_row_are_an_outage(breaker: Breaker, store: FakeBreakerStore) -> None:
    for _ in range(4):
        await attempt(breaker, TIMEOUT)
    await attempt(breaker)
    for _ in range(4):
        await attempt(breaker, TIMEOUT)
    assert store.trips == []
    await attempt(breaker, TIMEOUT)
    assert store.trips == [(Kind.OUTAGE, "timeout")]
    with pytest.raises(Blocked) as refused:
        await breaker.check()
    assert refused.value.retry_after == timedelta(minutes=1)


async def test_two_targets_that_fail_in_a_row_are_an_outage(breaker: Breaker, store: FakeBreakerStore) -> None:
    await attempt(breaker, TIMEOUT, "kopi.sg")
    await attempt(breaker, TIMEOUT, "kopi.sg")
    assert store.trips == []
    await attempt(breaker, TIMEOUT, "teh.sg")
    assert store.trips == [(Kind.OUTAGE, "timeout")]


async def test_an_answer_to_anybody_ends_the_row(breaker: Breaker, store: FakeBreakerStore) -> None:
    other = Breaker(JINA, store, Metrics(CollectorRegistry()))
    await attempt(other)
    for _ in range(10):
        await attempt(breaker, TIMEOUT, "kopi.sg")
        await asyncio.sleep(2)
        await attempt(other, None, "teh.sg")
    assert store.trips == []


async def test_replicas_put_their_failures_together(breaker: Breaker, store: FakeBreakerStore) -> None:
    """Each of them works on one company."""
    other = Breaker(JINA, store, Metrics(CollectorRegistry()))
    await attempt(breaker, TIMEOUT, "kopi.sg")
    await attempt(other, TIMEOUT, "teh.sg")
    assert store.trips == [(Kind.OUTAGE, "timeout")]


async def test_a_page_with_an_error_of_its_own_opens_nothing(breaker: Breaker, store: FakeBreakerStore) -> None:
    for _ in range(20):
        await attempt(breaker, CRASHED, "kopi.sg")
    for site in ("teh.sg", "susu.sg", "roti.sg"):
        await attempt(breaker, CRASHED, site)
    assert store.trips == []


async def test_errors_of_many_pages_in_a_row_are_an_overload(breaker: Breaker, store: FakeBreakerStore) -> None:
    for number in range(5):
        await attempt(breaker, CRASHED, f"site{number}.sg")
    assert store.trips == [(Kind.OUTAGE, "http_503")]
    await asyncio.sleep(60)
    assert await attempt(breaker, CRASHED, "site9.sg"), "the probe meets it again"
    assert store.trips[-1] == (Kind.OUTAGE, "http_503")


async def test_an_outage_ends_with_a_probe_of_a_bad_page(breaker: Breaker, store: FakeBreakerStore) -> None:
    """The provider answers again, if only to say that this page cannot be read."""
    await attempt(breaker, TIMEOUT, "kopi.sg")
    await attempt(breaker, TIMEOUT, "teh.sg")
    await asyncio.sleep(60)
    assert await attempt(breaker, CRASHED, "kopi.sg")
    assert store.record.state is State.CLOSED


async def test_a_success_is_noted_seldom_unless_there_are_failures(breaker: Breaker, store: FakeBreakerStore) -> None:
    for _ in range(20):
        await attempt(breaker)
    assert store.answers == 1
    await attempt(breaker, TIMEOUT)
    await attempt(breaker)
    assert store.answers == 2
    await asyncio.sleep(10)
    await attempt(breaker)
    assert store.answers == 3


async def test_a_frozen_probe_frees_nothing_of_the_next_one(breaker: Breaker, store: FakeBreakerStore) -> None:
    other = Breaker(JINA, store, Metrics(CollectorRegistry()))
    await attempt(breaker, CHALLENGE)
    await asyncio.sleep(15 * 60)
    frozen = breaker.guard("kopi.sg")
    assert await frozen.__aenter__()
    await asyncio.sleep(120)
    store.probe = None  # it has expired
    async with other.guard("teh.sg") as probe:
        assert probe
        held = store.probe
        assert not await frozen.__aexit__(Draining, Draining("stopping"), None)
        assert store.probe == held
        with pytest.raises(Blocked):
            await attempt(breaker)


async def test_a_429_and_a_bad_request_do_not_count_as_an_outage(breaker: Breaker, store: FakeBreakerStore) -> None:
    for _ in range(20):
        await attempt(breaker, RateLimited("slow down", provider=JINA))
        await attempt(breaker, Permanent("no such page", provider=JINA))
    assert store.trips == []


@pytest.mark.parametrize("error", [TIMEOUT, RateLimited("slow down", provider=JINA)])
async def test_a_probe_that_meets_an_outage_waits_for_its_cool_down(
    breaker: Breaker, store: FakeBreakerStore, error: ProviderError
) -> None:
    await attempt(breaker, CHALLENGE)
    await asyncio.sleep(15 * 60)
    assert await attempt(breaker, error)
    assert store.trips[-1][0] is Kind.OUTAGE


@pytest.mark.parametrize(
    "error", [BudgetExhausted("full", provider=JINA), Draining("stopping"), asyncio.CancelledError(), DatabaseAway("x")]
)
async def test_a_probe_that_was_never_sent_is_handed_back(
    breaker: Breaker, store: FakeBreakerStore, error: BaseException
) -> None:
    await attempt(breaker, CHALLENGE)
    await asyncio.sleep(15 * 60)
    probes = []

    async def unsent() -> None:
        async with breaker.guard("kopi.sg") as probe:
            probes.append(probe)
            raise error

    with pytest.raises(type(error)):
        await unsent()
    assert probes == [True]
    assert store.probe is None
    assert await attempt(breaker), "the next try is the probe"


async def test_cached_breaker_state_sees_other_replicas_within_seconds(store: FakeBreakerStore) -> None:
    first, second = (Breaker(JINA, store, Metrics(CollectorRegistry())) for _ in range(2))
    for _ in range(10):
        await attempt(second)
    assert store.reads == 1
    await attempt(first, CHALLENGE)
    await attempt(second)
    await asyncio.sleep(2)
    with pytest.raises(Blocked):
        await attempt(second)


class AwayStore(FakeBreakerStore):
    async def trip(self, *_args: object) -> tuple[BreakerState, bool]:
        raise DatabaseAway("PostgreSQL is away")

    async def reset(self, provider: Provider, probe: datetime) -> None:
        raise DatabaseAway("PostgreSQL is away")


async def test_a_block_holds_locally_without_the_database() -> None:
    breaker = Breaker(JINA, AwayStore(), Metrics(CollectorRegistry()))
    await attempt(breaker, CHALLENGE)
    with pytest.raises(Blocked):
        await breaker.check()


async def test_a_lost_database_does_not_lose_a_result() -> None:
    store = AwayStore()
    store.record = BreakerState(State.OPEN, "bad_key", Kind.BLOCKED)
    breaker = Breaker(JINA, store, Metrics(CollectorRegistry()))
    assert await attempt(breaker)
