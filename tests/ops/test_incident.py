"""A scripted night: DuckDuckGo blocks, ZeroBounce's credits end, companies fail. Two replicas, one of them replaced.

Half hours pass by moving the database's clock. What Slack got is the simulator's word, what rules said Prometheus's.
"""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from process import Process, Stage, stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Fault

from .conftest import RULES
from .observers import Prometheus, browse, scraping

Tool = Callable[..., str]
SIXTEEN_MINUTES = 16
"""Beyond the first cool-down of a breaker."""
HALF_AN_HOUR = 31


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=150) as standing:
        yield standing


class Night:
    """What the script needs at hand."""

    def __init__(self, standing: Stage, prometheus: Prometheus) -> None:
        self.standing = standing
        self.prometheus = prometheus
        self._uens = iter(standing.uens)
        self.ended = 0

    async def install_clock(self) -> None:
        await self.standing.owner.execute(
            """
            CREATE TABLE acra_express.test_offset (ahead interval NOT NULL);
            INSERT INTO acra_express.test_offset VALUES ('0');
            GRANT SELECT ON acra_express.test_offset TO acra_express;
            CREATE OR REPLACE FUNCTION acra_express.clock() RETURNS timestamptz LANGUAGE sql VOLATILE
            AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM acra_express.test_offset';
            """
        )

    async def pass_minutes(self, minutes: int) -> None:
        """Nobody holds a job while the clock moves."""
        self.standing.simulator.clock.advance(minutes * 60)
        await self.standing.owner.execute(
            "UPDATE acra_express.test_offset SET ahead = ahead + make_interval(mins => $1)", minutes
        )

    def break_something(self, provider: Provider, knob: str, value: Any, count: int | None = None) -> None:
        self.standing.simulator.faults.add(Fault(provider, knob, value, count=count))

    async def enqueue(self, companies: int) -> None:
        await self.standing.enqueue({"uens": [next(self._uens) for _ in range(companies)]})

    async def work(self, companies: int) -> None:
        """Enqueue, and wait until all that was ever enqueued has ended."""
        await self.enqueue(companies)
        self.ended += companies
        await self.prometheus.until(self._all_ended, f"{self.ended} companies ended")

    async def _all_ended(self) -> bool:
        """No job is left; time passes where all that are left were put off (one replica's probe holds up the other)."""
        live, put_off = await self.standing.owner.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE status = 'queued' AND due_at > acra_express.clock())"
            " FROM background_jobs LEFT JOIN acra_express.leases USING (job_id) WHERE status IN ('queued', 'running')"
        )
        if 0 < live == put_off:
            await self.pass_minutes(3)
            await self.standing.owner.execute("NOTIFY acra_express_jobs")
        return bool(live == 0)

    @property
    def told(self) -> list[str]:
        """Headers of everything Slack took, in order."""
        return [message["blocks"][0]["text"]["text"] for message in self.standing.simulator.slack.messages]

    async def hear(self, header: str) -> None:
        """Slack's next message, and no other, is this one."""
        before = len(self.told)

        async def said() -> bool:
            return len(self.told) > before

        if not self.told or not re.fullmatch(header, self.told[-1]):
            await self.prometheus.until(said, f"a message {header}")
        assert re.fullmatch(header, self.told[-1]), self.told

    async def active(self, alert: str, count: float) -> None:
        """All replicas show the alert as so often active."""

        async def shown() -> bool:
            rows = await self.prometheus.query(f'acra_express_alert_active{{alert="{alert}"}}')
            return {float(row["value"][1]) for row in rows if row["value"]} == {count}

        await self.prometheus.until(shown, f"{alert} at {count}")


async def probes(port: int) -> tuple[int, int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        health, ready = await client.get("/healthz"), await client.get("/readyz")
        return health.status_code, ready.status_code, (await client.get("/status.json")).json()


async def started(standing: Stage, port: int) -> Process:
    process = await standing.start(HTTP__PORT=str(port))
    await process.event("listener.proven")
    return process


@pytest.mark.tools
@pytest.mark.timeout(300)
async def test_a_night_of_incidents(tool: Tool, standing: Stage, tmp_path: Path) -> None:
    binary, chromium = tool("prometheus"), tool("chromium", "chromium-browser", "google-chrome")
    ports = [free_port(), free_port()]
    first, second = [await started(standing, port) for port in ports]
    rules = re.sub(r"for: \d+m", "for: 0m", RULES.read_text(encoding="utf-8"))
    async with scraping(binary, tmp_path / "prometheus", ports, rules) as prometheus:
        night = Night(standing, prometheus)
        await night.install_clock()
        await night.active("provider_blocked", 0)
        await night.work(20)
        assert night.told == []

        # DuckDuckGo asks for proof of a human
        night.break_something(Provider.DUCKDUCKGO, "ddg_block_now", 60, count=1)
        await night.enqueue(3)
        await night.hear(r"\[FIRING\] duckduckgo: refuses us")
        await night.active("provider_blocked", 1)
        alive, ready, status = await probes(ports[0])
        assert (alive, ready, status["verdict"]["word"]) == (200, 200, "fail")
        assert status["breakers"][0]["reason"] == "challenge"
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        seen = await browse(chromium, profile, "--dump-dom", f"http://127.0.0.1:{ports[0]}/")
        assert "Something is wrong" in seen
        assert "duckduckgo: refuses us" in seen
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0
        await night.pass_minutes(61)
        first = await started(standing, ports[0])
        night.ended += 3
        await night.work(1)
        await night.hear(r"\[RESOLVED\] duckduckgo answers again")

        # ZeroBounce's credits end; work that needs no verification goes on
        night.break_something(Provider.ZEROBOUNCE, "credits", 0, count=1)
        await night.enqueue(10)
        await night.hear(r"\[FIRING\] zerobounce: key or credits are bad")
        assert (await probes(ports[1]))[:2] == (200, 200)
        night.break_something(Provider.ZEROBOUNCE, "credits", 1000, count=1)
        await night.pass_minutes(SIXTEEN_MINUTES)
        night.ended += 10
        await night.work(10)
        await night.hear(r"\[RESOLVED\] zerobounce answers again")

        # every search is refused for good: the companies fail
        await night.pass_minutes(HALF_AN_HOUR)
        await night.work(15)
        night.break_something(Provider.DUCKDUCKGO, "status", 303)
        await night.work(8)
        await night.hear(r"\[FIRING\] Failure ratio [\d.]+% > 5% \(30 min\)")
        await night.active("failure_ratio", 1)

        async def rule_fires() -> bool:
            return "AcraExpressFailureRatio" in await prometheus.firing()

        await prometheus.until(rule_fires, "its own rule about the failure ratio")
        standing.simulator.faults.clear()
        await night.pass_minutes(HALF_AN_HOUR)
        await night.work(5)
        await night.hear(r"\[RESOLVED\] Failure ratio 0% \(limit 5%, 30 min\)")
        await night.active("failure_ratio", 0)
        assert len(night.told) == 6, night.told
        text = str(list(standing.simulator.slack.messages))
        assert "@" not in text
        assert standing.environ["ACRA_EXPRESS_ZEROBOUNCE__API_KEY"] not in text
        alive, ready, status = await probes(ports[1])
        assert (alive, ready, status["verdict"]["word"]) == (200, 200, "pass"), status["verdict"]
    for process in (first, second):
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
