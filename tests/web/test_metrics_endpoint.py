"""/metrics in the format and coding that the scraper asks for; the build that runs is one of its series."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from acra_express_async import __version__
from acra_express_async.metrics import Metrics
from acra_express_async.runtime import build
from acra_express_async.runtime.health import Health
from acra_express_async.web import WebServer, build_app

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What a Prometheus server of 2026 sends without protobuf."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    metrics = Metrics(CollectorRegistry())
    metrics.running(revision="0123456789ab", postgresql="18.1")
    server = WebServer(build_app(health=Health(lambda: 0.0), metrics=metrics, status=dict), "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}/metrics"
    await server.stop()


async def scraped(url: str, **headers: str) -> tuple[bytes, str, str]:
    """Body as sent, content type, content coding."""
    asked = {"Accept-Encoding": "identity"} | headers
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url, headers=asked) as answer:
        assert answer.status == 200
        return await answer.read(), answer.headers["Content-Type"], answer.headers.get("Content-Encoding", "")


async def test_a_scraper_gets_openmetrics_when_it_asks(url: str) -> None:
    body, kind, _ = await scraped(url, Accept=PROMETHEUS_3)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    families = {family.name for family in open_metrics(body.decode())}
    assert {"acra_express_companies_processed", "acra_express_latency_seconds"} <= families


async def test_any_other_client_gets_the_text_format(url: str) -> None:
    body, kind, coding = await scraped(url)
    assert kind.startswith("text/plain; version=")
    assert coding == ""
    assert "acra_express_build_info" in {family.name for family in plain_text(body.decode())}


async def test_both_formats_hold_the_same_values(url: str) -> None:
    opened, _, _ = await scraped(url, Accept=PROMETHEUS_3)
    plain, _, _ = await scraped(url)

    def samples(families: object) -> set[str]:
        return {sample.name for family in families for sample in family.samples}  # type: ignore[attr-defined]

    assert samples(open_metrics(opened.decode())) == samples(plain_text(plain.decode()))


async def test_a_scrape_is_compressed_when_the_client_can(url: str) -> None:
    packed, _, coding = await scraped(url, **{"Accept-Encoding": "gzip"})
    plain, _, _ = await scraped(url)
    assert coding == "gzip"
    assert len(packed) < len(plain) / 4
    assert b"acra_express_latency_seconds_bucket" in gzip.decompress(packed)


async def test_no_series_tells_when_it_was_created(url: str) -> None:
    for accept in (PROMETHEUS_3, "text/plain"):
        body, _, _ = await scraped(url, Accept=accept)
        assert not re.findall(rb"(?m)^\w+_created\b", body)


async def test_the_build_names_source_python_and_server(url: str) -> None:
    body, _, _ = await scraped(url)
    [family] = [family for family in plain_text(body.decode()) if family.name == "acra_express_build_info"]
    [sample] = family.samples
    assert re.fullmatch(r"3\.\d+\.\d+\S*", sample.labels.pop("python"))
    assert sample.labels == {"version": __version__, "revision": "0123456789ab", "postgresql": "18.1"}


def test_a_checkout_has_no_revision_to_show() -> None:
    assert re.fullmatch(r"unknown|[0-9a-f]{7,12}", build.revision())
    assert build.description().startswith(f"{__version__} (revision ")
