"""The search queries for a company: which ones, in which order, and when the search ends.

What DuckDuckGo's page supports bounds a query:

- 500 characters and more are refused.
- Quotes and ``-site:example.com`` are documented, with the remark that not all syntax works on all queries
  (duckduckgo-help-pages, results/syntax). Quotes are not used: a page rarely prints a name letter by letter.
- Several ``-site:`` gave no results at all on the page without scripts from November 2018 (sopel-irc/sopel#1415); nine
  worked in November 2022 (sopel-irc/sopel#2376). So nine are the most, the first query excludes nothing, and one whose
  exclusions find nothing is asked again without them.
- Bing, the source of most results, uses "only the first 10 terms" (its page on advanced search options).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from acra_express_async.extract.directories import is_listed, is_social
from acra_express_async.extract.domains import domain_of, label_of
from acra_express_async.extract.evidence import CROWDED_POSTAL
from acra_express_async.extract.labels import FITTING, label_fit
from acra_express_async.extract.names import Name, name_of, without_remarks, words_of
from acra_express_async.extract.vocabulary import LEGAL
from acra_express_async.models import Company, SearchPage

MAX_QUERY_CHARS = 400
"""DuckDuckGo refuses queries of 500 characters and more."""
MOST_NAME_WORDS = 8
"""With the place and "contact", or with "Singapore", a query has at most ten terms."""
MOST_EXCLUDED = 9
"""Exclusions that are known to have worked together."""

EXCLUDED = tuple(
    """
    sgpbusiness.com recordowl.com opengovsg.com companies.sg ltddir.com sgpgrid.com yellowpages.com.sg dnb.com
    zoominfo.com
    """.split()
)
"""Directories with an entry for most registered companies; excluded unless others take more places of a page."""

_OPERATOR_SIGNS = re.compile(r"[\"“”„‟″«»「」『』|*^`\\~]")
"""Signs that quote, join or widen words wherever they stand."""
_BEFORE_A_WORD = "!-+–—−‐‑‒﹣'’.,:;/@#%&?=<>[]{}"
"""A word behind "!" is a command ("!w"), one behind a minus of any kind is excluded, one behind a plus demanded."""
_FIELD = re.compile(r"^([^\W\d_]{2,20}):")
"""site:, intitle:, filetype: and the like: a colon behind a word at its beginning."""
_BOOLEAN = frozenset(("AND", "OR", "NOT", "NEAR"))
"""Operators of Bing in capitals, in which the registry writes every name."""
_BRACKETS = re.compile(r"[()\[\]{}<>_]")


class Variant(StrEnum):
    """One kind of query.

    `NAME`: the name without its legal form, and Singapore. `PLACE`: the name with postal code or street and "contact",
    without known directories. `OTHER`: the latest former name, else the brand. `NUMBER`: the exact legal name with its
    UEN.
    """

    NAME = "name"
    PLACE = "place"
    OTHER = "other"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The order of the queries, and when the search ends.

    Args:
        variants: the queries, the first one first.
        excluded: directories that `PLACE` excludes; 0 for none.
        stops: end the search when a credible candidate turned up.
        goes_on: read before the search ends, and search on unless the pages prove a site.
    """

    variants: tuple[Variant, ...]
    excluded: int = MOST_EXCLUDED
    stops: bool = True
    goes_on: bool = False


PLAN = QueryPlan((Variant.NAME, Variant.PLACE, Variant.OTHER), goes_on=True)
"""The plan of the service."""


def next_query(plan: QueryPlan, company: Company, asked: Sequence[str], answers: Sequence[SearchPage]) -> str:
    """The query after those that were asked; '' when the plan has no other.

    A query whose exclusions found nothing, although another query found something, is asked again without them.

    Args:
        plan: which queries there are.
        company: the facts of the registry.
        asked: the queries so far.
        answers: their answers, in the same order.
    """
    worded = {without_exclusions(query) for query in asked}
    if asked and not answers[-1].hits and any(answer.hits for answer in answers):
        plain = without_exclusions(asked[-1])
        if plain not in asked:
            return plain
    queries = (query_of(variant, company, answers, plan.excluded) for variant in plan.variants)
    return next((query for query in queries if query and without_exclusions(query) not in worded), "")


def without_exclusions(query: str) -> str:
    """The words of a query."""
    return query.partition(" -site:")[0]


def query_of(variant: Variant, company: Company, answers: Sequence[SearchPage], excluded: int = MOST_EXCLUDED) -> str:
    """The query of one kind; '' when it would say nothing that an earlier kind does not.

    Args:
        variant: the kind.
        company: the facts of the registry.
        answers: what the earlier queries found; the directories in it are the first to be excluded.
        excluded: how many directories `PLACE` may exclude.
    """
    match variant:
        case Variant.NAME:
            return _bounded(_with_country(_searchable(company.name)))
        case Variant.PLACE:
            place = _place_of(company)
            words = f"{_searchable(company.name)} {place} contact" if _searchable(company.name) else ""
            return _bounded(words, directories_to_exclude(company, answers, excluded))
        case Variant.OTHER:
            return _bounded(_with_country(_other_name(company)))
        case Variant.NUMBER:
            return _bounded(f'"{_tidy(company.name)}" {_tidy(company.uen)}')


def directories_to_exclude(company: Company, answers: Iterable[SearchPage], most: int) -> tuple[str, ...]:
    """Known directories, those first that took places in the answers, but none that may be the company itself."""
    seen = dict.fromkeys(domain_of(hit.url) for answer in answers for hit in answer.hits)
    known = [domain for domain in seen if domain and (is_listed(domain) or is_social(domain))]
    name = name_of(company.name)
    strangers = (domain for domain in dict.fromkeys((*known, *EXCLUDED)) if not _bears(domain, name))
    return tuple(strangers)[:most]


def _bears(domain: str, name: Name) -> bool:
    return f"domain_{label_fit(label_of(domain), name).fit}" in FITTING


def _bounded(words: str, excluded: Iterable[str] = ()) -> str:
    """The query without duplicate blanks, with as many exclusions as there is room for."""
    query = " ".join(words.split())
    if len(query) > MAX_QUERY_CHARS:
        query = query[:MAX_QUERY_CHARS].rsplit(" ", 1)[0]
    for domain in excluded:
        longer = f"{query} -site:{domain}"
        if not query or len(longer) > MAX_QUERY_CHARS:
            break
        query = longer
    return query


def _place_of(company: Company) -> str:
    """What tells the company's place apart: its postal code, else its street; Singapore where many share it."""
    if company.shared_postal > CROWDED_POSTAL:
        return "Singapore"
    return _tidy(company.postal_code or company.street_name or "") or "Singapore"


def _other_name(company: Company) -> str:
    """The latest former name; else the brand, where the registered name says much more than the brand."""
    if company.former_names:
        return _searchable(company.former_names[0])
    name = name_of(company.name)
    told = len(name.core) - len(name.brand) >= 2 and not name.is_common and len("".join(name.brand)) >= 4
    return " ".join(name.brand) if told else ""


def _tidy(name: str) -> str:
    """The words of a name, none of which is an operator: of DuckDuckGo's page, or of Bing's, whose results it shows."""
    text = _OPERATOR_SIGNS.sub(" ", unicodedata.normalize("NFKC", name))
    bare = (_FIELD.sub(r"\1 ", word.lstrip(_BEFORE_A_WORD).rstrip("!")) for word in text.split())
    words = (word for piece in bare for word in piece.split())
    return " ".join(word.lower() if word in _BOOLEAN else word for word in words if word.strip(_BEFORE_A_WORD))


def _searchable(name: str) -> str:
    """The name as people write it: without legal form, brackets, remarks on its state and junk; its first words."""
    words = _tidy(_BRACKETS.sub(" ", without_remarks(name))).split()
    while len(words) > 1 and all(part in LEGAL for part in words_of(words[-1])):
        words.pop()
    return " ".join(words[:MOST_NAME_WORDS]).strip(" ,.@-")


def _with_country(name: str) -> str:
    if not name:
        return ""
    return name if "singapore" in {*name_of(name).words, *words_of(name)} else f"{name} Singapore"
