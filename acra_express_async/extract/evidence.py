"""The signals for and against a site; each is a pure function from what was read to Evidence.

| signal | points |
|---|---|
| registered UEN on a page of the owner | +60 |
| another valid UEN and not ours | -50 |
| legal name with its legal form; all words of the name in title, heading or imprint | +25; +15 |
| registered postal code; the same where more than 20 registry rows share it | +25; +5 |
| block and street without the postal code | +15 |
| domain label: see `labels.POINTS`; .sg | up to +30; +10 |
| a +65 number or an address in Singapore; signs of another country only | +10; -25 |
| the registered trade on the page; its absence from a long page | +10; -10 |
| first search result (tie-break) | +3 |
| found by two or three queries, before it was read | +2; +4 |
| found for 5 or 15 other companies lately, name does not fit and no UEN | -10; -20 |
| parked, hijacked, imitation, directory | -80 |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from acra_express_async.extract.candidates import Candidate
from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.directories import (
    directory_phrases_in,
    heads_a_list,
    invests_or_lists,
    names_a_group,
    sells_addresses,
)
from acra_express_async.extract.domains import (
    hosted_under,
    is_singaporean,
    label_of,
    labels_of,
    registrable,
)
from acra_express_async.extract.labels import FITTING, Fit, address_evidence, label_fit
from acra_express_async.extract.names import Name, legal_name_stands_in, padded, together, words_of
from acra_express_async.extract.other_names import (
    THIRD_PARTY,
    is_titled,
    legal_names_in,
    other_legal_names,
    stands_as_owner,
)
from acra_express_async.extract.page_kinds import is_home_page, lists_places, speaks_for_its_owner, speaks_of_others
from acra_express_async.extract.places import Where, states_postal_code, states_street, street_words, where_in
from acra_express_async.extract.trade import speaks_of, telling_trades, trade_behind, trade_words
from acra_express_async.extract.uens import states_uen, strangers_in
from acra_express_async.extract.vocabulary import COMMON, TRADES
from acra_express_async.models import Company, Evidence, Page

CROWDED_POSTAL = 20
"""With more registry rows than this at one postal code, it says little: it is an incorporation agent's address."""

_SPEAKING = 3
"""From this many words a name identifies one company, because the registry gives no name twice."""

_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[|·•:–—,]|\s-\s")
_PLATES_WITHIN = 400
"""Lines of a home page to examine; whatever stands further down is a list."""

_SG_MAIL = re.compile(r"[\w.+-]{1,64}@((?:[\w-]{1,63}\.){1,3}sg)\b", re.IGNORECASE)
_ITEM = re.compile(r"\s*(?:[*+•·-]|\d{1,3}[.)])\s")
_BELOW_HEADING = 5
"""Lines below a heading of a list in which a company counts as an entry."""

_ENOUGH_TEXT = 800
"""Characters; a shorter page that does not mention its trade proves nothing."""


@dataclass(frozen=True, slots=True)
class PageFindings:
    """The text of one site, prepared once for all signals.

    `pages` are the usable pages (the first `read` of them) followed by what the search results say about the site.
    `heads` are titles, headings and imprint lines; `own_heads` are the same without the search results. `words` and
    `streets` hold the whole text in the forms of names.padded and places.street_words; `printed` holds the words of the
    pages alone, where one was read. `silent` pages name nobody and tell no way to reach anybody.
    """

    pages: tuple[Page, ...]
    read: int
    texts: Mapping[str, str]
    text: str
    heads: str
    own_heads: str
    words: str
    streets: str
    where: Where
    printed: str
    silent: bool = False

    def cleaned(self, page: Page) -> str:
        """The cleaned title and text of one of `pages`."""
        return self.texts[page.url]

    def url_with(self, piece: str) -> str:
        """The URL of the page that contains a piece of text; the first page when none does."""
        wanted = piece.casefold()
        return next((page.url for page in self.pages if wanted in self.cleaned(page).casefold()), self.pages[0].url)


def reading_of(pages: Sequence[Page], candidate: Candidate, names: tuple[Name, ...]) -> PageFindings:
    """Prepare the usable pages of a site for the signals, and the text of its search results where they still hold.

    A search result is old: it may quote a site that has gone since. It counts where no page could be read, and beside
    pages that bear a word of the name themselves.
    """
    texts = {page.url: f"{clean(page.title)}\n{clean(page.text)}" for page in pages}
    holds = not pages or _bears_name("\n".join(texts.values()), candidate, names)
    printed = together(map(padded, texts.values())) if pages else padded(candidate.text)
    silent = bool(pages) and not _speaks("\n".join(texts.values()), candidate, names)
    told = Page(url=candidate.urls[0], title="", text=candidate.text if holds else "")
    everything = tuple(pages)
    if told.url not in texts:
        everything = (*pages, told)
        texts[told.url] = told.text
    everywhere = [*texts.values(), told.text]
    text = "\n".join(everywhere)
    own = "\n".join(
        [*(clean(page.title) for page in pages), *_head_lines(text), *_nameplates(pages, told, texts, names)]
    )
    own_heads = padded(own)
    return PageFindings(
        everything,
        len(pages),
        texts,
        text,
        together((own_heads, padded(told.text))),
        own_heads,
        together(map(padded, everywhere)),
        together(map(street_words, everywhere)),
        where_in(text),
        printed,
        silent,
    )


def _speaks(text: str, candidate: Candidate, names: tuple[Name, ...]) -> bool:
    """True when the pages show the brand or the label as words, or how to reach somebody in Singapore."""
    plain = text.casefold().replace(candidate.domain, " ")
    words = padded(plain)
    brands = [" ".join(name.brand) for name in names] + [" ".join(name.core) for name in names]
    if any(f" {brand} " in words for brand in (*brands, label_of(candidate.domain))):
        return True
    where = where_in(text)
    return bool(where.singapore or where.local_phone or where.bare_phone or f"@{candidate.domain}" in text.casefold())


def _bears_name(text: str, candidate: Candidate, names: tuple[Name, ...]) -> bool:
    """True when the pages show a telling word of the name, other than in their own address.

    A word of the trade tells nothing: ad pages of parked domains are made of such words.
    """
    words = padded(text.casefold().replace(candidate.domain, " "))
    core = {word for name in names for word in name.core if len(word) > 1}
    telling = {word for word in core if word not in TRADES and word not in COMMON} or core
    telling.add(label_of(candidate.domain))
    return any(f" {word} " in words for word in telling)


def domain_evidence(candidate: Candidate, reading: PageFindings, names: tuple[Name, ...]) -> Iterator[Evidence]:
    """Evidence from the domain; the pages have to show the words of the name that the label omits."""
    labels = labels_of(candidate.domain, candidate.urls)
    pairs = [(label_fit(label, name), name) for label in labels for name in names]
    fits = [fit.beside(reading.heads, reading.words) for fit, _ in pairs]
    best = max(fits, key=lambda fit: fit.points)
    yield from address_evidence(candidate.domain, candidate.urls[0], best)
    if builder := hosted_under(candidate.domain):
        yield Evidence("hosted", 0, candidate.urls[0], builder)
    exact = (name for fit, (_, name) in zip(fits, pairs, strict=True) if fit.fit is Fit.EXACT)
    if any(len(name.core) >= _SPEAKING for name in exact):
        yield Evidence("name_in_domain", 10, candidate.urls[0], candidate.domain)
    if candidate.rank == 1:
        yield Evidence("first_result", 3, candidate.urls[0])


def names_entity_of_group(reading: PageFindings, domain: str, company: Company, names: tuple[Name, ...]) -> bool:
    """True for a group's own page that lists its companies, ours with its UEN beside its legal name.

    The group is told by its own company among them, which the domain bears: no directory or investor bears the name of
    a company that it lists. A page that lists companies for another reason is none.
    """
    for page in reading.pages[: reading.read]:
        text = reading.cleaned(page)
        if not names_a_group(text) or invests_or_lists(page.title, text) or directory_phrases_in(text):
            continue
        lines = text.split("\n")
        near = (
            "\n".join(lines[max(0, at - 1) : at + 2]) for at in range(len(lines)) if states_uen(lines[at], company.uen)
        )
        if not any(legal_name_stands_in(padded(piece), name) for piece in near for name in names):
            continue
        label = label_of(domain)
        if any(f"domain_{label_fit(label, other).fit}" in FITTING for other in legal_names_in(text)):
            return True
    return False


def number_evidence(reading: PageFindings, company: Company, *, fitting: bool) -> Iterator[Evidence]:
    """The registered UEN or another company's. A UEN that a third party prints about the company proves nothing.

    `fitting`: the domain bears the name, the page is that of the company's group, or its imprint names the company.
    Elsewhere a page that prints numbers of several companies is a list.
    """
    ours = [page for page in reading.pages if states_uen(reading.cleaned(page), company.uen)]
    if ours:
        told = not fitting and all(_is_told(page, reading, company) for page in ours)
        told = told or (not fitting and bool(strangers_in(reading.text, company.uen)))
        yield Evidence("uen_told_by_others" if told else "uen", 0 if told else 60, ours[0].url, company.uen)
    elif others := strangers_in(reading.text, company.uen):
        yield Evidence("other_uen", -50, reading.url_with(others[0]), ", ".join(others[:3]))


def _is_told(page: Page, reading: PageFindings, company: Company) -> bool:
    lines = [line for line in reading.cleaned(page).split("\n") if line.strip()]
    ours = [at for at, line in enumerate(lines) if states_uen(line, company.uen)]
    listed = any(_stands_in_a_list(lines, at) for at in ours)
    return speaks_of_others(page.url) or listed or any(THIRD_PARTY.search(lines[at]) for at in ours)


def _stands_in_a_list(lines: Sequence[str], at: int) -> bool:
    """Whether a line stands below the heading of a list; not one behind its last item, as a footer's imprint does."""
    for above in range(at - 1, max(-1, at - 1 - _BELOW_HEADING), -1):
        if heads_a_list(lines[above]):
            return True
        if _ITEM.match(lines[above]) and not _ITEM.match(lines[at]):
            return False
    return False


def imprint_evidence(
    reading: PageFindings, company: Company, names: tuple[Name, ...], *, borne: bool
) -> Iterator[Evidence]:
    """The legal name as owner together with the registered address; this proves sites whose domain shows another brand.

    `borne` means that the domain shows a part of the name: a line of the home page that begins with the legal name then
    counts as an imprint. Where many companies share the address, it must stand on the same page as the name.
    """
    owned, placed = [], []
    for page in reading.pages[: reading.read]:
        text = reading.cleaned(page)
        if not speaks_for_its_owner(page.url) or sells_addresses(text):
            continue
        alone = borne or not (is_home_page(page.url) or lists_places(page.url))
        if any(stands_as_owner(text, name, alone=alone) for name in names) or (
            is_home_page(page.url) and any(is_titled(page.title, name) for name in names)
        ):
            owned.append(page.url)
        coded = company.postal_code is not None and states_postal_code(text, company.postal_code)
        if coded or states_street(street_words(text), company.block, company.street_name):
            placed.append(page.url)
    together = [url for url in owned if url in placed]
    if together or (owned and placed and company.shared_postal <= CROWDED_POSTAL):
        yield Evidence("imprint", 0, (together or owned)[0], names[0].legal)


def name_evidence(reading: PageFindings, names: tuple[Name, ...]) -> Iterator[Evidence]:
    """The legal name anywhere, and the words of the name in titles, headings and imprints."""
    legal = next((name for name in names if legal_name_stands_in(reading.printed, name)), None)
    if legal:
        yield Evidence("legal_name", 25, reading.pages[0].url, legal.legal)
    shown = next(filter(None, (_shown_name(reading, name) for name in names)), None)
    if shown:
        yield shown
    whole = shown is not None and shown.signal != "brand_in_head"
    if not legal and not whole and (others := other_legal_names(reading.text, names)):
        yield Evidence("other_legal_name", -25, reading.url_with(others[0]), others[0])


def _shown_name(reading: PageFindings, name: Name) -> Evidence | None:
    core, brand = " ".join(name.core), " ".join(name.brand)
    phrase = f" {core} " in reading.own_heads or f" {' '.join(name.words)} " in reading.own_heads
    if phrase and (len(name.core) >= _SPEAKING or (len(name.core) > 1 and not name.is_common)):
        return Evidence("full_name_in_head", 15, reading.pages[0].url, core)
    if f" {core} " in reading.heads or all(f" {word} " in reading.heads for word in name.core):
        return Evidence("name_in_head", 15, reading.pages[0].url, core)
    if (rest := name.without_country) and f" {' '.join(rest)} " in reading.heads and reading.where.singapore:
        return Evidence("name_in_head", 15, reading.pages[0].url, " ".join(rest))
    if f" {brand} " in reading.heads and not name.is_common:
        beside = any(f" {word[:5]}" in reading.words for word in name.trades)
        return Evidence("brand_in_head", 12 if beside or not name.trades else 8, reading.pages[0].url, brand)
    return None


def place_evidence(reading: PageFindings, company: Company, domain: str) -> Iterator[Evidence]:
    """The registered postal code or street, and signs of Singapore or of another country."""
    if not reading.where.singapore and not is_singaporean(domain) and (mail := _mail_under_sg(reading, domain)):
        yield Evidence("sg_mail", 10, reading.url_with(mail), mail)
    crowded = company.shared_postal > CROWDED_POSTAL or sells_addresses(reading.text)
    if company.postal_code and states_postal_code(reading.text, company.postal_code):
        url = reading.url_with(company.postal_code)
        yield Evidence(
            "postal_code_shared" if crowded else "postal_code", 5 if crowded else 25, url, company.postal_code
        )
    elif states_street(reading.streets, company.block, company.street_name):
        street = f"{company.block} {company.street_name}"
        yield Evidence("street_shared" if crowded else "street", 3 if crowded else 15, reading.pages[0].url, street)
    elif near := _neighbourhood(reading, company):
        yield Evidence("neighbourhood", 5, reading.pages[0].url, near)
    if reading.where.singapore:
        seen = reading.where.singapore[0]
        yield Evidence("singapore", 10, reading.url_with(seen.removeprefix("Singapore ")), seen)
    elif reading.where.elsewhere and not is_singaporean(domain):
        yield Evidence("elsewhere", -25, reading.url_with(reading.where.elsewhere[0]), reading.where.elsewhere[0])
    elif reading.where.local_phone or (reading.where.bare_phone and is_singaporean(domain)):
        yield Evidence("local_phone", 5, reading.pages[0].url)
    elif reading.where.mentions:
        yield Evidence("singapore_mentioned", 5, reading.url_with("singapore"))


def _mail_under_sg(reading: PageFindings, domain: str) -> str:
    """A mail address of the site's own label under .sg, which is given only to registrants in Singapore."""
    label = label_of(domain)
    for match in _SG_MAIL.finditer(reading.text):
        own = label_of(registrable(match[1].lower()))
        if len(own) >= 4 and (label.startswith(own) or own.startswith(label)):
            return match.group()
    return ""


def _neighbourhood(reading: PageFindings, company: Company) -> str:
    """The registered building or street without its number: only a hint that reading on may pay."""
    for place in (company.building_name, company.street_name):
        words = words_of(place or "")
        if len(words) >= 2 and street_words(" ".join(words)) in reading.streets:
            return " ".join(words)
    return ""


def trade_evidence(reading: PageFindings, company: Company, name: Name) -> Iterator[Evidence]:
    """The registered trade on the page, or a different trade after the brand.

    A missing trade counts only if the text is long enough to expect it.
    """
    trade = trade_words(company, name)
    missing = telling_trades(name)
    if seen := speaks_of(reading.words, trade):
        yield Evidence("trade", 10, reading.pages[0].url, seen)
    elif missing and len(reading.text) > _ENOUGH_TEXT and all(page.is_complete for page in reading.pages):
        yield Evidence("other_trade", -10, reading.pages[0].url, " ".join(missing))
    elif trade and (other := trade_behind(reading.heads, name.brand)):
        yield Evidence("namesake_trade", -15, reading.pages[0].url, other)


def _nameplates(pages: Sequence[Page], told: Page, texts: Mapping[str, str], names: tuple[Name, ...]) -> Iterator[str]:
    """Lines of a home page or result whose first sentence is exactly the name: headings that lost their markup."""
    plates = {words for name in names for words in (name.core, name.words, words_of(name.legal)) if len(words) > 1}
    lines = told.text.split("\n")
    for page in pages:
        if is_home_page(page.url):
            lines += texts[page.url].split("\n")[:_PLATES_WITHIN]
    begun = (_SENTENCE_END.split(line[:200], maxsplit=1)[0] for line in lines)
    yield from (line for line in begun if words_of(line) in plates)


def _head_lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        start = line.lstrip()[:2]
        if start.startswith("#") or "©" in line[:400] or "copyright" in line[:400].casefold():
            yield line[:400]
