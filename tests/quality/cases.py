"""Quality cases: a registry row, search results, pages and the expected answer (schema in README.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acra_express_async.extract.domains import same_url
from acra_express_async.models import Company, CompanyId, Page, SearchHit

ROOT = Path(__file__).resolve().parents[2]
OWN = Path(__file__).parent / "cases"
DEVELOPMENT = ROOT.parent / "shared" / "data" / "quality_dev.jsonl"


@dataclass(frozen=True)
class Case:
    """One case; `pages` are keyed by URL without scheme, www. and trailing slash."""

    case_id: str
    tags: tuple[str, ...]
    company: Company
    hits: tuple[SearchHit, ...]
    pages: dict[str, Page]
    expected: dict[str, Any]


def load(paths: Iterable[Path]) -> tuple[Case, ...]:
    """All cases of the files in order; shared postal codes are counted over all of their registry rows."""
    raw = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines() if line.strip()]
    counts: dict[str, int] = {}
    for item in raw:
        code = item["registry"].get("postal_code") or ""
        counts[code] = counts.get(code, 0) + 1
    return tuple(_case(number, item, counts) for number, item in enumerate(raw, start=1))


def _case(number: int, item: dict[str, Any], counts: dict[str, int]) -> Case:
    results = item["serp"]["results"]
    hits = tuple(SearchHit(rank, r["title"], r["url"], r.get("snippet", "")) for rank, r in enumerate(results, start=1))
    pages = {same_url(url): page_of(url, text) for url, text in item["pages"].items()}
    company = company_of(number, item["registry"], counts, item.get("known_website"))
    return Case(item["id"], tuple(item["tags"]), company, hits, pages, item["expected"])


def company_of(number: int, row: Mapping[str, str], counts: Mapping[str, int], website: str | None) -> Company:
    """The company of a registry row; `counts` holds how many rows share each postal code."""

    def value(key: str) -> str | None:
        found = (row.get(key) or "").strip()
        return None if found.casefold() in ("", "na") else found

    postal = value("postal_code")
    former = tuple(name for n in range(1, 16) if (name := value(f"former_entity_name{n}")))
    return Company(
        company_id=CompanyId(number),
        uen=row["uen"],
        name=row["entity_name"],
        former_names=former,
        entity_type=value("entity_type_description"),
        entity_status=value("entity_status_description"),
        ssic_code=value("primary_ssic_code"),
        ssic_description=value("primary_ssic_description"),
        activity=value("primary_user_described_activity"),
        block=value("block"),
        street_name=value("street_name"),
        building_name=value("building_name"),
        postal_code=postal,
        shared_postal=counts.get(postal or "", 0),
        website_domain=website,
    )


def page_of(url: str, text: str) -> Page:
    """The page that the text form of Jina Reader's answer describes (title, source and markdown content)."""
    head, found, body = text.partition("Markdown Content:\n")
    if not found:
        head, body = "", text
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    warning = fields.get("Warning")
    title = fields.get("Title", "")
    reason = None
    if warning and "returned error" in warning:
        reason = "http_" + "".join(c for c in warning.split("error", 1)[1].split(":")[0] if c.isdigit())
    elif (warning and "CAPTCHA" in warning and len(body.strip()) < 600) or title.startswith("Just a moment"):
        reason = "captcha"
    elif not body.strip():
        reason = "empty"
    return Page(url, title, body, tokens=len(body) // 4, warning=warning, usable=reason is None, unusable_reason=reason)


def missing(url: str) -> Page:
    """A page that is not in the case."""
    return Page(
        url, "", "", warning="Target URL returned error 404: Not Found", usable=False, unusable_reason="http_404"
    )
