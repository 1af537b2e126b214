"""Who gets in: forged, replayed, expired and foreign cookies, guessed passwords, and headers of unknown peers."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import urlsafe_b64encode
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from db.builders import advance
from itsdangerous import URLSafeSerializer

from acra_express_async.console.gate import own_path
from acra_express_async.console.sign_in_limits import FREE_TRIES, LONGEST_WAIT, SignInLimits
from acra_express_async.console.tickets import COOKIE
from acra_express_async.db.session.pool import Connection
from acra_express_async.errors import ConfigError
from acra_express_async.settings.tree import load_settings

from .rooms import PASSWORD, Scene, console_on, token_in

READ = "/console/trail"
PROXY = {"CONSOLE__PASSWORD": "", "CONSOLE__USER_HEADER": "X-Forwarded-User"}


async def is_let_in(client: httpx.AsyncClient) -> bool:
    answer = await client.get(READ)
    assert answer.status_code in (200, 303, 401)
    return answer.status_code == 200


async def test_the_cookie_is_kept_from_scripts_and_others(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.post("/console/sign-in", data={"name": "mei", "password": PASSWORD})
        [cookie] = answer.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= parts
    assert "secure" not in parts, "this peer is loopback"
    assert PASSWORD not in cookie


async def test_the_cookie_is_secure_for_every_other_peer(owner: Connection, fresh_dsn: str) -> None:
    async with console_on(owner, fresh_dsn, CONSOLE__TRUSTED_PROXIES="127.0.0.1") as scene:
        for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-Proto": "https"}):
            async with scene.client(**headers) as client:
                answer = await client.post("/console/sign-in", data={"name": "mei", "password": PASSWORD})
                assert "secure" in answer.headers["set-cookie"].lower()


async def test_without_a_cookie_every_page_leads_to_the_form(scene: Scene) -> None:
    async with scene.client() as client:
        for path in ("/", "/search?q=x", "/companies/201912345K", "/review", "/trail", "/export/records.csv"):
            answer = await client.get(f"/console{path}")
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole%2F")
        for path in ("/pause", "/enqueue", "/campaigns/1/cancel", "/providers/jina/probe", "/sign-out"):
            assert (await client.post(f"/console{path}", data={"token": "x"})).status_code == 401
    assert not scene.sessions.is_open, "strangers cost no connection"


async def test_forged_cookies_are_worth_nothing(scene: Scene) -> None:
    told = {"i": urlsafe_b64encode(b"0" * 18).decode(), "n": "mei", "h": "password", "t": 1.8e9}
    forged = [
        "",
        "x",
        "." * 100,
        "eyJpIjoiMSJ9.AAAA.BBBB",
        URLSafeSerializer("", salt="console session").dumps(told),
        URLSafeSerializer(PASSWORD, salt="console session").dumps(told),
    ]
    async with scene.signed_in() as browser:
        real = browser.client.cookies[COOKIE]
        token = await browser.token()
    # the last two bits of the last character are padding, so "B" would read as "A"
    forged += [token, real[:-1] + ("A" if real[-1] != "A" else "E"), real.replace(".", "..", 1), real * 2]
    for cookie in (*forged, "caf\u00e9.x.y", "\u5370.x.y"):
        async with scene.client() as client:
            answer = await client.get(READ, headers=[("Cookie", f"{COOKIE}={cookie}".encode())])
            assert answer.status_code in (303, 400), cookie
        latin = f"{COOKIE}={cookie}".encode("latin-1", "replace")
        async with scene.client() as client:
            assert (await client.get(READ, headers=[("Cookie", latin)])).status_code in (303, 400), cookie


async def test_a_cookie_is_dead_after_sign_out_on_every_replica(
    scene: Scene, owner: Connection, fresh_dsn: str
) -> None:
    async with console_on(owner, fresh_dsn) as other, scene.signed_in() as browser:
        cookie = browser.client.cookies[COOKIE]
        async with (
            scene.client(Cookie=f"{COOKIE}={cookie}") as here,
            other.client(Cookie=f"{COOKIE}={cookie}") as there,
        ):
            assert await is_let_in(here)
            assert await is_let_in(there), "replicas share the key"
            assert (await browser.send("/console/sign-out")).status_code == 303
            assert COOKIE not in browser.client.cookies
            assert not await is_let_in(here), "replayed"
            assert not await is_let_in(there)


async def test_a_cookie_expires_by_the_clock_of_the_database(scene: Scene, owner: Connection) -> None:
    async with scene.signed_in() as browser:
        await advance(owner, 11.9)
        assert await is_let_in(browser.client)
        await advance(owner, 12.1)
        assert not await is_let_in(browser.client)


async def test_a_new_password_ends_all_sessions(scene: Scene, owner: Connection, fresh_dsn: str) -> None:
    async with scene.signed_in() as browser:
        cookie = browser.client.cookies[COOKIE]
    async with (
        console_on(owner, fresh_dsn, CONSOLE__PASSWORD="another-long-password") as after,
        after.client(Cookie=f"{COOKIE}={cookie}") as client,
    ):
        assert not await is_let_in(client)


async def test_guesses_are_slowed_down_for_their_peer_alone(owner: Connection, fresh_dsn: str) -> None:
    async with console_on(owner, fresh_dsn, CONSOLE__TRUSTED_PROXIES="127.0.0.0/8") as scene:

        async def tried(password: str, peer: str) -> httpx.Response:
            async with scene.client(**{"X-Forwarded-For": f"1.1.1.1, {peer}"}) as client:
                return await client.post("/console/sign-in", data={"name": "eve", "password": password})

        codes = [(await tried(f"guess {number}", "203.0.113.9")).status_code for number in range(FREE_TRIES + 20)]
        assert codes == [403] * FREE_TRIES + [429] * 20
        late = await tried(PASSWORD, "203.0.113.9")
        assert late.status_code == 429, "a right guess tells nothing while the peer waits"
        assert 0 < int(late.headers["retry-after"]) <= LONGEST_WAIT
        assert (await tried(PASSWORD, "203.0.113.10")).status_code == 303, "no one else is locked out"
        scene.moment += LONGEST_WAIT
        assert (await tried(PASSWORD, "203.0.113.9")).status_code == 303, "nor is that peer for ever"
    trail = await scene.trail()
    assert [line["action"] for line in trail] == ["sign_in", "sign_in"]


def test_waits_grow_and_memory_is_bounded() -> None:
    moment = 0.0
    limits = SignInLimits(lambda: moment, most_peers=100)
    waits = []
    for _ in range(20):
        while wait := limits.try_now(ip_address("203.0.113.9")):
            waits.append(wait)
            moment += wait
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == LONGEST_WAIT
    for number in range(1000):
        limits.try_now(ip_address(f"2001:db8:0:{number:x}::1"))
    assert len(limits) == 100
    moment += 10_000
    assert not limits.try_now(ip_address("203.0.113.9"))


def test_a_host_cannot_escape_by_its_many_ipv6_addresses() -> None:
    limits = SignInLimits(lambda: 0.0)
    tries = [limits.try_now(ip_address(f"2001:db8::{number:x}")) for number in range(1, 50)]
    assert sum(wait == 0 for wait in tries) == FREE_TRIES


async def test_the_proxy_names_people(owner: Connection, fresh_dsn: str) -> None:
    async with console_on(owner, fresh_dsn, **PROXY, CONSOLE__TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8") as scene:
        async with scene.client(**{"X-Forwarded-User": "dana@example.com"}) as client:
            page = await client.get("/console/")
            assert "dana@example.com (by the proxy)" in page.text
            assert "Sign out" not in page.text
            answer = await client.post("/console/pause", data={"token": token_in((await client.get("/console/")).text)})
            assert answer.status_code == 303
        async with scene.client() as client:
            assert (await client.get("/console/")).status_code == 401
            assert (await client.get("/console/sign-in")).status_code == 404
    assert [(line["acted_by"], line["signed_in"]) for line in await scene.trail()] == [("dana@example.com", "proxy")]


async def test_one_person_cannot_use_the_cookie_of_another(owner: Connection, fresh_dsn: str) -> None:
    async with console_on(owner, fresh_dsn, **PROXY, CONSOLE__TRUSTED_PROXIES="127.0.0.1") as scene:
        async with scene.client(**{"X-Forwarded-User": "dana"}) as client:
            token = token_in((await client.get("/console/")).text)
            cookie = client.cookies[COOKIE]
        async with scene.client(**{"X-Forwarded-User": "eve"}, Cookie=f"{COOKIE}={cookie}") as client:
            assert (await client.post("/console/pause", data={"token": token})).status_code == 403
        async with scene.client(Cookie=f"{COOKIE}={cookie}") as client:
            assert (await client.get("/console/")).status_code == 401, "without the proxy's word the cookie is nothing"


@pytest.mark.parametrize("proxies", ["10.0.0.0/8", "::1", "127.0.0.2"])
async def test_a_header_from_an_untrusted_peer_is_nothing(owner: Connection, fresh_dsn: str, proxies: str) -> None:
    async with console_on(owner, fresh_dsn, **PROXY, CONSOLE__TRUSTED_PROXIES=proxies) as scene:
        for headers in (
            {"X-Forwarded-User": "dana"},
            {"X-Forwarded-User": "dana", "X-Forwarded-For": "10.0.0.7"},
            {"x-forwarded-user": "dana", "Forwarded": "for=10.0.0.7"},
        ):
            async with scene.client(**headers) as client:
                assert (await client.get("/console/")).status_code == 401, headers
        assert not scene.sessions.is_open


@pytest.mark.parametrize("name", ["", "a" * 201, "da\x07na", "\u202edana"])
async def test_an_unusable_name_from_the_proxy_is_refused(owner: Connection, fresh_dsn: str, name: str) -> None:
    async with (
        console_on(owner, fresh_dsn, **PROXY, CONSOLE__TRUSTED_PROXIES="127.0.0.1") as scene,
        scene.client() as client,
    ):
        headers = [("X-Forwarded-User", name.encode())]
        assert (await client.get("/console/", headers=headers)).status_code in (400, 401)
        twice = [("X-Forwarded-User", b"dana"), ("X-Forwarded-User", b"eve")]
        assert (await client.get("/console/", headers=twice)).status_code == 401


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"CONSOLE__USER_HEADER": "X-User"}, "needs TRUSTED_PROXIES"),
        ({"CONSOLE__PASSWORD": "short"}, "at least 12 characters"),
        ({"CONSOLE__USER_HEADER": "X User", "CONSOLE__TRUSTED_PROXIES": "10.0.0.1"}, "CONSOLE__USER_HEADER"),
        ({"CONSOLE__TRUSTED_PROXIES": "proxy.example"}, "must be addresses or networks"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(values: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match="CONSOLE") as wrong:
        load_settings({"POSTGRES_DSN": "postgresql://x"} | {f"ACRA_EXPRESS_{name}": v for name, v in values.items()})
    assert said in str(wrong.value)
    assert "short" not in str(wrong.value)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/console//evil.example",
        "/\\evil.example",
        "/console/\\evil",
        "javascript:alert(1)",
        "//[",
        "//\u2100",
        "/console/\r\nSet-Cookie: a=b",
        "",
    ],
)
def test_sign_in_leads_nowhere_else(wanted: str) -> None:
    assert own_path(wanted) == "/console/"
    assert own_path("/console/companies/201912345K?x=1") == "/console/companies/201912345K?x=1"


async def test_the_key_is_derived_once_for_a_crowd(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, scrypt = [], hashlib.scrypt

    def counted(*arguments: Any, **options: Any) -> bytes:
        calls.append(1)
        return scrypt(*arguments, **options)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    async with scene.client(Cookie=f"{COOKIE}=forged") as client:
        await asyncio.gather(*(client.get("/console/") for _ in range(20)))
    assert len(calls) == 1


async def test_a_lost_cookie_is_explained(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.post("/console/sign-in", data={"name": "mei", "password": PASSWORD})
        client.cookies.clear()
        text = (await client.get(answer.headers["location"], follow_redirects=True)).text
    assert "did not keep the session" in text
