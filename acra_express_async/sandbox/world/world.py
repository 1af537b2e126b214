"""The world: built from any registry, drawn from a seed, computed on demand."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from acra_express_async.sandbox.draws import unit
from acra_express_async.sandbox.markup.fragments import Listing
from acra_express_async.sandbox.world.company_draw import AGENCIES, Lookalike, Presence, SitePlan, presence_of
from acra_express_async.sandbox.world.crawl import Document, documents_of, noise
from acra_express_async.sandbox.world.firms import Firm, firm_of
from acra_express_async.sandbox.world.index import NameIndex
from acra_express_async.sandbox.world.layout import laid_out, look_of
from acra_express_async.sandbox.world.mailboxes import Mailbox, mailbox_of
from acra_express_async.sandbox.world.namesakes import lookalike_page
from acra_express_async.sandbox.world.page_sizes import PageSize
from acra_express_async.sandbox.world.search_index import SearchIndex
from acra_express_async.sandbox.world.site_pages import site_page
from acra_express_async.sandbox.world.third_parties import third_party_page
from acra_express_async.sandbox.world.truth import Truth, true_mails, truth_of, without_copied_site
from acra_express_async.sandbox.world.web import WebPage, nothing_at

SITE_SHARE = 0.55
"""Share of companies with a site."""

KEPT = 512
"""Companies whose draw is cached; others are drawn again on demand, with the same result."""

KNOWN_FIRMS = 8

Role = Literal["site", "old", "likeness"]


class World:
    """A web of companies; the same rows and seed give the same pages, byte for byte.

    Args:
        rows: registry rows, as mappings by column name or objects like `models.Company`; the last row of a UEN wins.
        seed: seed of every draw.
        site_share: share of companies with a website.
        copied_share: share of the websites that say what their company's own site would say and are not its own (but a
            reseller's, a former owner's, a swindler's). No rule can tell them apart, only a person who asks.
        page_size: size of all pages; the truth is the same at every size.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any] | object],
        *,
        seed: int = 1,
        site_share: float = SITE_SHARE,
        copied_share: float = 0.0,
        page_size: PageSize = 0,
    ) -> None:
        by_uen = {firm.uen: firm for firm in map(firm_of, rows) if firm is not None}
        self._firms = list(by_uen.values())
        self.seed = seed
        self.site_share = site_share
        self.copied_share = copied_share
        self.page_size: PageSize = page_size
        self._index = NameIndex(self._firms)
        self._engine: SearchIndex | None = None
        self._presences: OrderedDict[int, Presence] = OrderedDict()
        self._hosts: dict[str, tuple[int, Role]] = {}
        self._renamed: dict[tuple[int, Role], str] = {}
        for number in range(len(self._firms)):
            self._register(number)

    @classmethod
    def from_csv(cls, path: Path, *, seed: int = 1, site_share: float = SITE_SHARE, page_size: PageSize = 0) -> Self:
        """A world around a registry file with the 53-column header."""
        with path.open(encoding="utf-8-sig", newline="") as source:
            return cls(csv.DictReader(source), seed=seed, site_share=site_share, page_size=page_size)

    @classmethod
    def from_json(cls, path: Path) -> Self:
        """A world that `to_json` wrote: ``{"seed": 1, "site_share": 0.55, "page_size": 0, "rows": [...]}``."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        given = {name: stored[name] for name in ("seed", "site_share", "copied_share", "page_size") if name in stored}
        return cls(stored["rows"], **given)

    def to_json(self, path: Path) -> None:
        """Write what another process needs to build the same world."""
        rows = [_columns(firm) for firm in self._firms]
        stored = {
            "seed": self.seed,
            "site_share": self.site_share,
            "copied_share": self.copied_share,
            "page_size": self.page_size,
            "rows": rows,
        }
        path.write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")

    def redrawn(
        self,
        *,
        seed: int | None = None,
        site_share: float | None = None,
        copied_share: float | None = None,
        page_size: PageSize | None = None,
    ) -> Self:
        """The same registry under another seed, share of sites or of copied ones, or size of pages."""
        return type(self)(
            self._firms,
            seed=self.seed if seed is None else seed,
            site_share=self.site_share if site_share is None else site_share,
            copied_share=self.copied_share if copied_share is None else copied_share,
            page_size=self.page_size if page_size is None else page_size,
        )

    def __len__(self) -> int:
        return len(self._firms)

    def uens(self) -> Iterator[str]:
        """Every UEN, in the order of the rows."""
        return (firm.uen for firm in self._firms)

    def firm(self, uen: str) -> Firm | None:
        """The registry row of `uen`."""
        number = self._index.by_uen(uen)
        return None if number is None else self._firms[number]

    def search(self, query: str) -> tuple[Listing, ...]:
        """Results for `query`, at most ten; empty when nothing is found. The first search builds the index."""
        if self._engine is None:
            self._engine = SearchIndex(self._crawled())
        return self._engine.search(query)

    def page(self, url: str) -> WebPage:
        """The page at `url`; an unknown host does not resolve."""
        split = urlsplit(url)
        host = (split.hostname or "").lower()
        path = unquote(split.path)
        found = self._hosts.get(host.removeprefix("www."))
        if found is not None:
            return self._company_page(*found, host, path)
        third = third_party_page(url, host, path, self._named_in, self._known_firms())
        if third is not None:
            return self._laid_out(third)
        if host.removeprefix("www.") in AGENCIES:
            return self._laid_out(WebPage(url, title="Web design agency", main=f"We build websites.\n\nhello@{host}"))
        return nothing_at(url, "dns")

    def truth(self, uen: str) -> Truth:
        """The expected answer for one company.

        Raises:
            KeyError: the registry has no such UEN.
        """
        number = self._index.by_uen(uen)
        if number is None:
            raise KeyError(uen)
        namesakes = tuple(
            site.host for other in self._index.namesakes(number) if (site := self._presence(other).site) is not None
        )
        truth = truth_of(self._firms[number], self._presence(number), namesakes)
        copied = truth.domain is not None and unit(self.seed, "copied", uen) < self.copied_share
        return without_copied_site(truth) if copied else truth

    def mailbox(self, address: str) -> Mailbox:
        """The mailbox behind a mail address."""
        host = address.rpartition("@")[2].lower()
        found = self._hosts.get(host)
        printed: frozenset[str] = frozenset()
        if found is not None:
            number, role = found
            site = self._presence(number).site
            if role == "likeness":
                printed = frozenset({f"info@{host}"})
            elif site is not None:
                printed = frozenset(mail.email for mail in true_mails(site))
        return mailbox_of(address, printed, self._hosts, self.seed)

    def _known_firms(self) -> list[Firm]:
        """Companies that directories name as similar ones: the first of which the web knows anything."""
        spoken_of = (firm for number, firm in enumerate(self._firms) if not self._presence(number).silent)
        return list(islice(spoken_of, KNOWN_FIRMS))

    def _crawled(self) -> Iterator[Document]:
        some = self._known_firms()
        for number, firm in enumerate(self._firms):
            neighbours = [other for other in some if other.uen != firm.uen][:4]
            yield from documents_of(firm, self._presence(number), self.seed, neighbours)
        yield from noise(self.seed)

    def _company_page(self, number: int, role: Role, host: str, path: str) -> WebPage:
        firm, presence = self._firms[number], self._presence(number)
        if role == "likeness":
            plain = host.removeprefix("www.")
            likeness = next(likeness for likeness in presence.lookalikes if likeness.host == plain)
            return self._laid_out(lookalike_page(firm, likeness, path, self.seed, self._index))
        assert presence.site is not None, "a site's host is registered with its site"
        return site_page(firm, presence.site, path, self.seed, self.page_size)

    def _laid_out(self, page: WebPage) -> WebPage:
        """The page of another site in the look of that site, if pages have a layout."""
        if self.page_size == 0 or page.http_status != 200:
            return page
        split = urlsplit(page.url)
        return laid_out(page, look_of(f"{split.scheme}://{split.netloc}", self.seed, self.page_size), self.seed)

    def _named_in(self, path: str) -> Firm | None:
        number = self._index.in_text(path)
        return None if number is None else self._firms[number]

    def _register(self, number: int) -> None:
        """Assign hosts to the company; a host that is already taken gets the first free number."""
        presence = self._presence(number)
        wanted: list[tuple[Role, str]] = []
        if presence.site is not None:
            wanted.append(("site", presence.site.host))
            if presence.site.old_host:
                wanted.append(("old", presence.site.old_host))
        wanted += [("likeness", likeness.host) for likeness in presence.lookalikes]
        for role, host in wanted:
            free, attempt = host, 1
            while free in self._hosts:
                attempt += 1
                label, _, suffix = host.partition(".")
                free = f"{label}{attempt}.{suffix}"
            if free != host:
                self._renamed[number, role] = free
                self._presences.pop(number, None)
            self._hosts[free] = (number, role)

    def _presence(self, number: int) -> Presence:
        known = self._presences.get(number)
        if known is not None:
            self._presences.move_to_end(number)
            return known
        presence = presence_of(self._firms[number], self.seed, self.site_share)
        presence = self._with_free_hosts(number, presence)
        self._presences[number] = presence
        if len(self._presences) > KEPT:
            self._presences.popitem(last=False)
        return presence

    def _with_free_hosts(self, number: int, presence: Presence) -> Presence:
        site = presence.site
        host = self._renamed.get((number, "site"))
        if site is not None and host is not None:
            site = _moved_to(site, host)
        old = self._renamed.get((number, "old"))
        if site is not None and old is not None:
            site = dataclasses.replace(site, old_host=old)
        likeness = self._renamed.get((number, "likeness"))
        lookalikes = presence.lookalikes
        if likeness is not None:
            lookalikes = tuple(Lookalike(other.kind, likeness) for other in lookalikes)
        return dataclasses.replace(presence, site=site, lookalikes=lookalikes)


def _moved_to(site: SitePlan, host: str) -> SitePlan:
    """The same plan with another host, mailboxes included."""

    def moved(address: str) -> str:
        account, _, domain = address.rpartition("@")
        return f"{account}@{host}" if domain == site.host else address

    contacts = site.contacts
    contacts = dataclasses.replace(
        contacts,
        role=moved(contacts.role),
        second=moved(contacts.second),
        person=moved(contacts.person),
        careers=moved(contacts.careers),
        privacy=moved(contacts.privacy),
    )
    return dataclasses.replace(site, host=host, contacts=contacts, exact_label=False)


def _columns(firm: Firm) -> dict[str, Any]:
    """A row that `firm_of` reads back as the same firm."""
    return {
        "uen": firm.uen,
        "block": firm.block,
        "entity_name": firm.name,
        "street_name": firm.street,
        "level_no": firm.level,
        "unit_no": firm.unit_number,
        "building_name": firm.building,
        "postal_code": firm.postal,
        "primary_ssic_code": firm.ssic,
        "primary_user_described_activity": firm.activity,
        "entity_status_description": firm.status,
        **{f"former_entity_name{place}": name for place, name in enumerate(firm.former_names, 1)},
    }
