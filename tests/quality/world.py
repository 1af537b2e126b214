"""The simulator's world as cases: its pages and its truth were written by another hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from quality.cases import Case, company_of
from quality.scoring import CaseWorld

from acra_express_async.extract.domains import registrable
from acra_express_async.models import Link, Outcome, Page, Scope, SearchHit, SearchPage, VerificationResult
from acra_express_async.registry import may_be_live
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.markup.reader_page import Wanted
from acra_express_async.sandbox.markup.tokens import cut_to_tokens, token_count
from acra_express_async.sandbox.simulator.reader_visit import SHORT_PAGE_TOKENS
from acra_express_async.sandbox.world.truth import Truth
from acra_express_async.sandbox.world.world import World


class Web(CaseWorld):
    """Search and reading over a world, pages cut at the reserved tokens as Reader cuts them."""

    def __init__(self, world: World, case: Case) -> None:
        super().__init__(case)
        self.world = world

    async def search(self, query: str, scope: Scope | None = None) -> SearchPage:
        found = enumerate(self.world.search(query), start=1)
        return SearchPage(query, tuple(SearchHit(rank, item.title, item.url, item.snippet) for rank, item in found))

    async def read(self, url: str, scope: Scope, *, max_tokens: int | None = None) -> Page:
        target = self.world.page(url)
        reading = target.reading(Wanted(images="none"))
        text = cut_to_tokens(reading.text, max_tokens or 1500)
        walled = reading.suspects_captcha and token_count(text) < SHORT_PAGE_TOKENS
        reason = target.failure or ("robots" if target.robots_denied else "captcha" if walled else None)
        if reason is None and target.http_status >= 400:
            reason = f"http_{target.http_status}"
        links = tuple(Link(label, there) for label, there in target.links())
        page = Page(url, target.title, text, links, tokens=token_count(text))
        return page if reason is None else replace(page, text="", links=(), usable=False, unusable_reason=reason)

    async def verify(self, address: str, scope: Scope) -> VerificationResult:
        box = self.world.mailbox(address)
        return (
            VerificationResult(address, "unknown", box.unknown)
            if box.unknown
            else VerificationResult(address, box.status, box.sub_status)
        )


def webs(companies: int, seed: int) -> Iterator[tuple[Truth, Web]]:
    """The live ones of so many companies of a world: what is true of each, and the web as it finds it."""
    rows = list(registry_sample.rows(companies, seed=seed))
    world = World(rows, seed=seed)
    postal_codes = Counter(row["postal_code"] for row in rows)
    for number, row in enumerate(rows, start=1):
        if may_be_live(row["entity_status_description"]):
            case = Case(row["uen"], (), company_of(number, row, postal_codes, None), (), {}, {})
            yield world.truth(row["uen"]), Web(world, case)


def right_domains(truth: Truth) -> set[str]:
    return {registrable(host) for host in (truth.domain, truth.own_domain, *truth.aliases) if host}


def count(tally: Counter[str], truth: Truth, outcome: Outcome) -> None:
    """Add one company's result to the tally."""
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
