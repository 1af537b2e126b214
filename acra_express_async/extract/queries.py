"""The search queries for a company: few, the best first."""

from __future__ import annotations

from acra_express_async.extract.names import name_of, words_of
from acra_express_async.extract.vocabulary import LEGAL
from acra_express_async.models import Company

MAX_QUERY_CHARS = 400
"""DuckDuckGo refuses queries of 500 characters and more."""


def queries_for(company: Company) -> tuple[str, ...]:
    """At most three queries: the name with "Singapore"; the exact legal name with its UEN; the latest former name.

    A later query is worth its cost only when the earlier ones gave no credible candidate.
    """
    plain = _searchable(company.name)
    queries = [_with_country(plain), f'"{_tidy(company.name)}" {company.uen}']
    queries.extend(_with_country(_searchable(former)) for former in company.former_names[:1])
    kept = dict.fromkeys(query[:MAX_QUERY_CHARS] for query in queries if query.strip())
    return tuple(kept)


def _tidy(name: str) -> str:
    # A leading "!" is a bang command, and a quotation mark would end the phrase.
    return " ".join(name.replace('"', " ").lstrip("! ").split())


def _searchable(name: str) -> str:
    """The name as people write it: without legal form, brackets and trailing junk characters."""
    words = _tidy(name).replace("(", " ").replace(")", " ").replace("_", " ").split()
    while len(words) > 1 and all(part in LEGAL for part in words_of(words[-1])):
        words.pop()
    return " ".join(words).strip(" ,.@-")


def _with_country(name: str) -> str:
    if not name:
        return ""
    return name if "singapore" in {*name_of(name).words, *words_of(name)} else f"{name} Singapore"
