"""Traces of the real service, received over OTLP: what they show, what they never say, and what they never delay."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from otlp_receiver import Receiver, drawn, receiver
from process import Process, Stage, acra_express, stage

from acra_express_async.errors import ConfigError
from acra_express_async.service.tracing import open_traces
from acra_express_async.settings.library_names import traces_wanted
from acra_express_async.settings.tree import load_settings
from acra_express_async.traces import Traces, allowed, note, span

STAGES = {"search", "read", "extract", "verify", "save"}


@pytest.fixture
async def collector() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


@pytest.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as made:
        yield made


async def enriched(standing: Stage, collector: Receiver, **settings: str) -> tuple[Process, list[dict[str, Any]]]:
    """The service after it looked at four companies and stopped, and their log lines."""
    standing.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
    service = await standing.start(**settings)
    await service.event("traces.on")
    await standing.enqueue({"uens": standing.uens[:4]})
    ended = [await service.event("company.ended") for _ in range(4)]
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    return service, ended


def facts(one: Any) -> dict[str, str]:
    return {entry.key: str(entry.value).strip() for entry in one.attributes}


def words(spans: list[Any]) -> Iterator[str]:
    """Every text that spans carry."""
    for one in spans:
        yield one.name
        yield one.status.message
        for entry in one.attributes:
            yield entry.value.string_value
        for event in one.events:
            yield event.name
            yield from (entry.value.string_value for entry in event.attributes)


async def test_a_batch_is_one_trace_with_a_span_for_each_step(standing: Stage, collector: Receiver) -> None:
    await enriched(standing, collector)
    by_id = {one.span_id: one for one in collector.spans}
    batches = collector.named("batch")
    assert {facts(one)["acra_express.job_type"] for one in batches} == {
        'string_value: "acra_express_staging_upsert"',
        'string_value: "acra_express_enrich_candidates"',
    }
    assert len({one.trace_id for one in batches}) == len(batches)
    companies = collector.named("company")
    assert len(companies) == 4
    for company in companies:
        assert by_id[company.parent_span_id].name == "batch"
        assert by_id[company.parent_span_id].trace_id == company.trace_id
    assert {by_id[one.parent_span_id].name for one in collector.named("call")} <= {"search", "read", "verify"}
    assert {by_id[one.parent_span_id].name for one in collector.named("send")} == {"call"}
    assert {one.name for one in collector.spans} == {"batch", "company", "call", "send", *STAGES}
    assert {resource["service.name"] for resource in collector.resources} == {"acra-express"}
    print("\n".join(drawn(collector.spans, companies[0])))


async def test_log_lines_carry_the_ids_of_the_trace(standing: Stage, collector: Receiver) -> None:
    _, ended = await enriched(standing, collector)
    traces = {one.trace_id.hex() for one in collector.named("company")}
    assert {line["trace_id"] for line in ended} == traces
    assert {line["span_id"] for line in ended} == {one.span_id.hex() for one in collector.named("company")}


async def test_a_span_says_nothing_about_company_or_person(standing: Stage, collector: Receiver) -> None:
    await enriched(standing, collector)
    told = set(words(collector.spans))
    assert not {word for word in told for mark in ("@", "/", ".", " ") if mark in word}
    assert not told & set(standing.uens)
    assert not any("acra_express.uen" in facts(one) for one in collector.spans)
    rows = await standing.owner.fetch("SELECT website_domain FROM companies WHERE website_domain IS NOT NULL")
    assert rows, "nothing was found, so the test shows nothing"
    assert "withheld" not in told


async def test_the_uen_is_there_only_when_it_was_asked_for(standing: Stage, collector: Receiver) -> None:
    await enriched(standing, collector, TRACES__COMPANY="true")
    told = {facts(one)["acra_express.uen"] for one in collector.named("company")}
    assert told == {f'string_value: "{uen}"' for uen in standing.uens[:4]}


async def test_a_collector_that_hangs_delays_neither_work_nor_stop(standing: Stage, collector: Receiver) -> None:
    collector.answering.clear()
    service, ended = await enriched(standing, collector)
    assert len(ended) == 4
    assert any('"service.stopped"' in line for line in service.lines)


async def test_nothing_of_opentelemetry_is_imported_when_off(tmp_path: Path) -> None:
    """In a new process that imports what `run` imports."""
    program = (
        "import sys, asyncio; from acra_express_async.service import preload, run;"
        "from acra_express_async.service.preload import preload; asyncio.run(preload());"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_turn_traces_on_and_off(environ: dict[str, str], wanted: bool) -> None:
    assert traces_wanted(environ) is wanted


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT is collector:4317"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc",
        ),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        traces_wanted(environ)


async def test_a_wrong_endpoint_exits_78_with_one_sentence() -> None:
    code, _, err = await acra_express(
        "run",
        POSTGRES_DSN="postgresql://nobody@127.0.0.1:1/none",
        OTEL_EXPORTER_OTLP_ENDPOINT="collector:4317",
    )
    assert code == 78
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is collector:4317" in err.strip().splitlines()[-1]
    assert "Traceback" not in err


def test_traces_are_off_where_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acra_express_async.service.tracing.load_otlp", lambda: None)
    settings = load_settings({"POSTGRES_DSN": "postgresql://user@host/db"})
    _, closers = open_traces(settings, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert closers == []


def test_a_fact_outside_the_list_is_refused() -> None:
    with pytest.raises(KeyError):
        allowed({"address": "info"}, company=True)


@pytest.mark.parametrize(
    "text", ["jane@x.sg", "https://x.sg/a", "x.com.sg", "Tan Ah Kow", "no answer: timeout", "x" * 65]
)
def test_text_that_is_no_code_is_withheld(text: str) -> None:
    assert allowed({"reason": text}, company=True) == {"acra_express.reason": "withheld"}


def test_spans_outside_a_trace_do_nothing() -> None:
    with Traces().batch(job_id=1), span("company"):
        note(outcome="enriched")
    assert json.dumps(allowed({"reason": "", "sent": True}, company=False))
