"""The simulated verifier: results, credits, two forms of refusal, batches and penalties."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
from sandbox.asking import balance, verify
from sandbox.conftest import Starter

from acra_express_async.sandbox.simulator import Fault, Options, SimulatorClock
from acra_express_async.sandbox.world import Truth, World

CALM = Options(latency_scale=0)


async def test_an_answer_follows_the_world_and_costs_a_credit(
    start: Starter, http: httpx.AsyncClient, world: World, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, credits=10))
    address = found.emails[0].email
    body = (await verify(http, sim, address)).json()
    box = world.mailbox(address)
    assert (body["address"], body["status"], body["sub_status"]) == (address, box.status, box.sub_status)
    assert body["mx_found"] in ("true", "false")
    assert isinstance(body["free_email"], bool)
    assert body["processed_at"] == "2027-01-15 12:00:00.000"
    assert await balance(http, sim) == {"Credits": "9"}


async def test_unknown_is_free_and_greylisting_ends(
    start: Starter, http: httpx.AsyncClient, world: World, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, credits=10, allowance_scale=10))
    hidden = [mail for mail in _addresses(world) if world.mailbox(mail).unknown]
    greylisted = next((mail for mail in hidden if world.mailbox(mail).unknown == "greylisted"), None)
    other = next(mail for mail in hidden if world.mailbox(mail).unknown != "greylisted")
    for address in filter(None, (greylisted, other)):
        assert (await verify(http, sim, address)).json()["status"] == "unknown"
    assert await balance(http, sim) == {"Credits": "10"}
    clock.advance(1800)
    assert (await verify(http, sim, other)).json()["status"] == "unknown"
    if greylisted is not None:
        assert (await verify(http, sim, greylisted)).json()["status"] == world.mailbox(greylisted).status


def _addresses(world: World) -> list[str]:
    big = world.redrawn(site_share=1.0)
    found = [mail.email for uen in big.uens() for mail in big.truth(uen).emails]
    return [address for address in found if world.mailbox(address).mx_record]


async def test_sandbox_addresses_are_free(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start(dataclasses.replace(CALM, credits=0))
    body = (await verify(http, sim, "possible_trap@example.com")).json()
    assert (body["status"], body["sub_status"], body["firstname"]) == ("do_not_mail", "possible_trap", "zero")
    assert await balance(http, sim) == {"Credits": "0"}


async def test_only_the_balance_tells_a_bad_key_from_empty_credits(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, credits=0))
    refusals = [await verify(http, sim, found.emails[0].email), await verify(http, sim, found.emails[0].email, key="x")]
    for refusal in refusals:
        assert refusal.status_code == 200
        assert refusal.json() == {"error": "Invalid API key or your account ran out of credits"}
    assert await balance(http, sim) == {"Credits": "0"}
    assert await balance(http, sim, key="x") == {"Credits": "-1"}


async def test_the_shield_answers_a_bad_key_with_echoing_html(
    start: Starter, http: httpx.AsyncClient, found: Truth
) -> None:
    sim = await start()
    sim.faults.add(Fault.of({"provider": "zerobounce", "knob": "shield", "value": "on"}))
    refusal = await verify(http, sim, found.emails[0].email, key="leaked-key")
    assert refusal.status_code == 403
    assert refusal.headers["content-type"].startswith("text/html")
    assert "1020" in refusal.text
    assert "leaked-key" in refusal.text
    assert (await verify(http, sim, found.emails[0].email)).status_code == 200
    assert await balance(http, sim, key="leaked-key") == 403


async def test_missing_parameters_are_named(start: Starter, http: httpx.AsyncClient) -> None:
    base = (await start()).base_url("zerobounce")
    assert (await http.get(f"{base}/v2/validate")).json() == {"error": "Missing parameter: api_key."}
    answer = await http.get(f"{base}/v2/validate", params={"api_key": "x"})
    assert (answer.status_code, answer.json()) == (400, {"error": "Missing parameter: email."})
    batch = await http.post(f"{base}/v2/validatebatch", json={"api_key": "x"})
    assert batch.json() == {"Message": "Missing parameter: email_batch."}
    assert (await http.get(f"{base}/v2/nothing", params={"api_key": "x"})).status_code == 404


async def test_a_batch_mixes_results_and_errors(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    address = found.emails[0].email
    members = [
        {"email_address": address, "ip_address": None},
        {"ip_address": None},
        {"email_address": "valid@example.com"},
    ]
    url = f"{sim.base_url('zerobounce')}/v2/validatebatch"
    body = (await http.post(url, json={"api_key": sim.options.zerobounce_key, "email_batch": members})).json()
    assert {result["address"] for result in body["email_batch"]} == {address, "valid@example.com"}
    assert body["errors"] == [{"email_address": "unknown", "error": "Missing email_batch key: email_address."}]
    refused = (await http.post(url, json={"api_key": "x", "email_batch": members})).json()
    assert refused["email_batch"] == []
    many = {"api_key": sim.options.zerobounce_key, "email_batch": [{"email_address": "valid@example.com"}] * 101}
    assert (await http.post(url, json=many)).status_code == 400
    assert sim.ledger.budgets["zerobounce_verifications"].worst == 3 + 3 + 101, "batch members count singly"


async def test_the_budget_counts_every_verification_in_a_rolling_day(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(dataclasses.replace(CALM, allowance_scale=0.004))  # 2 a day
    address = found.emails[0].email
    assert (await verify(http, sim, address)).status_code == 200
    clock.advance(80_000)
    assert (await verify(http, sim, address.upper())).status_code == 200
    refused = await verify(http, sim, address)
    assert (refused.status_code, "retry-after" in refused.headers) == (429, False)
    assert [record["budget"] for record in sim.violations] == ["zerobounce_verifications"]
    assert sim.ledger.verifications_sent[address] == 3
    assert sim.ledger.verifications_answered[address] == 2
    assert sim.state()["verifications"] == {"sent": 3, "answered": 2, "sent_more_than_once": 1}


@pytest.mark.parametrize(("boundary", "midnight"), [("UTC", 12 * 3600), ("Asia/Singapore", 4 * 3600)])
async def test_the_budgets_day_can_be_a_calendar_day(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth, boundary: str, midnight: int
) -> None:
    options = dataclasses.replace(CALM, allowance_scale=0.002, day_boundary=boundary)  # type: ignore[arg-type]
    sim = await start(options)
    clock.advance(midnight - 1)
    assert (await verify(http, sim, found.emails[0].email)).status_code == 200
    clock.advance(1)
    assert (await verify(http, sim, found.emails[0].email)).status_code == 200
    assert (await verify(http, sim, found.emails[0].email)).status_code == 429


@pytest.mark.parametrize(
    ("path", "key", "allowed", "block_seconds"),
    [
        ("validate", "x", 2, 3_600),
        ("getcredits", "x", 2, 86_400),
        ("nothing", "", 1, 3_600),
        ("getapiusage", "", 8, 3_600),
        ("validatebatch", "", 5, 600),
    ],
)
async def test_published_limits_end_in_a_block(
    start: Starter,
    http: httpx.AsyncClient,
    clock: SimulatorClock,
    path: str,
    key: str,
    allowed: int,
    block_seconds: int,
) -> None:
    scale = 1.0 if path == "validatebatch" else 0.01
    sim = await start(dataclasses.replace(CALM, real_layer=True, real_scale=scale))
    key = key or sim.options.zerobounce_key
    url = f"{sim.base_url('zerobounce')}/v2/{path}"

    async def ask() -> int:
        if path == "validatebatch":
            return (await http.post(url, json={"api_key": key, "email_batch": []})).status_code
        return (await http.get(url, params={"api_key": key, "email": "valid@example.com"})).status_code

    assert 429 not in [await ask() for _ in range(allowed)]
    assert await ask() == 429
    clock.advance(block_seconds - 1)
    assert await ask() == 429
    clock.advance(max(block_seconds, 3_600) + 1)
    assert await ask() != 429
    assert sim.violations == []


async def test_100_bad_requests_a_minute_block_everything_for_an_hour(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    sim = await start(dataclasses.replace(CALM, real_layer=True, real_scale=0.02))  # 2 of the 100
    url = f"{sim.base_url('zerobounce')}/v2/validate"
    keyed = {"api_key": sim.options.zerobounce_key}
    assert [(await http.get(url, params=keyed)).status_code for _ in range(3)] == [400, 400, 429]
    assert (await verify(http, sim, "valid@example.com")).status_code == 429, "a good request is blocked too"
    clock.advance(3_600)
    assert (await verify(http, sim, "valid@example.com")).status_code == 200


async def test_usage_reports_the_found_statuses(start: Starter, http: httpx.AsyncClient) -> None:
    sim = await start()
    await verify(http, sim, "valid@example.com")
    url = f"{sim.base_url('zerobounce')}/v2/getapiusage"
    dates = {"start_date": "2027-01-01", "end_date": "2027-01-31"}
    body = (await http.get(url, params={"api_key": sim.options.zerobounce_key, **dates})).json()
    assert (body["total"], body["status_valid"], body["start_date"]) == (1, 1, "2027-01-01")
    assert (await http.get(url, params={"api_key": "x", **dates})).json() == {"error": "Invalid API key"}


async def test_some_mail_servers_delay_every_verification(start: Starter) -> None:
    sim = await start()
    waits = [sim.zerobounce._slow_seconds(f"info@host{number}.sg") for number in range(3_000)]
    slow = [wait for wait in waits if wait]
    assert 0.01 < len(slow) / len(waits) < 0.03
    assert all(20 <= wait <= 30 for wait in slow)
