"""Live or not, a person or not: Python and SQL give the same answer for every status word."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.registry.ssic_codes import fill_codes
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.params import Campaign, StagingParams
from acra_express_async.registry.eligibility import is_live, is_sole_proprietor, may_be_live

from .builders import a_registry_row

STATUSES = (
    "Live Company",
    "Live",
    "Live (Receiver or Receiver and Manager appointed)",
    "Struck Off",
    "Terminated",
    "Cancelled",
    "Cancelled (Non-Renewal)",
    "Cancellation In Progress",
    "Ceased Registration",
    "Gazetted To Be Struck Off",
    "Converted To LLP",
    "In Liquidation - Compulsory Winding Up (Insolvency)",
    "In Liquidation - Creditors' Voluntary Winding Up",
    "Dissolved - Members' Voluntary Winding Up",
    "Amalgamated",
    "expired",
    "Suspended",
    "Registered",
    "Deregistered",
    "R",
    "D",
    "Existing",
    "Not Live",
    "Registered elsewhere",
    "na",
    "n/a",
    "-",
    "",
    "nap",
    "\u017fole",  # a long s, which some case-insensitive comparisons treat as an s
    "L\u0130VE",
)
TYPES = (
    "Local Company",
    "Business",
    "BN",
    "Sole Proprietorship/ Partnership",
    "Limited Liability Partnership",
    "na",
    "",
)
CONSTITUTIONS = ("na", "n/a", "-", "", "Sole-Proprietor", "Sole Proprietor", "Partnership", "Partner Sole")


def spellings(word: str) -> set[str]:
    """The spellings in files of different origin."""
    cases = {word, word.upper(), word.lower()}
    return {f"{before}{each}{after}" for each in cases for before, after in (("", ""), (" ", "\t"), ("\u00a0", "\n"))}


async def members(connection: Connection) -> dict[str, bool]:
    await fill_codes(connection, ["33120"])
    rows = await connection.fetch("SELECT uen, sole_proprietor FROM acra_express.code_members WHERE code = '33120'")
    return {row["uen"]: row["sole_proprietor"] for row in rows}


async def test_sql_lists_exactly_the_rows_called_live(owner: Connection, database: Database) -> None:
    words = [*sorted(set().union(*map(spellings, STATUSES))), None]
    for number, word in enumerate(words):
        await a_registry_row(owner, f"2019{number:05d}K", entity_status_description=word)
    async with database.session() as connection:
        listed = await members(connection)
    by_sql = [word for number, word in enumerate(words) if f"2019{number:05d}K" in listed]
    assert by_sql == [word for word in words if is_live(word)]
    assert len(by_sql) > 30


async def test_sql_and_python_call_the_same_rows_persons(owner: Connection, database: Database) -> None:
    kinds, constitutions = ({None}.union(*map(spellings, words)) for words in (TYPES, CONSTITUTIONS))
    pairs = sorted(product(kinds, constitutions), key=str)
    await owner.executemany(
        """
        INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code,
                                            entity_type_description, business_constitution_description)
        VALUES ($1, 'X', 'Live', 33120, $2, $3)
        """,
        [(f"2019{number:05d}K", *pair) for number, pair in enumerate(pairs)],
    )
    async with database.session() as connection:
        listed = await members(connection)
    wrong = [pair for number, pair in enumerate(pairs) if listed[f"2019{number:05d}K"] is not is_sole_proprietor(*pair)]
    assert not wrong
    assert set(listed.values()) == {True, False}


@pytest.mark.parametrize("status", ["", "na", "NA", None, " - "])
async def test_a_silent_status_is_eligible_by_uen_only(
    owner: Connection, database: Database, status: str | None
) -> None:
    await a_registry_row(owner, "201900001K", entity_status_description=status)
    await a_registry_row(owner, "201900002K", entity_status_description="Live")
    selection = Selection(
        database, shape=await probe(owner), include_sole_proprietors=False, recheck_days=7, hold_nights=2
    )
    campaign = Campaign(id=1, enqueued_at=datetime.now(UTC))
    asked = await selection.pick(StagingParams(uens=["201900001K"]), campaign, 5)
    assert [row.uen for row in asked.rows] == ["201900001K"]
    selected = await selection.pick(StagingParams(ssic_codes=["33120"]), campaign, 5)
    assert [row.uen for row in selected.rows] == ["201900002K"]
    assert may_be_live(status)


async def test_a_company_that_is_gone_is_refused_by_uen(owner: Connection, database: Database) -> None:
    await a_registry_row(owner, "201900001K", entity_status_description="Struck Off")
    selection = Selection(
        database, shape=await probe(owner), include_sole_proprietors=False, recheck_days=7, hold_nights=2
    )
    asked = await selection.pick(StagingParams(uens=["201900001K"]), Campaign(id=1, enqueued_at=datetime.now(UTC)), 5)
    assert asked.refused == (("201900001K", "not live (Struck Off)"),)
