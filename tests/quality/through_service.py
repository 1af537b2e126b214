"""Run the cases through the real service: a separate process, a real database, the providers' protocols over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import process
from aiohttp import web
from quality.cases import Case, missing
from rapidfuzz.fuzz import token_set_ratio

from acra_express_async.db.session.pool import Connection
from acra_express_async.extract.domains import same_url
from acra_express_async.extract.queries import PLAN, query_of, without_exclusions
from acra_express_async.models import Email, EmailKind, Evidence, Outcome, OutcomeKind, Phone, Site, Usage
from acra_express_async.sandbox.markup import NO_RESULTS, Listing, html_no_results, html_results

COLUMNS = (
    "uen",
    "entity_name",
    "entity_type_description",
    "business_constitution_description",
    "entity_status_description",
    "registration_incorporation_date",
    "block",
    "street_name",
    "building_name",
    "postal_code",
    "primary_ssic_description",
    "primary_user_described_activity",
    "former_entity_name1",
    "former_entity_name2",
)


class Answers:
    """DuckDuckGo, Jina Reader and ZeroBounce with the content of the cases."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = tuple(cases)
        self._asked = {
            without_exclusions(query_of(variant, case.company, ())): case
            for case in self._cases
            for variant in PLAN.variants
        }
        self._pages = {address: page for case in self._cases for address, page in case.pages.items()}

    async def search(self, request: web.Request) -> web.Response:
        query = str((await request.post())["q"])
        case = self._asked.get(without_exclusions(query)) or max(
            self._cases, key=lambda each: token_set_ratio(each.company.name, query)
        )
        listings = [Listing(hit.title, hit.url, hit.snippet) for hit in case.hits]
        page = html_results(query, listings) if listings else html_no_results(query, NO_RESULTS[0])
        return web.Response(text=page, content_type="text/html")

    async def read(self, request: web.Request) -> web.Response:
        url = str((await request.json())["url"])
        page = self._pages.get(same_url(url)) or missing(url)
        data = {
            "title": page.title,
            "description": "",
            "url": url,
            "content": page.text,
            "usage": {"tokens": page.tokens},
        }
        if page.warning:
            data["warning"] = page.warning
        return web.json_response({"code": 200, "status": 20000, "data": data})

    async def validate(self, request: web.Request) -> web.Response:
        return web.json_response({"address": request.query["email"], "status": "valid", "sub_status": ""})

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The base URL of all three, on loopback."""
        app = web.Application()
        app.router.add_post("/ddg/html/", self.search)
        app.router.add_post("/jina/", self.read)
        app.router.add_get("/zb/v2/validate", self.validate)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def run_service(cases: Iterable[Case], dsn: str, owner: Connection) -> list[tuple[Case, Outcome]]:
    """Stage the company of every case, run the service until it is idle, and read the stored outcomes."""
    wanted = tuple(cases)
    for case in wanted:
        await _register(owner, case)
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('acra_express_staging_upsert', 'queued', $1)",
        {"uens": [case.company.uen for case in wanted]},
    )
    async with Answers(wanted).served() as root:
        code, _, err = await process.acra_express("run", "--until-idle", **_settings(root, dsn))
    assert code == 0, err[-3000:]
    unfinished = await owner.fetch("SELECT job_id, status, error FROM background_jobs WHERE status <> 'done'")
    assert not unfinished, [dict(row) for row in unfinished]
    rows = await owner.fetch("SELECT uen, kind, reason, detail FROM acra_express.outcomes")
    stored = {row["uen"]: _outcome(row) for row in rows}
    not_staged = Outcome(OutcomeKind.SKIPPED, "not_staged")
    return [(case, stored.get(case.company.uen, not_staged)) for case in wanted]


def _settings(root: str, dsn: str) -> dict[str, str]:
    figures = {
        "DUCKDUCKGO__BASE_URL": f"{root}/ddg",
        "DUCKDUCKGO__REQUESTS_PER_HOUR": "100000",
        "DUCKDUCKGO__SPACING_SECONDS": "0",
        "JINA__BASE_URL": f"{root}/jina",
        "JINA__API_KEY": "key-of-the-cases",
        "JINA__CALLS_PER_HOUR": "100000",
        "JINA__TOKENS_PER_MINUTE": "10000000",
        "ZEROBOUNCE__BASE_URL": f"{root}/zb",
        "ZEROBOUNCE__API_KEY": "key-of-the-cases",
        "ZEROBOUNCE__VERIFICATIONS_PER_DAY": "100000",
        "DAILY_CAP": "10000",
        "INCLUDE_SOLE_PROPRIETORS": "true",
        "STORE_PERSONAL_EMAILS": "true",  # the cases expect personal addresses, which would otherwise be hashes
        "HTTP__HOST": "127.0.0.1",
        "HTTP__PORT": "0",
    }
    return {"POSTGRES_DSN": dsn} | {f"ACRA_EXPRESS_{name}": value for name, value in figures.items()}


async def _register(owner: Connection, case: Case) -> None:
    company = case.company
    former = [*company.former_names[:2], None, None]
    values = (
        company.uen,
        company.name,
        company.entity_type,
        None,
        company.entity_status,
        None,
        company.block,
        company.street_name,
        company.building_name,
        company.postal_code,
        company.ssic_description,
        company.activity,
        former[0],
        former[1],
    )
    places = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
    await owner.execute(
        f"INSERT INTO staging_acra_companies ({', '.join(COLUMNS)}, primary_ssic_code)"
        f" VALUES ({places}, ${len(COLUMNS) + 1})",
        *values,
        int(company.ssic_code) if company.ssic_code else None,
    )
    if company.website_domain:
        await owner.execute(
            "INSERT INTO companies (uen, name, website_domain) VALUES ($1, $2, $3)",
            company.uen,
            company.name,
            company.website_domain,
        )


def _outcome(row: Mapping[str, Any]) -> Outcome:
    story = row["detail"] or {}
    site = story.get("site")
    postal = story.get("postal_code")
    usage = story.get("usage", {})
    return Outcome(
        kind=OutcomeKind(row["kind"]),
        reason=row["reason"],
        site=None
        if site is None
        else Site(
            site["domain"],
            site["url"],
            site["points"],
            tuple(Evidence(e["signal"], e["points"], e["url"], e["detail"]) for e in site["evidence"]),
        ),
        emails=tuple(
            Email(mail["address"], EmailKind(mail["kind"]), mail["url"], read_at=datetime.now(UTC))
            for mail in story.get("emails", ())
            if "address" in mail
        ),
        phones=tuple(Phone(phone["number"], phone["kind"], phone["url"]) for phone in story.get("phones", ())),
        postal_code=postal["value"] if postal else None,
        usage=Usage(
            usage.get("searches", 0), usage.get("pages", 0), usage.get("tokens", 0), usage.get("verifications", 0)
        ),
    )
