"""The simulator as a whole: admin endpoints, scenarios, ledger over a long run, and the separate process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sandbox.asking import balance, in_virtual_time, post, read, search, verify
from sandbox.conftest import Starter

from acra_express_async.models import Provider
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.simulator import SCENARIOS, ArrivalLedger, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.simulator.ledger import ARRIVALS_KEPT, VIOLATIONS_KEPT
from acra_express_async.sandbox.world import Truth, World

CALM = Options(latency_scale=0, flag_get=0, flag_user_agent=0, ad_share=0, box_share=0)


async def test_the_admin_endpoints_show_all_state(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    await search(http, sim, found.name)
    await read(http, sim, f"https://{found.domain}/")
    for _ in range(2):
        await verify(http, sim, found.emails[0].email)
    await post(http, sim, {"text": "hello"})

    async def desk(path: str) -> object:
        return (await http.get(f"{sim.root}/__sim/{path}")).json()

    state = await desk("state")
    assert isinstance(state, dict)
    assert state["requests"] == {"duckduckgo": 1, "jina": 1, "zerobounce": 2, "slack": 1}
    assert state["budgets"]["jina_calls"] == {"window_seconds": 3600, "allowance": 120, "used": 1, "worst": 1}
    assert state["layers"] == {"budget": True, "real": False}
    assert await desk("violations") == {"count": 0, "violations": []}
    assert await desk("verifications") == {found.emails[0].email: {"sent": 2, "answered": 2}}
    searches = await desk("requests?vendor=duckduckgo")
    assert isinstance(searches, list)
    assert [(each["key"], each["status"]) for each in searches] == [(found.name, 200)]
    everything = await desk("requests")
    assert isinstance(everything, list)
    assert len(everything) == 5
    truth = await desk(f"truth/{found.uen}")
    assert isinstance(truth, dict)
    assert (truth["domain"], truth["best_emails"]) == (found.domain, list(found.best_emails))
    assert [message["text"] for message in await desk("slack")] == ["hello"]  # type: ignore[union-attr]
    assert set(await desk("scenarios")) == set(SCENARIOS)  # type: ignore[call-overload]


async def test_the_admin_endpoints_show_no_secret(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    await read(http, sim, f"https://{found.domain}/")
    await verify(http, sim, found.emails[0].email)
    await post(http, sim, {"text": "x"})
    told = "".join([(await http.get(f"{sim.root}/__sim/{path}")).text for path in ("requests", "state", "violations")])
    for secret in (sim.options.jina_key, sim.options.zerobounce_key, sim.options.slack_path.rpartition("/")[2]):
        assert secret not in told


async def test_faults_are_set_over_http(start: Starter, http: httpx.AsyncClient, found: Truth) -> None:
    sim = await start()
    faults = f"{sim.root}/__sim/faults"
    spec = {"provider": "jina", "knob": "status", "value": 503}
    assert (await http.post(faults, json=[spec, {**spec, "provider": "slack"}])).json() == {"numbers": [1, 2]}
    assert (await read(http, sim, f"https://{found.domain}/")).status_code == 503
    listed = (await http.get(faults)).json()
    assert [fault["provider"] for fault in listed["faults"]] == ["jina", "slack"]
    assert "reset_connection" in listed["knobs"]
    assert (await http.delete(f"{faults}/1")).status_code == 200
    assert (await http.delete(f"{faults}/1")).status_code == 404
    assert (await read(http, sim, f"https://{found.domain}/")).status_code == 200
    await http.delete(faults)
    assert (await post(http, sim, {"text": "x"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", '{"provider": "jina", "knob": "nothing"}'),
        ("faults", "not json"),
        ("clock", "{}"),
        ("clock", '{"advance": -1}'),
        ("reset", '{"scenario": "nothing"}'),
        ("reset", "[]"),
    ],
)
async def test_invalid_admin_input_is_refused_with_a_sentence(
    start: Starter, http: httpx.AsyncClient, path: str, body: str
) -> None:
    sim = await start()
    answer = await http.post(f"{sim.root}/__sim/{path}", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_an_unknown_company_has_no_truth(start: Starter, http: httpx.AsyncClient) -> None:
    assert (await http.get(f"{(await start()).root}/__sim/truth/000000000X")).status_code == 404


async def test_the_clock_advances_and_a_reset_forgets_everything(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start()
    await search(http, sim, found.name)
    assert (await http.post(f"{sim.root}/__sim/clock", json={"advance": 3600})).json() == {"now": clock.now()}
    assert sim.state()["budgets"]["duckduckgo_requests"]["used"] == 0
    answer = (await http.post(f"{sim.root}/__sim/reset", json={"seed": 77, "scenario": "slack_archived"})).json()
    assert answer == {"scenario": "slack_archived", "seed": 77}
    assert sim.state()["requests"] == {}
    assert sim.world.seed == 77
    assert (await post(http, sim, {"text": "x"})).status_code == 410


async def test_two_runs_of_a_scenario_give_the_same_bytes(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, truths: list[Truth]
) -> None:
    async def story() -> list[tuple[int, bytes] | str]:
        sim = await start(Options(latency_scale=0, allowance_scale=5), "everything_flaky")
        told: list[tuple[int, bytes] | str] = []
        for truth in truths[:12]:
            for ask in (
                search(http, sim, truth.name),
                read(http, sim, f"https://{truth.own_domain or 'nobody.sg'}/"),
                verify(http, sim, f"info@{truth.own_domain or 'nobody.sg'}"),
            ):
                try:
                    response = await in_virtual_time(clock, ask)
                    told.append((response.status_code, response.content))
                except httpx.TransportError as error:
                    told.append(type(error).__name__)
        return told

    assert await story() == await story()


SCENARIO_PROOFS = {
    "ddg_soft_blocks": ("duckduckgo", 0.0, 60, {200, 202}),
    "jina_key_empties": ("jina", 1800.0, 2, {402}),
    "jina_524_storm": ("jina", 600.0, 20, {200, 524}),
    "zb_shield_day": ("zerobounce", 3600.0, 2, {403}),
    "slack_archived": ("slack", 0.0, 1, {410}),
    "full_day_500": ("zerobounce", 0.0, 3, {200}),
    "happy": ("jina", 0.0, 3, {200}),
}


@pytest.mark.parametrize("scenario", sorted(SCENARIO_PROOFS))
async def test_each_scenario_behaves_as_its_name_says(scenario: str, http: httpx.AsyncClient, found: Truth) -> None:
    provider, wait, times, expected = SCENARIO_PROOFS[scenario]
    clock = SimulatorClock(speed=0, start=1_800_014_400.0)
    world = World(registry_sample.rows(300, seed=10), seed=10)
    async with Simulator(world, CALM, clock=clock, scenario=scenario) as sim:
        clock.advance(wait)
        statuses: Counter[int] = Counter()
        for number in range(times):
            asking = {
                "duckduckgo": lambda number=number: search(http, sim, f"{found.name} {number}"),
                "jina": lambda number=number: read(http, sim, f"https://{found.domain}/none{number}"),
                "zerobounce": lambda: verify(http, sim, "valid@example.com"),
                "slack": lambda: post(http, sim, {"text": "x"}),
            }[provider]
            statuses[(await in_virtual_time(clock, asking())).status_code] += 1
        assert set(statuses) == expected
        assert sim.violations == []
        if scenario == "full_day_500":
            assert all(sim.truth(uen).own_domain for uen in sim.world.uens())


async def test_credits_run_out_after_twenty_addresses(
    start: Starter, http: httpx.AsyncClient, truths: list[Truth], world: World
) -> None:
    sim = await start(scenario="zb_credits_run_out")
    paid = [mail.email for truth in truths for mail in truth.emails if not world.mailbox(mail.email).unknown][:21]
    answers = [(await verify(http, sim, address)).json() for address in paid]
    assert all("status" in answer for answer in answers[:20])
    assert "ran out of credits" in answers[20]["error"]
    assert await balance(http, sim) == {"Credits": "0"}


def test_an_unknown_scenario_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no_such"):
        Simulator(world, scenario="no_such")


def test_every_documented_scenario_exists() -> None:
    assert set(SCENARIOS) >= {
        "happy",
        "ddg_blocked_first_hour",
        "ddg_soft_blocks",
        "jina_key_empties",
        "jina_524_storm",
        "zb_credits_run_out",
        "zb_shield_day",
        "slack_archived",
        "everything_flaky",
        "copied_sites",
        "full_day_500",
    }


async def test_a_read_is_billed_when_its_caller_has_left(
    start: Starter, http: httpx.AsyncClient, clock: SimulatorClock, found: Truth
) -> None:
    sim = await start(Options(latency_scale=1.0))
    desk = f"{sim.root}/__sim/state"
    asking = asyncio.ensure_future(read(http, sim, f"https://{found.domain}/"))
    pause = await clock.until_next_sleeper()
    asking.cancel()
    await asyncio.wait([asking])
    await http.get(desk)  # after a round trip the server has noticed that the connection was closed
    clock.advance(pause)
    await http.get(desk)
    assert sim.ledger.arrivals[0].note == "the caller had left"
    assert sim.ledger.tokens_sent > 0, "leaving does not end the read"


def test_a_fixed_window_client_fails_and_a_sliding_one_passes() -> None:
    """200 at the end of one clock hour and 200 at the start of the next are 400 in an hour."""
    clock = SimulatorClock(speed=0, start=0)
    ledger = ArrivalLedger(clock, Options())

    def burst(count: int) -> int:
        before = ledger.violation_count
        for _ in range(count):
            ledger.charge(ledger.arrive(Provider.DUCKDUCKGO, "html", "q", "c"), "duckduckgo_requests")
        return ledger.violation_count - before

    clock.advance(3599)
    assert burst(200) == 0
    clock.advance(2)
    assert burst(200) == 200
    clock.advance(3600)
    assert burst(200) == 0


def test_a_long_run_keeps_its_memory_flat() -> None:
    clock = SimulatorClock(speed=0, start=0)
    ledger = ArrivalLedger(clock, Options())
    for _ in range(30_000):
        clock.advance(1)
        ledger.charge(ledger.arrive(Provider.DUCKDUCKGO, "html", "q", "c"), "duckduckgo_requests")
    assert len(ledger.arrivals) == ARRIVALS_KEPT
    assert len(ledger.violations) == VIOLATIONS_KEPT < ledger.violation_count
    window = ledger.budgets["duckduckgo_requests"]
    assert window.worst == 3600
    assert ledger.arrival_counts["duckduckgo"] == 30_000


def test_both_layers_can_be_switched_off() -> None:
    clock = SimulatorClock(speed=0, start=0)
    ledger = ArrivalLedger(clock, Options(budget_layer=False))
    for _ in range(300):
        assert ledger.charge(ledger.arrive(Provider.DUCKDUCKGO, "html", "q", "c"), "duckduckgo_requests") is None
    assert ledger.violation_count == 0
    assert ledger.budgets["duckduckgo_requests"].worst == 300, "counted all the same"


async def test_the_simulator_runs_as_a_separate_process(tmp_path: Path, http: httpx.AsyncClient) -> None:
    path = tmp_path / "registry.csv"
    registry_sample.write_csv(path, 30, seed=3)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async.sandbox.simulator",
        "--registry",
        str(path),
        "--seed",
        "3",
        "--latency-scale",
        "0",
        "--speed",
        "0",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        world = World.from_csv(path, seed=3)
        truth = next(world.truth(uen) for uen in world.uens() if world.truth(uen).domain)
        page = await http.post(f"{told['duckduckgo']}/html/", data={"q": truth.name}, headers={"User-Agent": "test/1"})
        assert any(domain in page.text for domain in (truth.domain or "", *truth.aliases))
        assert (await http.post(told["webhook_url"], json={"text": "x"})).text == "ok"
        assert (await http.get(f"{told['root']}/__sim/truth/{truth.uen}")).json()["domain"] == truth.domain
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
