"""Traces over OTLP/HTTP with OpenTelemetry's SDK, set by the standard ``OTEL_*`` variables.

The SDK exports on a separate thread, from a queue that drops spans when it is full (OTEL_BSP_MAX_QUEUE_SIZE, 2,048 by
default). No library is instrumented: spans come from our code alone. Needs the extra ``otel``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode

from acra_express_async import __version__
from acra_express_async.errors import ConfigError
from acra_express_async.traces import Fact, allowed

CLOSE_SECONDS = 2.0
"""How long the last spans may take to leave; a collector that is away must not hold up the stop."""


class OpenSpan:
    """A span to which facts can be added."""

    def __init__(self, span: Span, *, company: bool) -> None:
        self._span = span
        self._company = company

    def note(self, facts: Mapping[str, Fact]) -> None:
        for name, value in allowed(facts, company=self._company).items():
            self._span.set_attribute(name, value)


class OtlpTracer:
    """Opens spans, and puts their IDs into the log lines that are written meanwhile.

    Args:
        exporter: where spans go; see `exporter_of_environment`.
        company: whether spans say which company they are about.
        revision: of the source, for the resource.
    """

    def __init__(self, exporter: SpanExporter, *, company: bool, revision: str) -> None:
        self._provider = TracerProvider(resource=_resource(revision), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("acra_express_async", __version__)
        self._company = company

    @contextmanager
    def span(self, name: str, facts: Mapping[str, Fact]) -> Iterator[OpenSpan]:
        """A span inside the one that is open. An exception leaves its type, never its message."""
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT if name == "send" else SpanKind.INTERNAL,
            attributes=allowed(facts, company=self._company),
            record_exception=False,
            set_status_on_exception=False,
        ) as opened:
            ids = opened.get_span_context()
            with structlog.contextvars.bound_contextvars(
                trace_id=f"{ids.trace_id:032x}", span_id=f"{ids.span_id:016x}"
            ):
                try:
                    yield OpenSpan(opened, company=self._company)
                except BaseException as error:
                    opened.set_attribute("error.type", type(error).__name__)
                    opened.set_status(StatusCode.ERROR)
                    raise

    async def close(self) -> None:
        """Send the last spans, for at most `CLOSE_SECONDS`."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(sent.set)

        # a daemon: it must not keep the process alive
        threading.Thread(target=end, name="last-spans", daemon=True).start()
        async with asyncio.timeout(CLOSE_SECONDS):
            await sent.wait()


def _resource(revision: str) -> Resource:
    """Name and version of the service, where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are silent."""
    told = Resource.create()
    ours = {"service.name": "acra-express", "service.version": f"{__version__}+{revision}"}
    if str(told.attributes.get("service.name", "")).startswith("unknown_service"):
        return told.merge(Resource(ours))
    return Resource(ours).merge(told)


def exporter_of_environment() -> OTLPSpanExporter:
    """The exporter that the ``OTEL_EXPORTER_OTLP_*`` variables describe.

    Raises:
        ConfigError: one of them has a value that it cannot use.
    """
    try:
        return OTLPSpanExporter()
    except (ValueError, TypeError, OSError) as wrong:
        raise ConfigError(f"the OTEL_EXPORTER_OTLP variables describe no usable exporter: {wrong}") from wrong
