"""A real failover: the primary dies with commits that the standby never got, the standby is promoted, work goes on."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from process import Process, Stage, stage
from replicated import PROGRAMS, Pair, Server, primary_and_standby
from tools import require_tool

from acra_express_async.db.companies.address_hash import AddressHash, load_address_hash
from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pinned import OWNER_SETTINGS
from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.testbed import DATABASE, ROLE

pytestmark = [pytest.mark.slow, pytest.mark.tools, pytest.mark.timeout(900)]

COMPANIES = 40
BEFORE, LOST = 6, 6
"""Companies that end before the link is cut, and after it, on a primary that is about to die."""
GOES_ON_SECONDS = 30.0


@dataclass(frozen=True)
class Held:
    """What one server holds of our money: the hashes of addresses that were sent, and the charges by provider."""

    intents: frozenset[bytes]
    charges: dict[str, int]
    outcomes: int


async def held(server: Server) -> Held:
    connection = await asyncpg.connect(server.dsn(DATABASE))
    try:
        intents = await connection.fetch("SELECT address_hash FROM acra_express.verifications")
        charges = await connection.fetch(
            "SELECT provider, count(DISTINCT charge_id) AS calls FROM acra_express.budget_charges GROUP BY provider"
        )
        outcomes = await connection.fetchval("SELECT count(*) FROM acra_express.outcomes")
        return Held(
            frozenset(row["address_hash"] for row in intents), {r["provider"]: r["calls"] for r in charges}, outcomes
        )
    finally:
        await connection.close()


async def build(server: Server) -> AddressHash:
    """A migrated database; the key under which its addresses are hashed."""
    admin = await connect(server.dsn(), OWNER_SETTINGS)
    await admin.execute(f"CREATE DATABASE {DATABASE}")
    await admin.close()
    owner = await connect(server.dsn(DATABASE), OWNER_SETTINGS)
    await bootstrap_platform(owner)
    await migrate(owner, ROLE)
    hashes = await load_address_hash(owner)
    await owner.close()
    return hashes


async def ended(service: Process, companies: int) -> None:
    for _ in range(companies):
        await service.event("company.ended")


async def fail_over(pair: Pair, standing: Stage, service: Process) -> Held:
    """Kill the primary and promote the standby; what the standby held at that moment."""
    standing.owner.terminate()
    await pair.kill_primary()
    survived = await held(pair.standby)
    await pair.promote()
    standing.owner = await connect(pair.standby.dsn(DATABASE), OWNER_SETTINGS)
    promoted = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(GOES_ON_SECONDS):
            await service.event("company.ended")
    except TimeoutError:
        pytest.fail("nothing went on after the promotion:\n" + "\n".join(service.lines[-40:]))
    print(f"\nthe first company ended {asyncio.get_running_loop().time() - promoted:.1f} s after the promotion")
    return survived


async def drained(standing: Stage, service: Process, uens: list[str]) -> None:
    """Every company has ended, no job is open, and the service has neither broken nor blamed a job."""
    while not set(uens) <= (await standing.outcomes()).keys():
        await service.event("company.ended")
    open_jobs = "SELECT count(*) FROM background_jobs WHERE status NOT IN ('done', 'error')"
    while await standing.owner.fetchval(open_jobs):
        await service.event("job.ended")
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    kinds = await standing.outcomes()
    assert sorted(kinds) == sorted(uens)
    assert all(len(kind) == 1 and kind[0] in ("enriched", "no_website") for kind in kinds.values()), kinds
    assert not await standing.owner.fetchval("SELECT count(*) FROM background_jobs WHERE status = 'error'")
    broken = ("component.broke", "component.gave_up", "company.broke", "job.error")
    assert not [line for line in service.lines if any(f'"{name}"' in line for name in broken)]


def sent_twice(standing: Stage, hashes: AddressHash) -> set[bytes]:
    sent = standing.simulator.ledger.verifications_sent
    return {hashes.digest(address) for address, count in sent.items() if count > 1}


def arrivals(standing: Stage) -> dict[str, int]:
    """The calls that a budget counts, as the providers saw them."""
    state = standing.simulator.state()
    return {
        "duckduckgo": state["requests"].get("duckduckgo", 0),
        "jina": state["requests"].get("jina", 0),
        "zerobounce": state["verifications"]["sent"],
    }


@pytest.mark.parametrize("synchronous", [False, True], ids=["asynchronous", "synchronous"])
async def test_work_goes_on_after_a_failover(
    tmp_path: Path, request: pytest.FixtureRequest, *, synchronous: bool
) -> None:
    require_tool(request.config, f"{PROGRAMS}/postgres")
    async with primary_and_standby(synchronous=synchronous) as pair:
        hashes = await build(pair.primary)
        async with stage(
            pair.primary.dsn(DATABASE), tmp_path, rows=200, latency_scale=0.1, scenario="full_day_500"
        ) as standing:
            standing.environ["ACRA_EXPRESS_POSTGRES_DSN"] = pair.dsn(DATABASE)
            service = await standing.start()
            await service.event("listener.proven")
            uens = standing.uens[:COMPANIES]
            await standing.enqueue({"uens": uens})
            await ended(service, BEFORE)
            pair.link.blackhole()
            if synchronous:
                await pair.primary.answers("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')")
            else:
                await ended(service, LOST)
            survived = await fail_over(pair, standing, service)
            await drained(standing, service, uens)
            await pair.primary.start()
            died_with, final = await held(pair.primary), await held(pair.standby)

            lost = died_with.intents - survived.intents
            twice = sent_twice(standing, hashes)
            excess = {
                provider: arrived - final.charges.get(provider, 0) for provider, arrived in arrivals(standing).items()
            }
            lost_charges = {p: n - survived.charges.get(p, 0) for p, n in died_with.charges.items()}
            print(
                f"\n{'synchronous' if synchronous else 'asynchronous'} standby: lost {len(lost)} intents,"
                f" {died_with.outcomes - survived.outcomes} outcomes, charges {lost_charges};"
                f" sent twice {len(twice)}; arrived beyond the ledger {excess}"
            )
            assert twice <= lost
            assert all(excess[p] <= max(lost_charges.get(p, 0), 0) for p in excess), (excess, lost_charges)
            if synchronous:
                assert not twice
                assert all(beyond <= 0 for beyond in excess.values())
            else:
                assert died_with.outcomes - survived.outcomes >= LOST, "the link was cut in time"
