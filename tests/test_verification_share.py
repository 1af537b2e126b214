"""Verifications of a day are spread over its companies: cached answers are free, the rest stays within the share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.verification_rows import LookedUp
from acra_express_async.limits import fair_share
from acra_express_async.models import Email, EmailKind, JobLimits, Usage, VerificationResult


class Bounce:
    """A verifier that knows no address, and a store with the given entries."""

    configured = True

    def __init__(self, **known: str) -> None:
        self.known = {
            address.replace("_", "@"): VerificationResult(address, status) for address, status in known.items()
        }
        self.asked: list[str] = []

    async def verify(self, address: str, scope: object) -> VerificationResult:
        self.asked.append(address)
        return VerificationResult(address, "invalid")

    async def look_up(self, addresses: Sequence[str]) -> LookedUp:
        return LookedUp({each: self.known[each] for each in addresses if each in self.known})

    async def open_intent(self, address: str) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def store(self, result: VerificationResult) -> None:
        self.known[result.address] = result

    async def withdraw(self, address: str, opened_at: datetime) -> None:
        raise AssertionError("nothing failed")


class Free:
    limits = JobLimits()

    def check(self) -> None:
        """Allow everything."""

    def spent(self, cost: Usage) -> None:
        """Count nothing."""


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


@pytest.mark.parametrize(
    ("left", "takers", "share"),
    [(300, 300, 1), (300, 100, 2), (300, 0, 2), (5, 100, 1), (0, 100, 0), (-3, 10, 0)],
)
def test_the_share_divides_the_rest_of_the_day(left: int, takers: int, share: int) -> None:
    assert fair_share(left, takers, 2) == share
