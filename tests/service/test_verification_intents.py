"""An intent to verify bars its address only if something may have been sent, also when the database is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from acra_express_async.companies.verification import WRITE_PAUSES, Verification
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.companies.verification_rows import Intent, LookedUp, VerificationRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import CalledOff, DatabaseAway, LeaseLost, LockBusy
from acra_express_async.limits import Allowance, Ask, Halt
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Email, EmailKind, Provider, VerificationResult
from acra_express_async.providers.base import Unscoped

ADDRESS = "info@firm.com.sg"
VERIFICATIONS = Allowance(Provider.ZEROBOUNCE, "verifications_1d", 500, 1, timedelta(days=1), timedelta(seconds=40))
MAIL = Email(ADDRESS, EmailKind.ROLE, "https://firm.com.sg/")


class Verifier:
    """Charges as the real one does, then raises `error` before anything is sent, as the scope does; else it answers."""

    configured = True

    def __init__(self, ledger: BudgetLedger) -> None:
        self.ledger = ledger
        self.error: Exception | None = None
        self.sent = 0

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        charged = await self.ledger.charge([Ask(VERIFICATIONS, 1)], scope.limits, scope.look)
        if isinstance(charged, Halt):
            assert charged.known is not None
            raise CalledOff(charged.known)
        if self.error is not None:
            raise self.error
        self.sent += 1
        return VerificationResult(address, "valid")


class Desk:
    """Verification over the real rows; while `away` says so, nothing can be written."""

    def __init__(self, rows: VerificationRows, ledger: BudgetLedger) -> None:
        self.rows = rows
        self.away = 0
        self.verifier = Verifier(ledger)
        self.verification = self.another()

    def another(self) -> Verification:
        """The same of another process."""
        return Verification(verifier=self.verifier, store=self, max_addresses=2, personal=False, pause=self._pause)  # type: ignore[arg-type]

    async def _pause(self, _seconds: float) -> None:
        """No time passes."""

    async def _written(self, write: Callable[..., Awaitable[None]], *values: Any) -> None:
        if self.away:
            self.away -= 1
            raise DatabaseAway("PostgreSQL is away")
        await write(*values)

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return await self.rows.look_up(addresses)

    def looked_up(self, known: Mapping[str, Any]) -> LookedUp:
        return self.rows.looked_up(known)

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        return self.rows.intent(address, among)

    async def store(self, result: VerificationResult) -> None:
        await self._written(self.rows.store, result)

    async def withdraw(self, intent: Intent) -> None:
        await self._written(self.rows.withdraw, intent)


@pytest_asyncio.fixture
async def desk(database: Database) -> Desk:
    async with database.session() as connection:
        shape, hashes = await probe(connection), await load_address_hash(connection)
    return Desk(VerificationRows(database, shape=shape, hashes=hashes, cache_days=90), BudgetLedger(database))


UNSENT = [
    DatabaseAway("the charge could not be made"),
    LockBusy("gave way", reason="lock_timeout", retry_after=None),  # type: ignore[arg-type]
    LeaseLost("the lease could have lapsed"),
]


@pytest.mark.parametrize("error", UNSENT, ids=["away", "lock", "lease"])
@pytest.mark.parametrize("failures", [0, 1, len(WRITE_PAUSES)])
async def test_an_intent_without_a_send_is_withdrawn(desk: Desk, error: Exception, failures: int) -> None:
    desk.verifier.error, desk.away = error, failures
    with pytest.raises(type(error)):
        await desk.verification.of([MAIL], Unscoped())
    desk.verifier.error = None
    found = await desk.another().of([MAIL], Unscoped())
    assert (found.notes, desk.verifier.sent) == ((), 1)


async def test_a_withdrawal_that_could_not_be_written_is_made_up_for(desk: Desk) -> None:
    desk.verifier.error, desk.away = UNSENT[0], 100
    with pytest.raises(DatabaseAway):
        await desk.verification.of([MAIL], Unscoped())
    desk.verifier.error, desk.away = None, 0
    found = await desk.verification.of([MAIL], Unscoped())
    assert (found.notes, desk.verifier.sent) == ((), 1)


async def test_a_result_that_was_paid_for_is_stored_when_it_can_be(desk: Desk) -> None:
    desk.away = 2
    found = await desk.verification.of([MAIL], Unscoped())
    assert found.emails[0].verification is not None
    assert ADDRESS in (await desk.rows.look_up([ADDRESS])).results
    assert desk.verifier.sent == 1


async def test_a_result_that_cannot_be_stored_is_not_paid_for_twice(desk: Desk) -> None:
    desk.away = 100
    with pytest.raises(DatabaseAway):
        await desk.verification.of([MAIL], Unscoped())
    other = await desk.another().of([MAIL], Unscoped())
    assert other.notes == ("verification_pending",)
    desk.away = 0
    await desk.verification.of([Email("sales@firm.com.sg", EmailKind.ROLE, "https://firm.com.sg/")], Unscoped())
    assert ADDRESS in (await desk.rows.look_up([ADDRESS])).results
    assert desk.verifier.sent == 2
