"""A key that is refused and stands in a file: the file is read again, at most once a minute, and the call repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import respx
from provider_fakes import bench
from reader_answers import URL, error, page

from acra_express_async.errors import Blocked, Transient
from acra_express_async.limits.breaker import State
from acra_express_async.models import Provider
from acra_express_async.providers.jina import JinaReader
from acra_express_async.providers.slack import Slack
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.runtime.secret_files import READ_AGAIN_SECONDS, Secret
from acra_express_async.settings.tree import JinaSettings, SlackSettings, ZeroBounceSettings

READER = "https://r.jina.ai/"
VALIDATE = "https://api.zerobounce.net/v2/validate"
CREDITS = "https://api.zerobounce.net/v2/getcredits"
HOOK = "https://hooks.slack.com/services/T000/B000/"
BAD_TOKEN = error(401, 40102, "AuthenticationFailedError", "Invalid bearer token")
BAD_KEY = {"error": "Invalid API key or your account ran out of credits"}


class File:
    """A secret in a file, a clock that only the test moves, and what was learned."""

    def __init__(self, path: Path, value: str) -> None:
        self.path = path
        self.now = 0.0
        self.learned: list[str] = []
        self.write(value)
        self.secret = Secret(value, name="KEY", path=path, clock=lambda: self.now, learned=self.learned.append)

    def write(self, value: str) -> None:
        self.path.write_text(f"{value}\n", encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "key", "old-key")


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def test_a_person_has_the_file_read_at_once(file: File) -> None:
    """Who mends a key within a minute after it was refused does not wait: a probe on request reads the file first."""
    assert not file.secret.refused()
    file.write("new-key")
    assert not file.secret.refused(), "too soon"
    assert file.secret.read_again()
    assert (file.secret.value, file.learned) == ("new-key", ["new-key"])
    assert not Secret("fixed").read_again()


def test_a_refused_secret_is_read_again_once_a_minute(file: File) -> None:
    assert not file.secret.refused(), "the file holds the same"
    file.write("new-key")
    assert not file.secret.refused(), "read a moment ago"
    file.now += READ_AGAIN_SECONDS
    assert file.secret.refused()
    assert (file.secret.value, file.learned) == ("new-key", ["new-key"])


@pytest.mark.parametrize("state", ["missing", "empty", "not UTF-8"])
def test_an_unreadable_file_leaves_the_secret_as_it_was(file: File, state: str) -> None:
    file.path.unlink()
    if state != "missing":
        file.path.write_bytes(b"" if state == "empty" else b"\xff\xfe")
    assert not file.secret.refused()
    assert file.secret.value == "old-key"


def test_a_secret_of_the_environment_itself_never_changes() -> None:
    assert not Secret("x").refused()


@respx.mock
@pytest.mark.looptime
async def test_a_rotated_jina_key_is_taken_at_once(http: httpx.AsyncClient, file: File) -> None:
    rig = bench(Provider.JINA)
    reader = JinaReader(http, JinaSettings(), rig.caller, key=file.secret)
    file.write("new-key")
    route = respx.post(READER).mock(side_effect=[httpx.Response(401, json=BAD_TOKEN), httpx.Response(200, json=page())])
    assert (await reader.read(URL, rig.scope)).usable
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer old-key", "Bearer new-key"]
    assert rig.breaker.state.state is State.CLOSED


@respx.mock
@pytest.mark.looptime
async def test_a_refused_jina_key_without_a_newer_one_blocks(http: httpx.AsyncClient, file: File) -> None:
    rig = bench(Provider.JINA)
    reader = JinaReader(http, JinaSettings(), rig.caller, key=file.secret)
    respx.post(READER).mock(return_value=httpx.Response(401, json=BAD_TOKEN))
    with pytest.raises(Blocked, match="401"):
        await reader.read(URL, rig.scope)
    assert rig.breaker.state.state is State.OPEN


@respx.mock
@pytest.mark.looptime
async def test_a_rotated_zerobounce_key_is_taken_at_once(http: httpx.AsyncClient, file: File) -> None:
    rig = bench(Provider.ZEROBOUNCE)
    verifier = ZeroBounce(http, ZeroBounceSettings(), rig.caller, key=file.secret)
    file.write("new-key")
    old, new = {"api_key": "old-key"}, {"api_key": "new-key"}
    respx.get(CREDITS, params=old).respond(json={"Credits": "-1"})
    respx.get(VALIDATE, params__contains=old).respond(json=BAD_KEY)
    answered = respx.get(VALIDATE, params__contains=new).respond(json={"status": "valid", "sub_status": ""})
    assert (await verifier.verify("info@kopi.com.sg", rig.scope)).status == "valid"
    assert answered.call_count == 1
    assert rig.breaker.state.state is State.CLOSED


@respx.mock
@pytest.mark.looptime
async def test_the_probe_of_a_blocked_account_takes_the_newer_key(http: httpx.AsyncClient, file: File) -> None:
    """The key was revoked first and its file written later, while the breaker was open."""
    rig = bench(Provider.ZEROBOUNCE)
    verifier = ZeroBounce(http, ZeroBounceSettings(), rig.caller, key=file.secret)
    old, new = {"api_key": "old-key"}, {"api_key": "new-key"}
    respx.get(CREDITS, params=old).respond(json={"Credits": "-1"})
    respx.get(CREDITS, params=new).respond(json={"Credits": "500"})
    respx.get(VALIDATE, params__contains=old).respond(json=BAD_KEY)
    respx.get(VALIDATE, params__contains=new).respond(json={"status": "valid", "sub_status": ""})
    with pytest.raises(Blocked, match="does not know the key"):
        await verifier.verify("info@kopi.com.sg", rig.scope)
    file.write("new-key")
    file.now += READ_AGAIN_SECONDS
    await asyncio.sleep(rig.breaker.state.remaining.total_seconds())  # on the clock of looptime
    assert (await verifier.verify("info@kopi.com.sg", rig.scope)).status == "valid"
    assert rig.breaker.state.state is State.CLOSED


@respx.mock
@pytest.mark.looptime
async def test_a_dead_webhook_is_replaced_by_the_one_in_its_file(http: httpx.AsyncClient, tmp_path: Path) -> None:
    rig = bench(Provider.SLACK, breaker=False)
    file = File(tmp_path / "hook", HOOK + "old")
    slack = Slack(http, SlackSettings(), rig.caller, webhook=file.secret)
    respx.post(HOOK + "old").respond(404, text="no_service")
    taken = respx.post(HOOK + "new").respond(200, text="ok")
    with pytest.raises(Blocked, match="no_service"):
        await slack.post("first")
    assert slack.dead == "no_service"
    file.write(HOOK + "new")
    assert slack.dead == "no_service", "its file was read a moment ago"
    file.now += READ_AGAIN_SECONDS
    assert slack.dead is None
    await slack.post("second")
    assert taken.call_count == 1


@respx.mock
@pytest.mark.looptime
async def test_two_refusals_in_a_row_do_not_repeat_for_ever(http: httpx.AsyncClient, file: File) -> None:
    rig = bench(Provider.JINA)
    reader = JinaReader(http, JinaSettings(), rig.caller, key=file.secret)
    file.write("also wrong")
    route = respx.post(READER).respond(401, json=BAD_TOKEN)
    with pytest.raises((Blocked, Transient)):
        await reader.read(URL, rig.scope)
    assert route.call_count == 2
