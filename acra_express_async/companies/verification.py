"""Verifies a company's best addresses: stored results first, then a committed intent, one send, and its result.

ZeroBounce has no idempotency key, so the order matters. An intent without a result (after a crash or a time-out) counts
as spent, and the address stays unverified for a day, rather than being paid for twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from acra_express_async import logs
from acra_express_async.db.companies.verification_rows import LookedUp
from acra_express_async.errors import DatabaseAway, Draining, LeaseLost, NotNow, ProviderError
from acra_express_async.models import Email, EmailKind, Scope, VerificationResult

log = logs.logger("verification")

WRITE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries to write what must not be lost while the database is away: a quarter of a minute, which is a
restart or a failover of the server, and well within the lease."""
MOST_OWED = 1000

Write = Callable[[], Awaitable[None]]


class Verifier(Protocol):
    """The provider that says whether an address takes mail: ZeroBounce, and in tests a table."""

    @property
    def configured(self) -> bool:
        """False when there is no key: nothing is sent and addresses stay unverified."""
        ...

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        """One paid request."""
        ...


class VerificationStore(Protocol):
    """Stored results, and intents to verify: db/companies/verification_rows.py, and in tests a dict."""

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        """Definitive results that are still recent enough, and which addresses have opted out."""
        ...

    async def open_intent(self, address: str) -> datetime | None:
        """Commit the intent to send; None when it must not be sent now. The moment identifies the intent."""
        ...

    async def store(self, result: VerificationResult) -> None:
        """Store the result, which closes the intent."""
        ...

    async def withdraw(self, address: str, opened_at: datetime) -> None:
        """Take this very intent back: nothing was sent."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """The addresses with their results; `notes` say why some are unverified."""

    emails: tuple[Email, ...]
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True, eq=False, repr=False)
class Verification:
    """Verifies the best addresses of one company.

    Args:
        verifier: the provider.
        store: stored results and intents.
        max_addresses: how many of a company's addresses may be verified.
        personal: whether a person's address may be sent to the verifier. Such addresses are always part of the outcome
            and marked as such; only a keyed hash of them is stored unless the setting is on.
        fair_share: how many a company may use now, so that the day's share reaches all of the day's companies; cached
            results are free. No further limit when None.
        pause: waits, in seconds.
    """

    verifier: Verifier
    store: VerificationStore
    max_addresses: int
    personal: bool
    fair_share: Callable[[], int] | None = None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._owed: deque[Write] = deque(maxlen=MOST_OWED)

    async def of(
        self, emails: Sequence[Email], scope: Scope, stored: Mapping[str, VerificationResult] | None = None
    ) -> Verified:
        """Results for the best addresses, until one is conclusive. A provider's failure leaves the rest unverified.

        Args:
            stored: the results that `look_up` gave for these addresses; looked up here where None.

        Raises:
            Draining, LeaseLost, StandBack: from the scope, before a send; the intent was taken back.
            DatabaseAway: before a send, and the intent was taken back or will be; or after one whose result could not
                be stored yet.
        """
        askable = self._askable(emails)
        if stored is None:
            stored = (await self.store.look_up([email.address for email in askable])).results
        known = {email.address: stored[email.address] for email in askable if email.address in stored}
        notes: tuple[str, ...] = ()
        if not any(result.usable for result in known.values()):
            fresh, notes = await self._asked([e.address for e in askable if e.address not in known], scope)
            known |= fresh
        checked = [replace(email, verification=known.get(email.address)) for email in emails]
        return Verified(tuple(sorted(checked, key=_rank)), notes)

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        """What is stored about these addresses, in one query."""
        return await self.store.look_up(addresses)

    async def _asked(
        self, addresses: Sequence[str], scope: Scope
    ) -> tuple[dict[str, VerificationResult], tuple[str, ...]]:
        """New results until one is usable or a call fails, and why addresses stayed unverified."""
        if addresses and not self.verifier.configured:
            return {}, ("verification_not_configured",)
        await self._write_owed()
        fresh: dict[str, VerificationResult] = {}
        notes: list[str] = []
        share = len(addresses) if self.fair_share is None else self.fair_share()
        if share < len(addresses):
            notes.append("verification_share_used")
        for address in addresses[:share]:
            opened_at = await self.store.open_intent(address)
            if opened_at is None:
                notes.append("verification_pending")
                continue
            try:
                fresh[address] = await self._ask(address, opened_at, scope)
            except ProviderError as error:
                notes.append(f"verification_failed:{error.reason}")
                return fresh, tuple(notes)
            if fresh[address].usable:
                break
        return fresh, tuple(notes)

    def _askable(self, emails: Sequence[Email]) -> list[Email]:
        allowed = [email for email in emails if self.personal or email.kind is not EmailKind.PERSON]
        return allowed[: self.max_addresses]

    async def _ask(self, address: str, opened_at: datetime, scope: Scope) -> VerificationResult:
        """One send under a committed intent; the intent is taken back whenever nothing can have been sent."""

        async def withdraw() -> None:
            await self.store.withdraw(address, opened_at)

        async def store() -> None:
            await self.store.store(result)

        try:
            result = await self.verifier.verify(address, scope)
        except ProviderError as error:
            if not error.sent:
                await self._written(withdraw)
            raise
        except (Draining, LeaseLost, NotNow):
            # the scope, the breaker and the charge raise before anything is sent
            await self._written(withdraw)
            raise
        if not await self._written(store):
            raise DatabaseAway("the result of a verification could not be stored yet")
        return result

    async def _written(self, write: Write) -> bool:
        """Whether it could be written now. If not, it is written when the database is next needed here."""
        for pause in (*WRITE_PAUSES, None):
            try:
                await write()
            except NotNow as away:
                log.warning("verification.unwritten", why=str(away))
            else:
                return True
            if pause is not None:
                await self.pause(pause)
        self._owed.append(write)
        return False

    async def _write_owed(self) -> None:
        while self._owed:
            write = self._owed.popleft()
            try:
                await write()
            except NotNow:
                self._owed.appendleft(write)
                raise


def _rank(email: Email) -> int:
    # sorting is stable, so the order of the extraction is kept within each rank
    if email.verification is None or email.verification.status == "unknown":
        return 1
    return 0 if email.verification.usable else 2
