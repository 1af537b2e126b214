"""The benchmark of the service's own limit: real services, the simulator in another process."""

from __future__ import annotations

from .ceiling import HEADER, WARM_UP, bench, cells

COMPANIES = 20


async def test_the_ceiling_counts_what_was_committed() -> None:
    async with bench(COMPANIES + WARM_UP, "0") as made:
        figures = await made.run(2, 1, COMPANIES)
        committed = await made.committed()
    assert committed == COMPANIES + WARM_UP
    assert min(figures.a_second, figures.service, figures.server, figures.simulator, figures.transactions) > 0
    assert len(cells([figures])) == len(HEADER) - 2
