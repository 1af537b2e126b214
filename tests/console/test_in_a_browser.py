"""A data specialist's visit in a real browser: sign in, search, judge by keyboard, enqueue, retry, cancel, export."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from db.builders import a_registry_row
from records.judging_rig import UEN, Desk, a_phone
from tools import require_tool

from acra_express_async.db.session.pool import Connection

from .chromium import Tab, browsing
from .rooms import PASSWORD, Scene

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]

AXE = "axe-core@4.14.1"
DESK, PHONE = (1280, 1100), (390, 900)
OTHER, THIRD = "199000001A", "199000002B"
VIEWED = (
    "/console/",
    "/console/campaigns/2",
    "/console/search?q=company",
    f"/console/companies/{UEN}",
    "/console/review",
    "/console/enqueue",
    "/console/providers",
    "/console/export",
    "/console/trail",
    "/",
)


@pytest.fixture
def chromium(request: pytest.FixtureRequest) -> str:
    return require_tool(request.config, "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core from npm."""
    npm, folder = require_tool(request.config, "npm"), tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), AXE],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def furnished(desk: Desk, owner: Connection) -> None:
    """Companies to review, a campaign with a failed company, and one that waits."""
    await desk.enriched(phones=(a_phone("+6561112222"),))
    await desk.enriched(OTHER, "rose.com.sg", job=2)
    await a_registry_row(owner, THIRD)
    await owner.execute(
        "UPDATE acra_express.outcomes SET level = 'unsure', detail = jsonb_set(detail, '{site,points}', '56')"
    )
    await owner.execute(
        "INSERT INTO background_jobs (job_id, job_type, status, params, ended_at)"
        " VALUES (2, 'acra_express_enrich_candidates', 'done', '{}', now())"
    )
    await owner.execute("SELECT setval(pg_get_serial_sequence('background_jobs', 'job_id'), 100)")
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, name, enqueued_at, enqueued_by)"
        " VALUES (2, 'spring list', now() - interval '1 hour', 'mei')"
    )
    company = await owner.fetchval(
        "INSERT INTO companies (uen, name) VALUES ('199000003C', 'FAILED PTE. LTD.') RETURNING company_id"
    )
    await owner.execute(
        "INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, ended_at, campaign_id)"
        " VALUES (2, $1, '199000003C', 'failed', 'provider_error', now(), 2)",
        company,
    )


async def sign_in(tab: Tab, scene: Scene) -> None:
    await tab.goto(f"{scene.root}/console/")
    await tab.type_into("#name", "mei")
    await tab.type_into("#password", PASSWORD)
    await tab.press("Enter")
    assert "spring list" in await tab.text()


async def test_a_visit_of_a_data_specialist(
    scene: Scene, desk: Desk, owner: Connection, chromium: str, tmp_path: Path
) -> None:
    await furnished(desk, owner)
    async with browsing(chromium, tmp_path) as tab:
        await sign_in(tab, scene)
        await tab.goto(f"{scene.root}/console/search")
        await tab.type_into("#q", "rose.com.sg")
        await tab.press("Enter")
        assert OTHER in await tab.text()
        await judge_by_keyboard(tab, scene, owner)
        await enqueue_and_cancel(tab, scene, owner)
        await tab.goto(f"{scene.root}/console/campaigns/2")
        await tab.click("form[action$='/retry'] button")
        assert "Failed companies that wait again: 1" in await tab.text()
        await tab.goto(f"{scene.root}/console/export")
        await tab.click("button.main", leads_on=False)
        async with asyncio.timeout(60):
            await tab.downloaded.wait()
        [file] = (tmp_path / "downloads").iterdir()
        assert file.read_text(encoding="utf-8").startswith("uen,name,")
        await tab.goto(f"{scene.root}/console/trail")
        assert "export" in await tab.text()
        await tab.click("form[action$='/sign-out'] button")
        assert "Sign in" in await tab.text()
        assert tab.complaints == []


async def judge_by_keyboard(tab: Tab, scene: Scene, owner: Connection) -> None:
    await tab.goto(f"{scene.root}/console/review")
    assert "1 of 2" in await tab.text()
    await tab.press("j")
    assert "2 of 2" in await tab.text()
    await tab.press("k")
    await tab.press("a")
    assert "site accept" in await tab.text()
    await tab.press("s", leads_on=False)
    await tab.type_into(":focus", "daisy.com.sg")
    await tab.press("Enter")
    assert "site set daisy.com.sg is recorded" in await tab.text()
    judged = await owner.fetch("SELECT judgement FROM acra_express.judgements ORDER BY judgement_id")
    assert [row[0] for row in judged] == ["accept", "set"]


async def enqueue_and_cancel(tab: Tab, scene: Scene, owner: Connection) -> None:
    await tab.goto(f"{scene.root}/console/enqueue")
    await tab.type_into("#uens", THIRD)
    await tab.type_into("#name", "one more")
    await tab.click("button[value=look]")
    assert "of 1 matching companies" in await tab.text()
    await tab.click("button[value=enqueue]")
    assert "one more" in await tab.text()
    await tab.click("form[action$='/cancel'] button")
    assert "Cancelled." in await tab.text()
    assert await owner.fetchval("SELECT count(*) FROM acra_express.campaigns WHERE cancelled_by = 'mei'") == 1


async def test_the_console_works_without_script(
    scene: Scene, desk: Desk, owner: Connection, chromium: str, tmp_path: Path
) -> None:
    await furnished(desk, owner)
    async with browsing(chromium, tmp_path) as tab:
        await tab.without_script(off=True)
        await sign_in(tab, scene)
        await tab.goto(f"{scene.root}/console/review")
        await tab.type_into("#domain", "daisy.com.sg")
        await tab.press("Enter")
        assert "site set daisy.com.sg is recorded" in await tab.text(), "and the form's first button was not pressed"
        await tab.click("button[value=accept]")
        assert "site accept" in await tab.text()


async def test_axe_finds_nothing_serious(
    scene: Scene, desk: Desk, owner: Connection, chromium: str, axe: str, tmp_path: Path
) -> None:
    await furnished(desk, owner)
    async with browsing(chromium, tmp_path) as tab:
        found = []
        await tab.goto(f"{scene.root}/console/sign-in")
        found += [f"sign-in {each}" for each in await tab.axe(axe)]
        await sign_in(tab, scene)
        for dark in (False, True):
            for path in VIEWED:
                await tab.look(width=DESK[0], height=DESK[1], dark=dark)
                await tab.goto(f"{scene.root}{path}")
                found += [f"{path} dark={dark} {each}" for each in await tab.axe(axe)]
        assert found == []


async def test_pages_fit_a_phone_and_both_schemes(
    scene: Scene, desk: Desk, owner: Connection, chromium: str, tmp_path: Path, pictures: Path
) -> None:
    await furnished(desk, owner)
    async with browsing(chromium, tmp_path) as tab:
        await tab.goto(f"{scene.root}/console/sign-in")
        await tab.picture(pictures / "sign-in.png", width=PHONE[0], height=PHONE[1])
        await sign_in(tab, scene)
        for path in VIEWED:
            name = path.split("?")[0].strip("/").replace("/", "-") or "status"
            await tab.goto(f"{scene.root}{path}")
            for look, size, dark in (("light", DESK, False), ("dark", DESK, True), ("phone", PHONE, False)):
                await tab.picture(pictures / f"{name}-{look}.png", width=size[0], height=size[1], dark=dark)
            wide = await tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} scrolls sideways on a phone by {wide} pixels"


@pytest.fixture
def pictures(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Where the pictures go; kept where --console-pictures names a folder."""
    folder = request.config.getoption("--console-pictures") or tmp_path / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(folder)
