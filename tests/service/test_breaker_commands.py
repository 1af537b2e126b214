"""`breakers list`, `breakers probe` and `check --providers` against a running service and the simulator."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from process import Stage, acra_express, stage

from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import Fault


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


async def asked(standing: Stage, *arguments: str) -> tuple[int, dict[str, Any], str]:
    code, out, err = await acra_express(*arguments, "--json", **standing.environ)
    return code, json.loads(out) if out.strip() else {}, err


async def breaker(standing: Stage, provider: str) -> dict[str, Any]:
    code, listed, err = await asked(standing, "breakers", "list")
    assert code == 0, err
    [found] = [each for each in listed["items"] if each["provider"] == provider]
    return dict(found)


async def outage(standing: Stage) -> None:
    """Jina answers with 503 until its faults are cleared; the jobs wait."""
    standing.simulator.faults.add(Fault(Provider.JINA, "status", 503))
    await standing.enqueue({"uens": standing.uens[:20]})


@pytest.mark.timeout(180)
async def test_probe_closes_the_breaker_and_wakes_the_jobs(standing: Stage) -> None:
    service = await standing.start()
    await service.event("listener.proven")
    await outage(standing)
    await service.event("breaker.opened", provider="jina")
    await service.event("job.snoozed", outage=True)
    assert (await breaker(standing, "jina"))["state"] in ("open", "half_open")
    standing.simulator.faults.clear()
    code, told, err = await asked(standing, "breakers", "probe", "jina")
    assert code == 0, err
    assert told["answered"]
    assert told["answer"].startswith("Jina answered")
    assert told["breaker"]["state"] == "closed"
    await service.event("company.ended")
    code, _, err = await asked(standing, "breakers", "probe", "jina")
    assert code == 1
    assert "the breaker of Jina is closed, there is nothing to probe" in err


@pytest.mark.timeout(180)
async def test_probe_uses_a_key_that_was_just_mended(standing: Stage, tmp_path: Path) -> None:
    """The file was read when the old key was refused, less than a minute ago: a probe on request reads it again."""
    key = tmp_path / "jina.key"
    key.write_text("a-wrong-key\n", encoding="utf-8")
    service = await standing.start(JINA__API_KEY="", JINA__API_KEY_FILE=str(key))
    await standing.enqueue({"uens": standing.uens[:5]})
    await service.event("breaker.opened", provider="jina")
    key.write_text(standing.environ["ACRA_EXPRESS_JINA__API_KEY"] + "\n", encoding="utf-8")
    code, told, err = await asked(standing, "breakers", "probe", "jina")
    assert (code, told["answered"], told["breaker"]["state"]) == (0, True, "closed"), err
    await service.event("secret.renewed", setting="JINA__API_KEY")


@pytest.mark.timeout(180)
async def test_a_failed_probe_says_so_and_leaves_it_open(standing: Stage) -> None:
    service = await standing.start()
    await service.event("listener.proven")
    await outage(standing)
    await service.event("breaker.opened", provider="jina")
    code, told, err = await asked(standing, "breakers", "probe", "jina")
    assert (code, told["answered"]) == (1, False), err
    assert told["answer"].startswith("Jina does not answer (http_503); its breaker stays open: the next probe is made")
    code, _, err = await asked(standing, "breakers", "probe", "jina")
    assert code == 1
    assert "Jina was probed less than five minutes ago; the next probe is possible at" in err


async def test_probe_says_when_no_service_runs(standing: Stage) -> None:
    """A stopped service takes no request; half a minute later the command takes it back."""
    await standing.owner.execute(
        """
        UPDATE acra_express.breakers SET kind = 'blocked', reason = 'challenge',
               open_until = clock_timestamp() + interval '1 hour' WHERE provider = 'duckduckgo'
        """
    )
    code, _, err = await asked(standing, "breakers", "probe", "duckduckgo")
    assert code == 1
    said = "DuckDuckGo blocked us (it asks for a human), and any request prolongs that; the next probe is made at "
    assert said in err
    assert re.search(rf"{re.escape(said)}\d{{4}}-\d\d-\d\dT[0-9:]{{8}}\+08:00", err), "for a program in RFC 3339"
    code, _, err = await asked(standing, "breakers", "probe", "jina")
    assert code == 1
    assert "no running service took the request" in err
    assert await standing.owner.fetchval("SELECT count(*) FROM acra_express.probe_requests") == 0


@pytest.mark.timeout(180)
async def test_check_providers_calls_each_once_and_changes_nothing(standing: Stage) -> None:
    await standing.owner.execute(
        """
        UPDATE acra_express.breakers SET kind = 'outage', reason = 'http_503',
               open_until = clock_timestamp() + interval '1 hour' WHERE provider = 'duckduckgo'
        """
    )
    standing.simulator.faults.add(Fault(Provider.JINA, "status", 503))
    rows = await standing.owner.fetch("SELECT * FROM acra_express.breakers ORDER BY provider")
    code, told, _ = await asked(standing, "check", "--providers")
    assert code == 78
    said = {finding["text"]: finding["word"] for finding in told["items"]}
    assert said["Jina does not answer (http_503)"] == "FAIL"
    [skipped] = [text for text in said if text.startswith("DuckDuckGo was not called: the breaker")]
    assert said[skipped] == "warn"
    [counted] = [text for text in said if text.startswith("ZeroBounce answered")]
    assert said[counted] == "ok"
    assert await standing.owner.fetch("SELECT * FROM acra_express.breakers ORDER BY provider") == rows
    charged = await standing.owner.fetch(
        "SELECT provider, sum(amount) AS n FROM acra_express.budget_charges WHERE budget = 'calls_1h' GROUP BY provider"
    )
    assert [(row["provider"], row["n"]) for row in charged] == [("jina", 1)]
    assert await standing.owner.fetchval("SELECT count(*) FROM acra_express.provider_failures") == 0
