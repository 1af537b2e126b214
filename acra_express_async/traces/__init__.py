"""Traces: one for each attempt at a job, with spans for its companies, their stages and the calls of providers.

Code opens a span with `span` and adds facts with `note`; both do nothing unless the attempt began inside
`Traces.batch` with a tracer. `otlp` is the only module that knows OpenTelemetry, and it is imported only when the
environment asks for traces.

A span carries facts of a fixed list, and their text must look like a code: an address, a name, a URL, the message of
an exception or the text of a page cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it takes OpenTelemetry, which is an extra
    from acra_express_async.traces.otlp import OpenSpan, OtlpTracer

Fact = bool | int | float | str

FACTS = frozenset(
    "attempt company_id end footer job_id job_type outcome provider reason sent tokens uen waited_seconds".split()
)
"""The names that a span may carry."""
OF_A_COMPANY = frozenset({"company_id", "uen"})
"""Those that say which company it was: only with TRACES__COMPANY."""
WITHHELD = "withheld"
_CODE = re.compile(r"[A-Za-z0-9_:-]{1,64}")
"""Without dots, blanks, slashes and ``@``: no address, domain, URL or sentence matches."""


_tracer: ContextVar[OtlpTracer | None] = ContextVar("acra_express_tracer", default=None)
_span: ContextVar[OpenSpan | None] = ContextVar("acra_express_span", default=None)


class Traces:
    """Begins a trace for each attempt.

    Args:
        tracer: None when nobody asked for traces.
    """

    def __init__(self, tracer: OtlpTracer | None = None) -> None:
        self._tracer = tracer

    @contextmanager
    def batch(self, **facts: Fact) -> Iterator[None]:
        """One trace; everything that runs inside it, also in other tasks and threads, belongs to it."""
        if self._tracer is None:
            yield
            return
        token = _tracer.set(self._tracer)
        try:
            with span("batch", **facts):
                yield
        finally:
            _tracer.reset(token)


@contextmanager
def span(name: str, **facts: Fact) -> Iterator[None]:
    """A span of the present trace, closed with the type of the exception that leaves it."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.span(name, facts) as opened:
        token = _span.set(opened)
        try:
            yield
        finally:
            _span.reset(token)


def note(**facts: Fact) -> None:
    """Add facts to the innermost open span."""
    opened = _span.get()
    if opened is not None:
        opened.note(facts)


def allowed(facts: Mapping[str, Fact], *, company: bool) -> dict[str, Fact]:
    """The facts that may leave the process, by the names under which they leave it.

    Raises:
        KeyError: a name is not on the list (a mistake in our code).
    """
    found: dict[str, Fact] = {}
    for name, value in facts.items():
        if name not in FACTS:
            raise KeyError(name)
        if name in OF_A_COMPANY and not company:
            continue
        fits = not isinstance(value, str) or value == "" or _CODE.fullmatch(value)
        found[f"acra_express.{name}"] = value if fits else WITHHELD
    return found
