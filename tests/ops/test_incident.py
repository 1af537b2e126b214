"""A scripted night: DuckDuckGo blocks, ZeroBounce's credits run out, companies fail. Two replicas, one is replaced.

Half hours pass by advancing the database's clock. The simulator knows what Slack received, Prometheus which rules
fired. The status shows a snapshot that may be 15 s old, so the script waits for the one with the expected figures.
"""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from process import Process, Stage, stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.postgres import free_port
from acra_express_async.sandbox.simulator import Fault

from .conftest import ONLY_IN_TROUBLE, RULES, dashboard_queries
from .observers import Prometheus, browse, scraping

Tool = Callable[..., str]
SIXTEEN_MINUTES = 16
"""Longer than the first cool-down of a breaker."""
HALF_AN_HOUR = 31
SAME_EVERYWHERE = ("__name__", "job")
"""Labels that tell nothing apart."""


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path, rows=150) as standing:
        yield standing


class Night:
    """The parts of the script and what it waits for."""

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
        """Advance all clocks; call this while no job is held."""
        self.standing.simulator.clock.advance(minutes * 60)
        await self.standing.owner.execute(
            "UPDATE acra_express.test_offset SET ahead = ahead + make_interval(mins => $1)", minutes
        )

    def break_something(self, provider: Provider, knob: str, value: Any, count: int | None = None) -> None:
        self.standing.simulator.faults.add(Fault(provider, knob, value, count=count))

    async def enqueue(self, companies: int) -> None:
        await self.standing.enqueue({"uens": [next(self._uens) for _ in range(companies)]})

    async def work(self, companies: int) -> None:
        """Enqueue companies and wait until all jobs so far have ended."""
        await self.enqueue(companies)
        self.ended += companies
        await self.prometheus.until(self._all_ended, f"{self.ended} companies ended")

    async def _all_ended(self) -> bool:
        """True when no job is left; advances the clock when all remaining jobs are snoozed (one waits for a probe)."""
        live, put_off = await self.standing.owner.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE status = 'queued' AND due_at > acra_express.clock())"
            " FROM background_jobs LEFT JOIN acra_express.leases USING (job_id) WHERE status IN ('queued', 'running')"
        )
        if 0 < live == put_off:
            await self.pass_minutes(3)
            await self.standing.owner.execute("NOTIFY acra_express_jobs")
        return bool(live == 0)

    async def recent(self) -> tuple[int, int]:
        """The companies of the last half hour that count for the failure ratio, and how many of them failed."""
        row = await self.standing.owner.fetchrow(
            "SELECT count(*) AS total, count(*) FILTER (WHERE kind = 'failed') AS failed FROM acra_express.outcomes"
            " WHERE kind <> 'skipped' AND ended_at > acra_express.clock() - interval '30 min'"
        )
        assert row is not None
        return row["total"], row["failed"]

    @property
    def told(self) -> list[str]:
        """The headers of all messages that Slack accepted, in order."""
        return [message["blocks"][0]["text"]["text"] for message in self.standing.simulator.slack.messages]

    async def hear(self, header: str) -> None:
        """Wait for the next Slack message and check that it is this one."""
        before = len(self.told)

        async def said() -> bool:
            return len(self.told) > before

        if not self.told or not re.fullmatch(header, self.told[-1]):
            await self.prometheus.until(said, f"a message {header}")
        assert re.fullmatch(header, self.told[-1]), self.told

    async def active(self, alert: str, count: float) -> None:
        """Wait until every replica exports this value for the alert."""

        async def shown() -> bool:
            rows = await self.prometheus.query(f'acra_express_alert_active{{alert="{alert}"}}')
            return {float(row["value"][1]) for row in rows if row["value"]} == {count}

        await self.prometheus.until(shown, f"{alert} at {count}")

    async def everybody_looked(self) -> None:
        """Wait until both replicas have evaluated all alerts again and Prometheus its rules."""
        tick = 'acra_express_last_tick_timestamp_seconds{loop="alerts"}'
        before = await self.prometheus.value(f"max({tick})")
        assert before is not None

        async def later() -> bool:
            # two turns, because the current one may have started before
            return (await self.prometheus.value(f"min({tick})") or 0) > before + 15

        await self.prometheus.until(later, "another look at the alerts")

    async def status(self, port: int, **holds: Callable[[Any], bool]) -> dict[str, Any]:
        """A replica's status once every named key fulfils its condition; the replica must be alive and ready."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            last: dict[str, Any] = {}

            async def fulfilled() -> bool:
                last.update((await client.get("/status.json")).json())
                return all(condition(last[key]) for key, condition in holds.items())

            await self.prometheus.until(fulfilled, f"a status with the expected {', '.join(holds)}")
            health, ready = await client.get("/healthz"), await client.get("/readyz")
            assert (health.status_code, ready.status_code) == (200, 200)
            return last


class Reader:
    """A person with a browser."""

    def __init__(self, chromium: str, folder: Path, port: int) -> None:
        self._chromium = chromium
        self._folder = folder
        self._url = f"http://127.0.0.1:{port}/"

    async def reads(self, *sentences: str, picture: str, window: str = "1100,1500", dark: bool = False) -> None:
        """Check that the page contains all sentences, and keep a screenshot in the folder of the test."""
        profile = f"--user-data-dir={self._folder / 'profile'}"
        document = await browse(self._chromium, profile, "--virtual-time-budget=4000", "--dump-dom", self._url)
        for sentence in sentences:
            assert sentence in document, sentence
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        target = self._folder / f"{picture}.png"
        await browse(self._chromium, profile, *scheme, f"--window-size={window}", f"--screenshot={target}", self._url)
        assert target.stat().st_size > 10_000


def verdict(word: str) -> Callable[[Any], bool]:
    return lambda shown: bool(shown["word"] == word)


async def started(standing: Stage, port: int) -> Process:
    process = await standing.start(HTTP__PORT=str(port))
    await process.event("listener.proven")
    return process


async def one_in_twenty_fails(night: Night) -> None:
    """Exactly 5%: no message."""
    await night.work(19)
    night.break_something(Provider.DUCKDUCKGO, "status", 303)
    await night.work(1)
    assert await night.recent() == (20, 1)
    await night.everybody_looked()
    assert len(night.told) == 4, night.told
    await night.active("failure_ratio", 0)
    night.standing.simulator.faults.clear()


async def one_in_ten_fails(night: Night, reader: Reader, port: int) -> None:
    """Three of thirty: one message, the Prometheus rule fires too, and one message when it is over."""
    await night.work(8)
    night.break_something(Provider.DUCKDUCKGO, "status", 303)
    await night.work(2)
    assert await night.recent() == (30, 3)
    await night.hear(r"\[FIRING\] Failure ratio (6\.9|10)% > 5% \(30 min\)")
    await night.active("failure_ratio", 1)

    async def rule_fires() -> bool:
        return "AcraExpressFailureRatio" in await night.prometheus.firing()

    await night.prometheus.until(rule_fires, "its own rule about the failure ratio")
    status = await night.status(port, verdict=verdict("fail"), failures_24h=lambda counts: sum(counts.values()) >= 3)
    assert status["failures_24h"] == {"provider_error": 3}
    await reader.reads("Failure ratio", "answers could not be used", picture="failing", dark=True)
    night.standing.simulator.faults.clear()
    await night.pass_minutes(HALF_AN_HOUR)
    await night.work(5)
    await night.hear(r"\[RESOLVED\] Failure ratio 0% \(limit 5%, 30 min\)")
    await night.active("failure_ratio", 0)
    assert len(night.told) == 6, night.told


async def every_panel_answers(prometheus: Prometheus) -> None:
    """Print each query of the dashboard with its answer; one without data is a fault, unless it shows only trouble."""
    answers = [(title, text, await prometheus.query(text)) for title, text in dashboard_queries()]
    for title, text, found in answers:
        print(f"{title}: {' '.join(text.split())}")
        for row in found:
            labels = ", ".join(
                f"{name}={value}" for name, value in row["metric"].items() if name not in SAME_EVERYWHERE
            )
            print(f"    {float(row['value'][1]):.6g}  {labels}")
    assert [text for _, text, found in answers if not found and not text.endswith(ONLY_IN_TROUBLE)] == []


@pytest.mark.tools
@pytest.mark.timeout(420)
async def test_page_alerts_and_metrics_agree_through_incidents(tool: Tool, standing: Stage, tmp_path: Path) -> None:
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

        # DuckDuckGo answers with a challenge
        night.break_something(Provider.DUCKDUCKGO, "ddg_block_now", 60, count=1)
        await night.enqueue(3)
        await night.hear(r"\[FIRING\] duckduckgo: refuses us")
        await night.active("provider_blocked", 1)
        for port in ports:
            status = await night.status(port, verdict=verdict("fail"), breakers=bool, campaigns=bool)
            [breaker] = status["breakers"]
            assert breaker["reason"] == "challenge"
            ends = [datetime.fromisoformat(line["expected_end"]) for line in status["campaigns"]]
            assert ends
            assert min(ends) > datetime.fromisoformat(breaker["open_until"]), "no search may start before that"
        reader = Reader(chromium, tmp_path, ports[1])
        await reader.reads("Something is wrong", "duckduckgo: refuses us", "next probe", picture="blocked")
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0
        await night.pass_minutes(61)
        first = await started(standing, ports[0])
        night.ended += 3
        await night.work(1)
        await night.hear(r"\[RESOLVED\] duckduckgo answers again")

        # ZeroBounce's credits run out; work that needs no verification continues
        night.break_something(Provider.ZEROBOUNCE, "credits", 0, count=1)
        await night.enqueue(10)
        await night.hear(r"\[FIRING\] zerobounce: key or credits are bad")
        await night.active("key_or_credits", 1)
        await night.status(ports[1], verdict=verdict("fail"), breakers=bool)
        await reader.reads(
            "zerobounce: key or credits are bad", "the account is empty", picture="credits", window="400,2400"
        )
        night.break_something(Provider.ZEROBOUNCE, "credits", 1000, count=1)
        await night.pass_minutes(SIXTEEN_MINUTES)
        night.ended += 10
        await night.work(10)
        await night.hear(r"\[RESOLVED\] zerobounce answers again")

    # a new Prometheus, whose last half hour contains only what follows
    async with scraping(binary, tmp_path / "later", ports, rules) as prometheus:
        night.prometheus = prometheus
        await night.active("failure_ratio", 0)
        await night.pass_minutes(HALF_AN_HOUR)
        await one_in_twenty_fails(night)
        await one_in_ten_fails(night, reader, ports[1])
        await night.status(ports[1], verdict=verdict("pass"))
        await reader.reads("It is fine", picture="fine")
        await every_panel_answers(prometheus)
    text = str(list(standing.simulator.slack.messages))
    assert "@" not in text
    assert standing.environ["ACRA_EXPRESS_ZEROBOUNCE__API_KEY"] not in text
    for process in (first, second):
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
