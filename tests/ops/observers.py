"""Real processes beside the service, such as a Prometheus that scrapes it and is queried over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from acra_express_async.sandbox.postgres import free_port

LOOK_SECONDS = 0.1


class Process:
    """A process of the test; every wait fails when it exits."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    async def until(self, true: Callable[[], Awaitable[bool]], what: str, tries: int = 600) -> None:
        """Poll until `true` returns True."""
        for _ in range(tries):
            if await true():
                return
            await self._pause()
        raise AssertionError(f"nobody ever saw {what}: {self._log.read_text(errors='replace')[-2000:]}")

    async def _pause(self) -> None:
        """Wait a tenth of a second; fail when the process exits first."""
        try:
            code = await asyncio.to_thread(self._process.wait, LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"the process ended with {code}: {self._log.read_text(errors='replace')[-2000:]}")


@contextmanager
def watched(command: list[str], log: Path) -> Iterator[Process]:
    """Run a command during the test, with its output in `log`."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
    try:
        yield Process(process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


class Prometheus(Process):
    """A scraping Prometheus server."""

    def __init__(self, process: subprocess.Popen[bytes], client: httpx.AsyncClient, log: Path) -> None:
        super().__init__(process, log)
        self._client = client

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of an expression."""
        answer = await self._client.get("/api/v1/query", params={"query": expression})
        body = answer.json()
        assert body["status"] == "success", f"{expression}: {body.get('error')}"
        result = body["data"]["result"]
        if body["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        assert isinstance(result, list)
        return result

    async def value(self, expression: str) -> float | None:
        """The first value of an expression; None when there is none."""
        found = await self.query(expression)
        return float(found[0]["value"][1]) if found else None

    async def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        answer = await self._client.get("/api/v1/alerts")
        return {alert["labels"]["alertname"] for alert in answer.json()["data"]["alerts"] if alert["state"] == "firing"}

    async def ready(self) -> None:
        async def answers() -> bool:
            try:
                return (await self._client.get("/-/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await self.until(answers, "itself ready")


def _launched(
    binary: str, folder: Path, targets: list[int], rules: str | None, port: int, log: Path
) -> subprocess.Popen[bytes]:
    folder.mkdir()
    files = ""
    if rules is not None:
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        files = "rule_files: [rules.yml]\n"
    hosts = ", ".join(f"'127.0.0.1:{port}'" for port in targets)
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n{files}scrape_configs:\n"
        f"  - job_name: acra-express\n    static_configs: [{{targets: [{hosts}]}}]\n",
        encoding="utf-8",
    )
    with log.open("wb") as sink:
        return subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=sink,
            stderr=sink,
        )


@asynccontextmanager
async def scraping(
    binary: str, folder: Path, targets: list[int], rules: str | None = None
) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes loopback ports and evaluates rules (given as text) every second."""
    port = free_port()
    log = folder / "log"
    process = _launched(binary, folder, targets, rules, port, log)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            prometheus = Prometheus(process, client, log)
            await prometheus.ready()
            yield prometheus
    finally:
        process.terminate()
        process.wait(timeout=30)


async def browse(chromium: str, *arguments: str) -> str:
    """Run a headless browser and return its output."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--no-first-run",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
