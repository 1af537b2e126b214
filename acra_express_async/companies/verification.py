"""Verifies a company's best addresses: stored results first, then a committed intent, one send, and its result.

What is known of the addresses is looked up in the statement that charges for the first of them and opens its intent.

ZeroBounce has no idempotency key, so the order matters. An intent without a result (after a crash or a time-out) counts
as spent, and the address stays unverified for a day, rather than being paid for twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from acra_express_async import logs
from acra_express_async.db.companies.verification_rows import Intent, LookedUp
from acra_express_async.errors import (
    CalledOff,
    DatabaseAway,
    Draining,
    LeaseLost,
    NotNow,
    ProviderError,
)
from acra_express_async.limits.scope import Looking, Scope
from acra_express_async.models import Email, EmailKind, VerificationResult

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

    def looked_up(self, known: Mapping[str, Any]) -> LookedUp:
        """The same, as it was found before a charge; empty where only an intent stands against the call."""
        ...

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        """An intent that the charge opens, unless something is known of an address `among`; none is open yet."""
        ...

    async def store(self, result: VerificationResult) -> None:
        """Store the result, which closes the intent."""
        ...

    async def withdraw(self, intent: Intent) -> None:
        """Take this very intent back, if it was opened: nothing was sent."""
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

    async def of(self, emails: Sequence[Email], scope: Scope) -> Verified:
        """The addresses that have not opted out, with results for the best of them, until one is conclusive.

        A provider's failure leaves the rest unverified.

        Raises:
            Draining, LeaseLost, StandBack: from the scope, before a send; the intent was taken back.
            DatabaseAway: before a send, and the intent was taken back or will be; or after one whose result could not
                be stored yet.
        """
        every = [email.address for email in emails]
        stored = LookedUp()
        addresses, notes = self._to_ask(emails, stored)
        if addresses:
            try:
                return await self._asked(emails, stored, addresses, notes, scope, every)
            except CalledOff as off:
                stored = self.store.looked_up(off.known)
        elif every:
            stored = await self.store.look_up(every)
        welcome = [email for email in emails if email.address not in stored.opted_out]
        addresses, notes = self._to_ask(welcome, stored)
        return await self._asked(welcome, stored, addresses, notes, scope)

    def _to_ask(self, emails: Sequence[Email], stored: LookedUp) -> tuple[Sequence[str], tuple[str, ...]]:
        """The addresses to ask for, best first, and why others stay unverified."""
        askable = self._askable(emails)
        if any(stored.results[address].usable for address in askable if address in stored.results):
            return (), ()
        addresses = [address for address in askable if address not in stored.results]
        if addresses and not self.verifier.configured:
            return (), ("verification_not_configured",)
        share = len(addresses) if self.fair_share is None else self.fair_share()
        return addresses[:share], ("verification_share_used",) if share < len(addresses) else ()

    def _askable(self, emails: Sequence[Email]) -> list[str]:
        allowed = [email.address for email in emails if self.personal or email.kind is not EmailKind.PERSON]
        return allowed[: self.max_addresses]

    async def _asked(
        self,
        emails: Sequence[Email],
        stored: LookedUp,
        addresses: Sequence[str],
        told: tuple[str, ...],
        scope: Scope,
        unknown: Sequence[str] = (),
    ) -> Verified:
        """Ask for one address after the other until one is usable or a call fails.

        Args:
            unknown: addresses that have not been looked up; the first charge does that.

        Raises:
            CalledOff: something is known of one of the `unknown` ones.
        """
        if addresses:
            await self._write_owed()
        known = {each: stored.results[each] for each in self._askable(emails) if each in stored.results}
        notes = list(told)
        for address in addresses:
            try:
                known[address] = await self._ask(self.store.intent(address, unknown), scope)
            except CalledOff as off:
                if unknown and "addresses" in off.known:
                    raise
                notes.append("verification_pending")
            except ProviderError as error:
                failed = f"verification_failed:{error.reason}"
                if unknown and not error.sent:
                    return await self._as_stored(emails, failed, scope)
                notes.append(failed)
                break
            else:
                if known[address].usable:
                    break
            unknown = ()
        checked = [replace(email, verification=known.get(email.address)) for email in emails]
        return Verified(tuple(sorted(checked, key=_rank)), tuple(notes))

    async def _as_stored(self, emails: Sequence[Email], failed: str, scope: Scope) -> Verified:
        """What is stored, where the first call was refused before its charge looked that up: by an open breaker, for
        want of a turn, or by a limit of zero."""
        stored = await self.store.look_up([email.address for email in emails])
        welcome = [email for email in emails if email.address not in stored.opted_out]
        left, notes = self._to_ask(welcome, stored)
        return await self._asked(welcome, stored, (), (*notes, failed) if left else notes, scope)

    async def _ask(self, intent: Intent, scope: Scope) -> VerificationResult:
        """One send under an intent that is committed with its charge; it is taken back whenever nothing can have been
        sent."""

        async def withdraw() -> None:
            await self.store.withdraw(intent)

        async def store() -> None:
            await self.store.store(result)

        try:
            result = await self.verifier.verify(intent.address, Looking(scope, intent.look))
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
