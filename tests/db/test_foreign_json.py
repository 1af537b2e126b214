"""What SQL makes of JSON that others wrote: bounded, never an error, never slow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acra_express_async.db.session.pool import Connection
from acra_express_async.params import MAX_BYTES

BIGINT = 2**63


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("5", 5),
        ("5.0", 5),
        ("-0", 0),
        (str(BIGINT - 1), BIGINT - 1),
        (str(-BIGINT), -BIGINT),
        (str(BIGINT), None),
        (str(-BIGINT - 1), None),
        ("1.5", None),
        ("1e30", None),
        ("1e100000", None),
        ("1e-16000", None),
        ('"5"', None),
        ("true", None),
        ("null", None),
        ("[5]", None),
        ('{"5": 5}', None),
    ],
)
async def test_only_a_whole_number_within_bigint_is_one(owner: Connection, text: str, whole: int | None) -> None:
    assert await owner.fetchval("SELECT acra_express.whole_number($1::text::jsonb)", text) == whole


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(value=ANY_JSON)
async def test_any_json_is_read_without_an_error(owner: Connection, value: Any) -> None:
    text = json.dumps(value).replace("\\u0000", "")
    if "\\ud" in text:  # half a character: jsonb refuses it
        return
    row = await owner.fetchrow(
        """
        SELECT acra_express.whole_number(v) AS whole, acra_express.length_of(v) AS length,
               acra_express.params_fault(v, $2) AS fault, v
        FROM (SELECT $1::text::jsonb AS v) given
        """,
        text,
        MAX_BYTES,
    )
    assert row is not None
    if isinstance(value, int) and not isinstance(value, bool) and -BIGINT <= value < BIGINT:
        assert row["whole"] == value
    assert row["length"] == (len(value) if isinstance(value, list) else 0)
    if isinstance(value, dict):
        assert row["fault"] in (None, "number_too_long")


FAULTS = [
    ('\'{"uens": ["x"]}\'', None),
    ("NULL", None),
    ("'null'", None),
    ("'[1]'", "no_object"),
    ("'7'", "no_object"),
    ("'{\"uens\": [\"' || repeat('x', 1048000) || '\"]}'", None),
    ("'{\"uens\": [\"' || repeat('x', 1049000) || '\"]}'", "too_long"),
    ("'{\"uens\": [\"' || repeat('x', 100000000) || '\"]}'", "too_long"),
    ("'{\"uens\": [0' || repeat(',0', 3000000) || ']}'", "too_long"),
    ("'{\"uens\": [0' || repeat(',0', 600000) || ']}'", "too_long"),
    ("'{\"limit\": 1e101}'", "number_too_long"),
    ("'{\"limit\": -1e100000}'", "number_too_long"),
    ("'{\"uens\": [0' || repeat(',1e131071', 60000) || ']}'", "number_too_long"),
    ("'{\"uens\": [0' || repeat(',0e-16383', 100000) || ']}'", "number_too_long"),
    ("'{\"uens\": [0' || repeat(',1e99', 200000) || ']}'", "too_long"),
    ("'{\"uens\": ' || repeat('[', 3000) || repeat(']', 3000) || '}'", None),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS, ids=[text[:40] for text, _ in FAULTS])
async def test_params_that_must_not_be_loaded_are_named(owner: Connection, text: str, fault: str | None) -> None:
    """Each within the statement's time-out, though some would print gigabytes."""
    await owner.execute(
        f"INSERT INTO background_jobs (job_type, status, params) VALUES ('x', 'queued', ({text})::text::jsonb)"
    )
    async with owner.transaction():
        await owner.execute("SET LOCAL statement_timeout = '5s'")
        found = await owner.fetchval("SELECT acra_express.params_fault(params, $1) FROM background_jobs", MAX_BYTES)
    assert found == fault
