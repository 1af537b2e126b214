"""What traces cost: the figures of `ceiling` without their calls, with traces off, and with traces on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from otlp_receiver import Receiver, drawn, receiver

from .ceiling import WARM_UP, Figures, bench

WORKERS = 2
HEADER = ("traces", "service CPU ms", "/ without", "companies/s", "/ without", "spans a company")
_SERVICE = ("-m", "acra_express_async")


@dataclass(frozen=True, slots=True)
class Arm:
    """A way to run the service: a name, what the interpreter runs, and further settings."""

    name: str
    program: Sequence[str]
    extra: Mapping[str, str]


def arms(collector: str) -> tuple[Arm, ...]:
    """The first one is what the others are compared with."""
    return (
        Arm("without their calls", (str(Path(__file__).with_name("without_spans.py")),), {}),
        Arm("off", _SERVICE, {}),
        Arm("on", _SERVICE, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}),
    )


async def tracing(rounds: int, companies: int) -> tuple[list[tuple[str, ...]], str]:
    """Rows of `HEADER`, and the trace of one company as text; see `ratio`."""
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(receiver())
        made = await stack.enter_async_context(bench(rounds * 3 * (companies + WARM_UP), "0"))
        seen: list[list[Figures]] = [[] for _ in arms("")]
        for turn in range(rounds):
            order = list(enumerate(arms(collector.url)))
            for number, arm in order if turn % 2 == 0 else reversed(order):
                figures = await made.run(WORKERS, 1, companies, extra=arm.extra, program=arm.program)
                seen[number].append(figures)
    spans = len(collector.spans) / (rounds * (companies + WARM_UP))
    rows = [
        _row(arm.name, found, seen[0], spans if arm.name == "on" else 0.0)
        for arm, found in zip(arms(""), seen, strict=True)
    ]
    return rows, longest(collector)


def _row(name: str, found: Sequence[Figures], without: Sequence[Figures], spans: float) -> tuple[str, ...]:
    return (
        name,
        f"{median(each.service for each in found):.0f}",
        ratio([each.service for each in found], [each.service for each in without]),
        f"{median(each.a_second for each in found):.1f}",
        ratio([each.a_second for each in found], [each.a_second for each in without]),
        f"{spans:.0f}",
    )


def ratio(found: Sequence[float], without: Sequence[float]) -> str:
    """Median of the ratios within a round, and the least and the largest of them: ``1.04 (0.99 to 1.10)``."""
    ratios = [here / there for here, there in zip(found, without, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def longest(collector: Receiver) -> str:
    """The trace of the company with most spans, as text."""
    texts = ["\n".join(drawn(collector.spans, top)) for top in collector.named("company")]
    return max(texts, key=lambda text: text.count("\n"))
