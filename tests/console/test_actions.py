"""What people do: each action works, needs its session's token, and leaves a row on the trail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from db.builders import a_registry_row
from records.judging_rig import UEN, Desk, a_phone

from acra_express_async.db.companies.forget import forget
from acra_express_async.db.session.pool import Connection

from .rooms import PASSWORD, Scene, console_on

ACTIONS = (
    ("/pause", {}),
    ("/resume", {}),
    ("/enqueue", {"uens": UEN, "step": "enqueue"}),
    ("/campaigns/1/cancel", {}),
    ("/campaigns/1/retry", {}),
    (f"/companies/{UEN}/judge", {"word": "none"}),
    ("/providers/jina/probe", {}),
    ("/sign-out", {}),
)


async def tables(owner: Connection) -> list[Any]:
    """What the actions could change."""
    return [
        await owner.fetchval("SELECT paused FROM acra_express.control"),
        await owner.fetchval("SELECT count(*) FROM background_jobs"),
        await owner.fetchval("SELECT count(*) FROM acra_express.judgements"),
        await owner.fetchval("SELECT count(*) FROM acra_express.probe_requests"),
        await owner.fetchval("SELECT count(*) FROM acra_express.console_actions WHERE action <> 'sign_in'"),
        await owner.fetchval("SELECT count(*) FROM acra_express.console_sign_outs"),
    ]


@pytest.mark.parametrize(("path", "fields"), ACTIONS)
async def test_no_action_without_the_token_of_its_session(
    scene: Scene, owner: Connection, path: str, fields: dict[str, str]
) -> None:
    await a_registry_row(owner, UEN)
    before = await tables(owner)
    async with scene.signed_in("eve") as thief:
        foreign = await thief.token()
    async with scene.signed_in() as browser:
        own = await browser.token()
        for token in ({"x": "y"}, {"token": ""}, {"token": "x"}, {"token": foreign}, {"token": own[:-1]}):
            answer = await browser.client.post(f"/console{path}", data=token | fields)
            assert answer.status_code == 403, token
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil"}):
            answer = await browser.client.post(f"/console{path}", data={"token": own} | fields, headers=headers)
            assert answer.status_code == 403, headers
        assert (await browser.client.get(f"/console{path}", params={"token": own})).status_code in (200, 404, 405)
        wrong = await browser.client.post(f"/console{path}", json={"token": own} | fields)
        assert wrong.status_code == 415
    assert await tables(owner) == before


async def test_pause_and_resume_name_who_did_it(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        assert "Claiming is paused by mei" in await browser.told("/console/pause")
        assert await owner.fetchval("SELECT paused FROM acra_express.control")
        assert "Claiming continues." in await browser.told("/console/resume")
    assert [(line["action"], line["ended_how"]) for line in await scene.trail()] == [
        ("sign_in", "done"),
        ("pause", "done"),
        ("resume", "done"),
    ]


async def test_a_campaign_is_enqueued_and_cancelled(scene: Scene, owner: Connection) -> None:
    await a_registry_row(owner, UEN)
    async with scene.signed_in() as browser:
        text = await browser.told("/console/enqueue", uens=UEN, name="<b>list</b>", step="enqueue")
        number = int(re.search(r"Enqueued campaign (\d+)", text)[1])  # type: ignore[index]
        assert "&lt;b&gt;list" in text
        assert "<b>list" not in text
        text = await browser.told(f"/console/campaigns/{number}/cancel")
        assert "Companies that will not be looked at: 1." in text
        again = await browser.send(f"/console/campaigns/{number}/cancel")
        assert again.status_code == 409
        assert "is over" in again.text
        refused = await browser.send(f"/console/campaigns/{number}/retry")
        assert "no company of campaign" in refused.text
    assert await owner.fetchval("SELECT cancelled_by FROM acra_express.campaigns") == "mei"
    assert [(line["action"], line["campaign_id"], line["ended_how"]) for line in (await scene.trail())[1:]] == [
        ("enqueue", number, "done"),
        ("cancel", number, "done"),
        ("cancel", number, "refused"),
        ("retry", number, "refused"),
    ]


async def test_a_failed_company_is_retried(scene: Scene, owner: Connection, desk: Desk) -> None:
    await a_registry_row(owner, UEN)
    async with scene.signed_in() as browser:
        text = await browser.told("/console/enqueue", uens=UEN, step="enqueue")
        number = int(re.search(r"Enqueued campaign (\d+)", text)[1])  # type: ignore[index]
        await owner.execute("UPDATE background_jobs SET status = 'error', error = 'x' WHERE job_id = $1", number)
        text = await browser.told(f"/console/campaigns/{number}/retry")
        assert "Failed companies that wait again" in text
    assert await owner.fetchval("SELECT status FROM background_jobs WHERE job_id = $1", number) == "queued"


async def test_a_wrong_enqueue_keeps_what_was_typed(scene: Scene, owner: Connection) -> None:
    await a_registry_row(owner, UEN)
    async with scene.signed_in() as browser:
        for fields, said in (
            ({"terms": "qwertyuiop", "name": "mine"}, " matches "),
            ({"uens": UEN, "limit": "many", "name": "mine"}, "is not a number"),
            ({"name": "mine"}, "name at least one term"),
            ({"uens": UEN, "name": "mine", "authorized": "yes"}, "whom the proxy vouches for"),
        ):
            answer = await browser.send("/console/enqueue", **fields, step="enqueue")
            assert answer.status_code == 400
            assert said in answer.text
            assert 'value="mine"' in answer.text
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 0


async def test_only_the_proxys_word_authorizes(owner: Connection, fresh_dsn: str) -> None:
    await a_registry_row(owner, UEN)
    approvers = {"OVERRIDE_APPROVERS": "boss", "CONSOLE__TRUSTED_PROXIES": "127.0.0.1"}
    fields = {"uens": UEN, "batch_size": "9", "authorized": "yes", "step": "enqueue"}
    async with console_on(owner, fresh_dsn, CONSOLE__USER_HEADER="X-User", **approvers) as scene:
        async with scene.signed_in("boss") as browser:
            assert "I authorize" not in await browser.page("/console/enqueue")
            assert (await browser.send("/console/enqueue", **fields)).status_code == 400, "a typed name"
        for name, code in (("eve", 400), ("boss", 303)):
            async with scene.client(**{"X-User": name}) as client:
                text = (await client.get("/console/enqueue")).text
                assert ("I authorize" in text) == (name == "boss")
                token = re.search(r'name="token" value="([^"]+)"', text)
                assert token is not None
                answer = await client.post("/console/enqueue", data=fields | {"token": token[1]})
                assert answer.status_code == code
    assert await owner.fetchval("SELECT params #>> '{throttle,authorized_by}' FROM background_jobs") == "boss"


async def test_a_website_is_judged_and_looked_at_again(scene: Scene, desk: Desk, owner: Connection) -> None:
    await desk.enriched()
    path = f"/console/companies/{UEN}/judge"
    async with scene.signed_in() as browser:
        text = await browser.told(path, word="reject", present="lotus.com.sg", note="<i>no</i>", look_again="yes")
        assert "site reject lotus.com.sg is recorded" in text
        assert "looked at again in campaign" in text
        assert "&lt;i&gt;no" in text
        text = await browser.told(path, word="set", domain="https://www.rose.com.sg/about", look_again="yes")
        assert "site set rose.com.sg is recorded" in text
        assert "judgements cleared" in await browser.told(path, word="clear")
        for fields, said in (
            ({"word": "set", "domain": "nonsense"}, "is not a domain"),
            ({"word": "praise"}, "is none of"),
            ({"word": "accept", "contact": "nobody@lotus.com.sg"}, "is not among what was found"),
            ({"word": "none", "note": "x" * 1001}, "at most 1000 characters"),
        ):
            answer = await browser.send(path, **fields)
            assert answer.status_code == 409
            assert said in answer.text
    judged = await owner.fetch("SELECT judgement, judged_by FROM acra_express.judgements ORDER BY judgement_id")
    assert [tuple(row) for row in judged] == [("reject", "mei"), ("set", "mei")]
    trail = [(line["action"], line["uen"], line["ended_how"]) for line in await scene.trail()]
    assert trail[1:4] == [("judge", UEN, "done"), ("judge", UEN, "done"), ("clear", UEN, "done")]


async def test_contacts_are_judged(scene: Scene, desk: Desk, owner: Connection) -> None:
    await desk.enriched(phones=(a_phone("+6561112222"),))
    path = f"/console/companies/{UEN}/judge"
    async with scene.signed_in() as browser:
        await browser.told(path, contact="info@lotus.com.sg", word="bounced")
        await browser.told(path, contact="+6561112222", word="accept")
    judged = await owner.fetch("SELECT field, judgement FROM acra_express.judgements ORDER BY judgement_id")
    assert [tuple(row) for row in judged] == [("email", "bounced"), ("phone", "accept")]
    assert "info@lotus.com.sg" not in str(await owner.fetch("SELECT * FROM acra_express.console_actions"))


async def test_review_goes_from_item_to_item(scene: Scene, desk: Desk, owner: Connection) -> None:
    await desk.enriched()
    await desk.enriched("199000001A", "rose.com.sg", job=2)
    await owner.execute(
        """
        UPDATE acra_express.outcomes SET level = 'unsure', detail = jsonb_set(detail, '{site,points}', '56')
        """
    )
    async with scene.signed_in() as browser:
        text = await browser.page("/console/review")
        assert "1 of 2" in text
        first = re.search(r'action="/console/companies/(\w+)/judge"', text)
        assert first is not None
        text = await browser.told(f"/console/companies/{first[1]}/judge", word="accept", item="0", **{"from": "review"})
        assert "1 of 1" in text
        assert "site accept" in text
        assert f"/console/companies/{first[1]}/judge" not in text


async def test_a_probe_is_asked_for_and_its_answer_shown(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        text = await browser.told("/console/providers/jina/probe")
        assert "The service was asked to probe" in text
        assert "waiting for the answer" in text
        assert 'http-equiv="refresh"' in text
        await owner.execute(
            "UPDATE acra_express.probe_requests SET taken_at = now(), ended_at = now(), answered = true, answer = 'ok!'"
        )
        assert "ok!" in await browser.page("/console/providers")
        again = await browser.send("/console/providers/jina/probe")
        assert "is closed, there is nothing to probe" in again.text
        await owner.execute(
            """
            UPDATE acra_express.breakers SET kind = 'blocked', reason = 'challenge', opened_at = now(),
                open_until = now() + interval '1 hour' WHERE provider = 'duckduckgo'
            """
        )
        assert "blocked us" in (await browser.send("/console/providers/duckduckgo/probe")).text
        assert (await browser.send("/console/providers/slack/probe")).status_code == 404
    assert [line["ended_how"] for line in await scene.trail()][1:] == ["done", "refused", "refused"]


async def test_forget_and_opt_out_reach_the_trail(scene: Scene, desk: Desk, owner: Connection) -> None:
    await desk.enriched()
    async with scene.signed_in() as browser:
        await browser.told(f"/console/companies/{UEN}/judge", word="none")
        await forget(owner, UEN, shape=desk.shape, hashes=desk.hashes)
        text = await browser.page("/console/trail")
        assert UEN not in text
        assert "judge" in text
        refused = await browser.send(f"/console/companies/{UEN}/judge", word="none")
        assert "has opted out, which stands above every judgement" in refused.text


async def test_what_a_redirect_says_cannot_be_made_up(scene: Scene) -> None:
    async with scene.signed_in("eve") as thief:
        said = (await thief.send("/console/pause")).headers["location"]
    async with scene.signed_in() as browser:
        assert "Claiming is paused on all replicas" not in await browser.page(said)
        assert "pay me" not in await browser.page("/console/?said=pay+me")
        assert PASSWORD not in await browser.page("/console/")
