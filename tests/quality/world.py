"""The simulator's world as quality cases; its pages and truth were written independently of the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from quality.cases import Case, company_of
from quality.through_reader import ReadCase, reader_over

from acra_express_async.extract.domains import registrable
from acra_express_async.limits.scope import Scope
from acra_express_async.models import Outcome, SearchHit, SearchPage, VerificationResult
from acra_express_async.providers.jina import JinaReader
from acra_express_async.registry import may_be_live
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.world import PageSize, Truth, World


class Web(ReadCase):
    """Searches in a world, and reads of its pages through the service's own client."""

    def __init__(self, world: World, case: Case, client: JinaReader) -> None:
        super().__init__(case, client)
        self.world = world

    async def search(self, query: str, scope: Scope | None = None) -> SearchPage:
        found = enumerate(self.world.search(query), start=1)
        return SearchPage(query, tuple(SearchHit(rank, item.title, item.url, item.snippet) for rank, item in found))

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        box = self.world.mailbox(address)
        return (
            VerificationResult(address, "unknown", box.unknown)
            if box.unknown
            else VerificationResult(address, box.status, box.sub_status)
        )


@asynccontextmanager
async def webs(companies: int, seed: int, size: PageSize = 0) -> AsyncIterator[Iterator[tuple[Truth, Web]]]:
    """The truth and the web of each live company among the first `companies` of a world."""
    rows = list(registry_sample.rows(companies, seed=seed))
    world = World(rows, seed=seed, page_size=size)
    postal_codes = Counter(row["postal_code"] for row in rows)
    async with reader_over(world) as link:
        yield (
            (
                world.truth(row["uen"]),
                Web(world, Case(row["uen"], (), company_of(number, row, postal_codes, None), (), {}, {}), link.client),
            )
            for number, row in enumerate(rows, start=1)
            if may_be_live(row["entity_status_description"])
        )


def right_domains(truth: Truth) -> set[str]:
    return {registrable(host) for host in (truth.domain, truth.own_domain, *truth.aliases) if host}


def count(tally: Counter[str], truth: Truth, outcome: Outcome) -> None:
    """Add the result of one company to the tally."""
    right = right_domains(truth)
    answer = outcome.site.domain if outcome.site else None
    tally["answered"] += answer is not None
    tally["right"] += answer in right
    tally["expected"] += truth.domain is not None and not truth.may_abstain
    tally["found"] += truth.domain is not None and not truth.may_abstain and answer in right
    tally["trapped"] += answer in {registrable(host) for host in truth.trap_domains} - right
    tally["usable"] += any(mail.verification is not None and mail.verification.usable for mail in outcome.emails)
    mails = {mail.address for mail in outcome.emails}
    tally["forbidden"] += len(mails & set(truth.forbidden_emails))
    if answer in right and truth.domain:
        wanted = {mail.email for mail in truth.emails if mail.kind not in ("dpo", "careers")}
        tally["mails"] += len(wanted)
        tally["mails_found"] += len(wanted & mails)
        tally["strangers"] += len(mails - {mail.email for mail in truth.emails})
        numbers = {phone.number for phone in outcome.phones}
        tally["phones"] += len(truth.phones)
        tally["phones_found"] += len(numbers & set(truth.phones))
        tally["strange_phones"] += len(numbers - set(truth.phones) - set(truth.optional_phones))
