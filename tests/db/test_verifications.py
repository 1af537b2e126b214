"""No verification is paid for twice: intents before the send, answers after it, and the platform's cache."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from server_defaults import under_any_defaults

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.verification_rows import Intent, VerificationRows
from acra_express_async.db.schema.platform_shape import PlatformShape, probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.models import VerificationResult

from .builders import advance

pytestmark = under_any_defaults

ADDRESS = "Info@lotus.com.sg"


@pytest_asyncio.fixture
async def verdicts(database: Database, shape: PlatformShape, hashes: AddressHash) -> VerificationRows:
    return VerificationRows(database, shape=shape, hashes=hashes, cache_days=90)


async def opened(verdicts: VerificationRows, address: str) -> Intent | None:
    """An intent that was opened, None if it must not be."""
    intent = verdicts.intent(address)
    async with verdicts._database.session() as connection:
        done = await connection.fetchval("SELECT acra_express.open_intent($1)", intent.look.asked["intent"])
    return intent if done else None


async def test_an_intent_without_an_answer_blocks_resending_for_a_day(
    verdicts: VerificationRows, owner: Connection
) -> None:
    assert await opened(verdicts, ADDRESS)
    assert not await opened(verdicts, ADDRESS.lower())
    assert (await verdicts.look_up([ADDRESS])).results.get(ADDRESS) is None
    await advance(owner, 23.9)
    assert not await opened(verdicts, ADDRESS)
    await advance(owner, 24.1)
    assert await opened(verdicts, ADDRESS)
    assert not await opened(verdicts, ADDRESS)


async def test_only_one_of_many_concurrent_senders_may_send(verdicts: VerificationRows) -> None:
    answers = await asyncio.gather(*(opened(verdicts, ADDRESS) for _ in range(8)))
    assert sum(answer is not None for answer in answers) == 1


async def test_an_answer_is_reused_until_it_expires(verdicts: VerificationRows, owner: Connection) -> None:
    assert await opened(verdicts, ADDRESS)
    await verdicts.store(VerificationResult(ADDRESS, "do_not_mail", "role_based"))
    cached = (await verdicts.look_up([ADDRESS.upper()])).results.get(ADDRESS.upper())
    assert cached is not None
    assert (cached.status, cached.sub_status, cached.source) == ("do_not_mail", "role_based", "zerobounce-cache")
    assert cached.usable
    assert cached.checked_at is not None
    assert not await opened(verdicts, ADDRESS)
    await advance(owner, 24 * 91)
    assert (await verdicts.look_up([ADDRESS])).results.get(ADDRESS) is None
    assert await opened(verdicts, ADDRESS)


async def test_unknown_is_never_cached_and_waits_for_hours(verdicts: VerificationRows, owner: Connection) -> None:
    assert await opened(verdicts, ADDRESS)
    await verdicts.store(VerificationResult(ADDRESS, "unknown", "mail_server_temporary_error"))
    assert (await verdicts.look_up([ADDRESS])).results.get(ADDRESS) is None
    assert not await opened(verdicts, ADDRESS)
    await advance(owner, 6.1)
    assert await opened(verdicts, ADDRESS)


async def test_an_intent_can_be_withdrawn_but_an_answer_cannot(verdicts: VerificationRows) -> None:
    first = await opened(verdicts, ADDRESS)
    assert first is not None
    await verdicts.withdraw(first)
    second = await opened(verdicts, ADDRESS)
    assert second is not None
    await verdicts.withdraw(first)
    assert not await opened(verdicts, ADDRESS), "the intent of somebody else stays"
    await verdicts.store(VerificationResult(ADDRESS, "valid"))
    await verdicts.withdraw(second)
    assert (await verdicts.look_up([ADDRESS])).results.get(ADDRESS) is not None


@pytest.mark.parametrize(
    ("status", "age", "usable"),
    [("valid", 1, True), ("unknown", 1, None), ("valid", 91, None), ("invalid", 1, False)],
)
async def test_the_verification_cache_of_the_platform_is_read(
    verdicts: VerificationRows, owner: Connection, status: str, age: int, usable: bool | None
) -> None:
    await owner.execute(
        "INSERT INTO email_verification_cache VALUES ('info@lotus.com.sg', $1, 0, $2)",
        status,
        datetime.now(UTC) - timedelta(days=age),
    )
    cached = (await verdicts.look_up([ADDRESS])).results.get(ADDRESS)
    assert (cached.usable if cached else None) is usable


async def test_a_platform_without_a_verification_cache_is_accepted(
    database: Database, owner: Connection, hashes: AddressHash
) -> None:
    await owner.execute("DROP TABLE email_verification_cache")
    verdicts = VerificationRows(database, shape=await probe(owner), hashes=hashes, cache_days=90)
    assert (await verdicts.look_up([ADDRESS])).results.get(ADDRESS) is None


async def test_our_table_contains_no_plain_address(verdicts: VerificationRows, owner: Connection) -> None:
    await opened(verdicts, ADDRESS)
    await verdicts.store(VerificationResult(ADDRESS, "valid"))
    assert (
        "lotus" not in str(await owner.fetchval("SELECT jsonb_agg(v)::text FROM acra_express.verifications v")).lower()
    )
