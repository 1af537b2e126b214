"""Whether this process has traces, and the tracer if it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acra_express_async import logs
from acra_express_async.runtime.build import revision
from acra_express_async.runtime.supervisor import Closer
from acra_express_async.settings.library_names import traces_wanted
from acra_express_async.settings.tree import Settings
from acra_express_async.traces import Traces
from acra_express_async.traces.extra import load_otlp

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = logs.logger("traces")


def open_traces(settings: Settings, environ: Mapping[str, str] | None = None) -> tuple[Traces, list[Closer]]:
    """The traces of this process and how to close them; nothing is imported unless the environment asks for traces.

    Raises:
        ConfigError: an OTEL_ variable has a value that cannot be used.
    """
    if not traces_wanted(environ):
        return Traces(), []
    otlp = load_otlp()
    if otlp is None:
        log.warning("traces.off", why="an OTEL_EXPORTER_OTLP endpoint is set, but the extra `otel` is not installed")
        return Traces(), []
    exporter: SpanExporter = otlp.exporter_of_environment()
    tracer = otlp.OtlpTracer(exporter, company=settings.traces.company, revision=revision())
    log.info("traces.on")
    return Traces(tracer), [Closer("traces", tracer.close)]
