"""Verifications of a day are spread over its companies: cached answers are free, the rest stays within the share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.verification_rows import Intent, LookedUp
from acra_express_async.errors import Blocked, CalledOff
from acra_express_async.limits import fair_share
from acra_express_async.limits.scope import Lookup, Scope
from acra_express_async.models import Email, EmailKind, JobLimits, Usage, VerificationResult


class Bounce:
    """A verifier that knows no address, and a store with the given entries."""

    configured = True

    def __init__(self, **known: str) -> None:
        self.known = {
            address.replace("_", "@"): VerificationResult(address, status) for address, status in known.items()
        }
        self.asked: list[str] = []

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        assert scope.look is not None
        if known := {each: self.known[each] for each in scope.look.asked["among"] if each in self.known}:
            raise CalledOff({"addresses": known})
        self.asked.append(address)
        return VerificationResult(address, "invalid")

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return LookedUp({each: self.known[each] for each in addresses if each in self.known})

    def looked_up(self, known: Mapping[str, Any]) -> LookedUp:
        return LookedUp(known["addresses"])

    def intent(self, address: str, among: Sequence[str] = ()) -> Intent:
        return Intent(address, "", Lookup({"among": among}))

    async def store(self, result: VerificationResult) -> None:
        self.known[result.address] = result

    async def withdraw(self, intent: Intent) -> None:
        raise AssertionError("nothing failed")


class Free:
    limits = JobLimits()
    look = None

    def check(self) -> None:
        """Allow everything."""

    def spent(self, cost: Usage) -> None:
        """Count nothing."""


class Refused(Bounce):
    """ZeroBounce behind an open breaker: each call is refused before its charge, which would look things up."""

    opted_out = frozenset({"hello@x.sg"})

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        raise Blocked("its breaker is open", provider="zerobounce", reason="breaker_open", sent=False)

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return replace(await super().look_up(addresses), opted_out=self.opted_out.intersection(addresses))

    def looked_up(self, known: Mapping[str, Any]) -> LookedUp:
        raise AssertionError("nothing was charged")

    async def withdraw(self, intent: Intent) -> None:
        """Nothing was opened."""


MAILS = [Email(f"{box}@x.sg", EmailKind.ROLE, "https://x.sg/") for box in ("info", "sales", "hello")]


@pytest.mark.parametrize(("share", "asked"), [(0, 0), (1, 1), (2, 2), (9, 2)])
async def test_a_company_verifies_no_more_than_its_share(share: int, asked: int) -> None:
    bounce = Bounce()
    verification = Verification(
        verifier=bounce, store=bounce, max_addresses=2, personal=False, fair_share=lambda: share
    )
    found = await verification.of(MAILS, Free())
    assert len(bounce.asked) == asked
    assert ("verification_share_used" in found.notes) == (share < 2)


async def test_a_cached_answer_costs_nothing_of_the_share() -> None:
    bounce = Bounce(**{"info_x.sg": "valid"})
    verification = Verification(verifier=bounce, store=bounce, max_addresses=2, personal=False, fair_share=lambda: 0)
    found = await verification.of(MAILS, Free())
    assert found.emails[0].verification is not None
    assert (bounce.asked, found.notes) == ([], ())


async def test_one_known_address_ends_the_asking() -> None:
    """The first charge looks up all addresses; a usable result of any of them leaves nothing to ask for."""
    bounce = Bounce(**{"sales_x.sg": "valid"})
    verification = Verification(verifier=bounce, store=bounce, max_addresses=2, personal=False)
    found = await verification.of(MAILS, Free())
    assert found.emails[0].address == "sales@x.sg"
    assert (bounce.asked, found.notes) == ([], ())


async def test_stored_results_count_behind_an_open_breaker() -> None:
    stored = Refused(**{"info_x.sg": "invalid", "sales_x.sg": "valid"})
    found = await Verification(verifier=stored, store=stored, max_addresses=3, personal=False).of(MAILS, Free())
    assert [(email.address, email.verification and email.verification.status) for email in found.emails] == [
        ("sales@x.sg", "valid"),
        ("info@x.sg", "invalid"),
    ]
    assert found.notes == ()


async def test_an_open_breaker_is_noted_where_nothing_is_stored() -> None:
    stored = Refused(**{"info_x.sg": "invalid"})
    found = await Verification(verifier=stored, store=stored, max_addresses=3, personal=False).of(MAILS, Free())
    assert [email.address for email in found.emails] == ["sales@x.sg", "info@x.sg"]
    assert found.notes == ("verification_failed:breaker_open",)


@pytest.mark.parametrize(
    ("left", "takers", "share"),
    [(300, 300, 1), (300, 100, 2), (300, 0, 2), (5, 100, 1), (0, 100, 0), (-3, 10, 0)],
)
def test_the_share_divides_the_rest_of_the_day(left: int, takers: int, share: int) -> None:
    assert fair_share(left, takers, 2) == share
