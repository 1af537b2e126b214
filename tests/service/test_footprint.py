"""What a company costs the server: a limit that only a change with a reason may raise."""

from __future__ import annotations

from pathlib import Path

from footprint import TYPICAL, footprint

COMPANIES = 20
MOST_TRANSACTIONS = 13
"""A company of the sample takes 1.8 searches and 1.1 pages: 11 were measured, and 34 at first."""


async def test_a_company_costs_few_transactions(fresh_dsn: str, tmp_path: Path) -> None:
    seen = await footprint(fresh_dsn, tmp_path, COMPANIES)
    assert seen.companies == COMPANIES
    assert seen.usage.pages >= TYPICAL.pages, "the sample no longer reads pages"
    assert seen.each <= MOST_TRANSACTIONS
