"""Two replicas on separate hosts (network namespaces); the link of one is cut and restored during work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import networks
import pytest
from networks import Host
from process import Process, Stage, stage

from acra_express_async.db.schema.migrate import migrate
from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

COMPANIES = 60
LEASE = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.7"}


class Committed:
    """Companies as they are committed, reported by the database, because a replica behind a dead link cannot report."""

    def __init__(self) -> None:
        self._seen: asyncio.Queue[str] = asyncio.Queue()

    async def listen(self, standing: Stage) -> None:
        await standing.owner.execute(
            """
            CREATE FUNCTION public.tell_the_test() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_notify('committed', NEW.uen); RETURN NULL; END $$;
            CREATE TRIGGER tell_the_test AFTER INSERT ON acra_express.outcomes
                FOR EACH ROW EXECUTE FUNCTION public.tell_the_test();
            """
        )
        await standing.owner.add_listener("committed", lambda *told: self._seen.put_nowait(str(told[-1])))

    async def all_of(self, uens: list[str]) -> None:
        missing = set(uens)
        while missing:
            missing.discard(await self._seen.get())


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two hosts; the test and everything it starts are in the hub between them."""
    reason = networks.why_not()
    if reason is not None:
        pytest.skip(reason)
    with networks.hub(), ExitStack() as stack:
        yield [stack.enter_context(networks.host(number)) for number in (1, 2)]


@pytest.fixture
def server(hosts: list[Host]) -> Iterator[EmbeddedPostgres]:
    """A server in the hub that both hosts can reach."""
    with TemporaryDirectory() as folder:
        # Only root may read pytest's folders, and the server runs as another user.
        Path(folder).chmod(0o755)
        rules = Path(folder) / "pg_hba.conf"
        rules.write_text("host all all 127.0.0.1/32 trust\nhost all all 10.77.0.0/16 trust\n", encoding="utf-8")
        with EmbeddedPostgres(options={"listen_addresses": "*", "hba_file": str(rules)}) as server:
            yield server


async def new_database(server: EmbeddedPostgres, name: str) -> str:
    admin = await asyncpg.connect(server.dsn())
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    owner = await connect(server.dsn(name), {})
    try:
        await bootstrap_platform(owner)
        await migrate(owner, "acra_express")
    finally:
        await owner.close()
    return server.dsn(name)


async def start_on(host: Host, standing: Stage) -> Process:
    """Start a replica on a host; it reaches database and providers only over its link."""
    away = {
        name: value.replace("127.0.0.1", host.address).replace("0.0.0.0", host.address)
        for name, value in standing.environ.items()
    }
    extra = {name.removeprefix("ACRA_EXPRESS_"): value for name, value in away.items() if name.startswith("ACRA_")}
    return await standing.start_through(host.command, **extra | LEASE | {"HTTP__HOST": "127.0.0.1"})


async def undisturbed(server: EmbeddedPostgres, folder: Path) -> dict[str, list[str]]:
    """The outcomes with one replica and without links."""
    async with stage(await new_database(server, "undisturbed"), folder, rows=120) as standing:
        await enqueue_in_fives(standing, standing.uens[:COMPANIES])
        assert await (await standing.start("run", "--until-idle")).ended() == 0
        return await standing.outcomes()


async def enqueue_in_fives(standing: Stage, uens: list[str]) -> None:
    for start in range(0, len(uens), 5):
        await standing.enqueue({"uens": uens[start : start + 5]})


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(240)
async def test_a_cut_and_restored_link_loses_nothing(
    hosts: list[Host], server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """A host loses database and providers at once, and returns after others have taken its jobs."""
    wanted_ends = await undisturbed(server, tmp_path)
    dsn = await new_database(server, "linked")
    async with stage(dsn, tmp_path, rows=120, host="0.0.0.0") as standing:
        wanted = standing.uens[:COMPANIES]
        early, late = wanted[: COMPANIES // 2], wanted[COMPANIES // 2 :]
        committed = Committed()
        await committed.listen(standing)
        near, far = [await start_on(host, standing) for host in hosts]
        for service in (near, far):
            await service.event("listener.proven")
        await enqueue_in_fives(standing, early)
        await far.event("company.ended")
        hosts[1].cut()
        await near.event("job.claimed", expired=True)
        hosts[1].heal()
        await committed.all_of(early)
        # From now on only the restored replica is left to work.
        near.signal(signal.SIGTERM)
        assert await near.ended() == 0, "\n".join(near.lines[-20:])
        await enqueue_in_fives(standing, late)
        await committed.all_of(late)
        far.signal(signal.SIGTERM)
        assert await far.ended() == 0, "\n".join(far.lines[-20:])
        assert await standing.outcomes() == wanted_ends
        state = standing.simulator.state()
        assert state["violations"] == 0
        assert state["verifications"]["sent_more_than_once"] == 0
        slots = await standing.owner.fetchval("SELECT count(*) FROM acra_express.daily_slots")
        assert slots == COMPANIES
