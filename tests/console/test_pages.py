"""What signed-in people see: every page on real rows, and every text escaped."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from db.builders import a_company, a_registry_row
from records.judging_rig import UEN, Desk, a_phone

from acra_express_async.db.session.pool import Connection, Database

from .rooms import Scene

PAGES = ("/", "/search", "/review", "/enqueue", "/providers", "/export", "/trail")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_of_an_empty_database_is_shown(scene: Scene, path: str) -> None:
    async with scene.signed_in() as browser:
        text = await browser.page(f"/console{path}")
    assert "mei" in text
    assert re.findall(r"(?:src|href|action)=\"(?![/#])", text) == []
    assert re.findall(r"<script(?![^>]*src=)|\son\w+=|style=", text) == []


async def test_a_company_shows_record_evidence_and_history(scene: Scene, desk: Desk) -> None:
    await desk.enriched(phones=(a_phone("+6561112222"),))
    await desk.enriched(domain="rose.com.sg", job=2)
    async with scene.signed_in() as browser:
        text = await browser.page(f"/console/companies/{UEN}")
    for said in (
        "COMPANY 201912345K PTE. LTD.",
        'href="https://rose.com.sg/"',
        "info@rose.com.sg",
        "of which only a hash is kept",
        "Why rose.com.sg: 90 points.",
        '<td data-label="before">lotus.com.sg</td>',
        '<td data-label="after">rose.com.sg</td>',
    ):
        assert said in text, said
    assert "mei.tan@" not in text


async def test_an_unknown_company_is_not_found(scene: Scene) -> None:
    async with scene.signed_in() as browser:
        assert (await browser.client.get("/console/companies/201912345K")).status_code == 404
        assert (await browser.client.get("/console/companies/nonsense")).status_code == 404
        assert (await browser.client.get("/console/campaigns/7")).status_code == 404
        assert (await browser.client.get("/console/campaigns/99999999999999999999")).status_code == 404


async def test_an_opted_out_company_shows_no_record(scene: Scene, desk: Desk, owner: Connection) -> None:
    await desk.enriched()
    await owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('company', $1, now())", UEN
    )
    async with scene.signed_in() as browser:
        text = await browser.page(f"/console/companies/{UEN}")
        assert "Opted out on" in text
        assert "info@lotus.com.sg</" not in text
        assert "Judge its website" not in text
        assert "Nothing found" in await browser.page("/console/search?q=lotus")


async def test_search_finds_uen_domain_and_name(scene: Scene, owner: Connection) -> None:
    await a_company(owner, UEN, website_domain="lotus.com.sg")
    await a_company(owner, "199000001A", name="LOTUSLAND 100% PTE. LTD.")
    await a_registry_row(owner, "199900009Z")
    async with scene.signed_in() as browser:
        for words in ("201912345k", " 201912345K "):
            answer = await browser.client.get("/console/search", params={"q": words})
            assert answer.headers["location"] == f"/console/companies/{UEN}"
        answer = await browser.client.get("/console/search", params={"q": "199900009Z"})
        assert answer.headers["location"] == "/console/companies/199900009Z"
        for words, found in (
            ("lotus.com.sg", [UEN]),
            ("https://www.lotus.com.sg/contact", [UEN]),
            ("lotus", [UEN, "199000001A"]),
            ("Lotus P", [UEN]),
            ("lotusland 100%", ["199000001A"]),
            ("otus", []),
            ("%", []),
            ("lot_s", []),
        ):
            text = (await browser.client.get("/console/search", params={"q": words})).text
            assert re.findall(r'href="/console/companies/(\w+)"', text) == found, words


async def test_exports_are_complete_files(scene: Scene, desk: Desk) -> None:
    await desk.enriched()
    async with scene.signed_in() as browser:
        answer = await browser.client.get("/console/export/records.csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        [row] = csv.DictReader(io.StringIO(answer.text, newline=""))
        lines = (await browser.client.get("/console/export/records.jsonl", params={"outcome": "enriched"})).text
        [record] = map(json.loads, lines.splitlines())
        assert (await browser.client.get("/console/export/records.jsonl", params={"level": "unsure"})).text == ""
        excel = await browser.client.get("/console/export/records.csv", params={"bom": "1"})
        assert excel.content == b"\xef\xbb\xbf" + answer.content
        refused = await browser.client.get("/console/export/records.csv", params={"since": "yesterday"})
        assert (await browser.client.get("/console/export/records.xlsx")).status_code == 404
    assert (row["uen"], row["website"], record["website"]) == (UEN, "lotus.com.sg", "lotus.com.sg")
    assert refused.status_code == 409
    assert "is not a date" in refused.text
    assert [line["action"] for line in await scene.trail()] == ["sign_in", *["export"] * 4]


async def test_a_campaign_shows_why_it_waits(scene: Scene, database: Database, owner: Connection) -> None:
    await a_registry_row(owner, UEN)
    async with scene.signed_in() as browser:
        form = {"uens": UEN, "name": "spring list"}
        seen = await browser.send("/console/enqueue", **form, step="look")
        assert "<b>1 of 1 matching companies</b>" in seen.text
        text = await browser.told("/console/enqueue", **form, step="enqueue")
        assert "spring list" in text
        assert "due now: it waits for a free worker" in text
        assert "spring list" in await browser.page("/console/")


@pytest.mark.parametrize(
    ("method", "path", "code", "sentence"),
    [
        ("GET", "/console/nothing", 404, "There is no such page."),
        ("GET", "/console/assets/other.js", 404, "There is no such page."),
        ("GET", "/console/export/records.xlsx", 404, "There is no such page."),
        ("GET", "/console/pause", 405, "Open the page with its form"),
        ("DELETE", "/console/", 405, "Open the page with its form"),
        ("POST", "/console/enqueue", 415, "This is no form of the console."),
    ],
)
async def test_errors_of_the_server_are_pages(scene: Scene, method: str, path: str, code: int, sentence: str) -> None:
    async with scene.signed_in() as browser:
        answer = await browser.client.request(method, path)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert sentence in answer.text
    assert 'href="/console/"' in answer.text
    assert ("allow" in answer.headers) is (code == 405)


async def test_programs_keep_their_plain_errors(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.get("/nothing")
    assert (answer.status_code, answer.text) == (404, "404: Not Found")
