"""Hostile requests and hostile texts: scripts in every field, odd paths, too much of everything."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import httpx
import pytest
from db.builders import a_company, a_registry_row
from ops.pages import status
from prometheus_client import CollectorRegistry
from records.judging_rig import UEN, Desk
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from acra_express_async.console.tickets import COOKIE
from acra_express_async.db.session.pool import Connection
from acra_express_async.metrics import Metrics
from acra_express_async.models import Evidence, Site
from acra_express_async.runtime.health import Health
from acra_express_async.web import WebServer, build_app

from .rooms import Scene
from .test_pages import PAGES

SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


def assert_harmless(text: str) -> None:
    """A browser's parser finds no element, attribute or link that a stored or sent text brought in."""
    page = HTMLParser(text)
    assert not page.css("img, iframe, object, embed, style, base, svg")
    for node in page.css("*"):
        assert not [name for name in node.attributes if name.startswith("on") or name == "style"], node.html
        if node.tag == "script":
            assert node.attributes.get("src") == "/console/assets/console.js" or not node.text()
        for name in ("href", "src", "action", "formaction"):
            assert not (node.attributes.get(name) or "").lstrip().lower().startswith(("javascript:", "data:", "//"))


async def test_scripts_in_stored_texts_are_shown_as_text(scene: Scene, desk: Desk, owner: Connection) -> None:
    url = 'https://lotus.com.sg/"onmouseover="alert(1)'
    site = Site("lotus.com.sg", "javascript:alert(1)", 90, (Evidence(SCRIPT, 60, url, SCRIPT),))
    await desk.enriched(site=site, about=SCRIPT, socials=(("linkedin", "javascript:alert(1)"), (SCRIPT, SCRIPT)))
    await owner.execute("UPDATE companies SET name = $1, website_domain = $1", SCRIPT)
    await owner.execute(
        "UPDATE staging_acra_companies SET entity_name = $1, street_name = $1, entity_status_description = $1", SCRIPT
    )
    await owner.execute(
        "UPDATE acra_express.outcomes SET reason = $1, campaign_id = 7, level = 'unsure',"
        " detail = jsonb_set(detail, '{site,points}', '56')",
        SCRIPT,
    )
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, name, enqueued_at, enqueued_by, cancelled_at, cancelled_by,"
        " again_by) VALUES (7, $1, now(), $1, now(), $1, $1)",
        SCRIPT,
    )
    await owner.execute(
        "INSERT INTO acra_express.judgements (uen, field, value, judgement, judged_by, judged_at, note)"
        " VALUES ($1, 'phone', $2, 'accept', $2, now(), $2)",
        UEN,
        SCRIPT,
    )
    await owner.execute(
        "INSERT INTO acra_express.field_history VALUES (now(), $1, 'website', to_jsonb($2::text), to_jsonb($2::text))",
        UEN,
        SCRIPT,
    )
    await owner.execute(
        "INSERT INTO acra_express.probe_requests (provider, requested_at, requested_by, taken_at, ended_at, answer)"
        " VALUES ('jina', now(), $1, now(), now(), $1)",
        SCRIPT,
    )
    await owner.execute("UPDATE acra_express.breakers SET kind = 'blocked', reason = $1, open_until = now()", SCRIPT)
    async with scene.signed_in(SCRIPT) as browser:
        texts = [await browser.page(f"/console{path}") for path in PAGES]
        texts += [await browser.page(f"/console/companies/{UEN}"), await browser.page("/console/campaigns/7")]
        texts += [await browser.page("/console/search?q=" + quote("\"'>"))]
    for text in texts:
        assert_harmless(text)
    assert sum("&lt;script&gt;alert" in text for text in texts) == len(texts)


async def test_scripts_in_every_sent_field_are_shown_as_text(scene: Scene, owner: Connection) -> None:
    await a_registry_row(owner, UEN)
    async with scene.signed_in() as browser:
        token = await browser.token()
        for path, names in (
            ("/enqueue", "name terms ssic uens limit batch_size daily_cap step again"),
            (f"/companies/{UEN}/judge", "word domain present note contact item from look_again"),
            ("/sign-in", "name password next"),
            ("/pause", "x"),
        ):
            for name in names.split():
                answer = await browser.client.post(f"/console{path}", data={"token": token, name: SCRIPT})
                assert_harmless(answer.text)
        for path in (
            "/search?q=",
            "/?said=",
            "/sign-in?next=",
            "/export?campaign=",
            "/export/records.csv?campaign=",
            "/export/records.csv?level=",
            "/export/records.csv?since=",
            "/companies/",
            "/review?item=",
        ):
            assert_harmless((await browser.client.get(f"/console{path}{quote(SCRIPT)}")).text)


async def test_every_answer_has_the_strict_headers(scene: Scene) -> None:
    async with scene.signed_in() as browser:
        for path in (*PAGES, "/companies/201912345K", "/sign-in", "/search?q=201912345K"):
            answer = await browser.client.get(f"/console{path}")
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "//" not in policy, "no other host"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/console/assets/../gate.py",
        "/console/assets/%2e%2e/gate.py",
        "/console/assets/..%2fgate.py",
        "/console/assets/....//gate.py",
        "/console/assets/%00",
        "/console/assets/console.css/..",
        "/console/companies/..%2f..%2fetc%2fpasswd",
        "/console/export/records.csv%2f..%2f..%2fx",
        "/console/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_no_path_leads_to_a_file(scene: Scene, path: str) -> None:
    async with scene.signed_in() as browser:
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
        cookie = browser.client.cookies[COOKIE]
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}={cookie}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = (await reader.read()).decode()
        writer.close()
    assert answer.split()[1] in ("404", "400"), answer[:200]
    assert "import" not in answer


async def test_heads_and_bodies_are_limited(scene: Scene) -> None:
    async with scene.signed_in() as browser:
        token = await browser.token()
        large = await browser.client.post("/console/enqueue", data={"token": token, "uens": "A" * 300_000})
        assert large.status_code == 413
        many = await browser.client.post(
            "/console/enqueue", data={"token": token} | dict.fromkeys(map(str, range(99)), "x")
        )
        assert many.status_code == 400
        odd = await browser.client.post(
            "/console/enqueue", content=b"token=%ff%fe", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert odd.status_code == 400
        file = await browser.client.post("/console/enqueue", files={"uens": b"x"}, data={"token": token})
        assert file.status_code == 415
        head = await browser.client.get("/console/", headers={"X-Long": "x" * 9000})
        assert head.status_code == 400
        cookies = await browser.client.get("/console/", headers={"Cookie": f"{COOKIE}=" + "x" * 9000})
        assert cookies.status_code == 400
        line = await browser.client.get("/console/search", params={"q": "x" * 9000})
        assert line.status_code in (400, 414)
        for path in ("/search?q=x%00y", "/search?q=%ed%a0%80", "/?said=%00", "/sign-in?next=%00"):
            assert (await browser.client.get(f"/console{path}")).status_code in (200, 400), path
        for odd_text in ("%00", "%ed%a0%80"):
            odd = await browser.client.post(
                f"/console/companies/{UEN}/judge",
                content=f"token={token}&word=none&note={odd_text}",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert odd.status_code == 400
        assert (await browser.client.get("/healthz")).status_code in (200, 503)


@pytest.mark.parametrize("end", [b"", b"\r\nname="], ids=["half a head", "half a body"])
async def test_connections_beyond_the_bound_lock_no_one_out(scene: Scene, end: bytes) -> None:
    bound = 64
    head = (
        b"POST /console/sign-in HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999\r\n"
    )
    crowd = [await asyncio.open_connection("127.0.0.1", scene.port) for _ in range(bound + 50)]
    try:
        for _, writer in crowd:
            writer.write(head + end)
        assert scene.server.connections is not None
        async with scene.signed_in() as browser:
            assert "Campaigns" in await browser.page("/console/")
            async with httpx.AsyncClient(base_url=scene.root) as probe:
                assert (await probe.get("/healthz")).status_code in (200, 503)
        assert len(scene.server.connections.open) <= bound
    finally:
        for _, writer in crowd:
            writer.close()


async def test_a_form_that_breaks_off_leaves_no_error(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    head = (
        b"POST /console/sign-in HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999\r\n\r\nname="
    )
    assert scene.server.connections is not None
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", scene.port)
        writer.write(head)
        while not scene.server.connections.open:  # noqa: ASYNC110 - waits for turns of the loop, not for time
            await asyncio.sleep(0)
        async with scene.client() as client:  # by then the form has reached its handler
            await client.get("/healthz")
        writer.transport.abort()
        while scene.server.connections.open:  # noqa: ASYNC110
            await asyncio.sleep(0)
    async with scene.client() as client:
        await client.get("/healthz")
    assert not caplog.records


async def test_odd_numbers_and_origins_are_no_fault_of_ours(scene: Scene) -> None:
    async with scene.signed_in() as browser:
        for path in (
            "/review?item=" + "9" * 5000,
            "/export/records.csv?campaign=" + "9" * 5000,
            "/export/records.csv?campaign=1" + "0" * 30,
            "/export/records.csv?campaign=" + "0" * 18 + "1" + "9" * 20,
            "/sign-in?next=" + quote("//["),
        ):
            assert (await browser.client.get(f"/console{path}")).status_code in (200, 409), path
        for path in ("/sign-in", "/pause"):
            form = {"token": await browser.token(), "next": "//["}
            answer = await browser.client.post(f"/console{path}", data=form, headers={"Origin": "http://["})
            assert answer.status_code == 403, path


async def test_strangers_see_no_company_on_the_open_pages(scene: Scene, owner: Connection) -> None:
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, name, enqueued_at) VALUES (3, 'spring list', now())"
    )
    shown = ("ORCHID BAKERY", "199801234K", "orchidbakery.sg", "spring list")
    async with scene.client() as stranger:
        told = (await stranger.get("/status.json")).json()
        text = (await stranger.get("/")).text
        assert told["companies"] == []
        assert not [each for each in shown if each in text or each in str(told)]
        assert "Sign in" in text
    assert not scene.sessions.is_open
    async with scene.client(Cookie=f"{COOKIE}=forged") as stranger:
        assert not [each for each in shown if each in (await stranger.get("/")).text]
        assert (await stranger.get("/console/")).status_code == 303
    assert not scene.sessions.is_open, "a forged cookie costs no connection either"
    async with scene.signed_in() as browser:
        text = await browser.page("/")
        assert not [each for each in shown if each not in text]
        told = (await browser.client.get("/status.json")).json()
        assert told["campaigns"][0]["name"] == "spring list"
        assert told["companies"]


async def test_without_a_console_there_is_none() -> None:
    app = build_app(health=Health(lambda: 0.0), metrics=Metrics(CollectorRegistry()), status=status)
    server = WebServer(app, "127.0.0.1", 0)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            for path in ("/console", "/console/", "/console/sign-in"):
                assert (await client.get(path)).status_code == 404
            page = (await client.get("/")).text
    finally:
        await server.stop()
    assert "ORCHID BAKERY" in page
    assert "/console" not in page


async def test_the_name_of_a_company_cannot_break_the_search(scene: Scene, owner: Connection) -> None:
    await a_company(owner, UEN, name="\\_% O'BRIEN; DROP TABLE companies --")
    async with scene.signed_in() as browser:
        text = (await browser.client.get("/console/search", params={"q": "\\_% o'brien; drop"})).text
    assert UEN in text
