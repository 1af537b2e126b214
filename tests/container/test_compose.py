"""config/compose.yaml started for real with a published port; bin/image provides engine, network and images."""

from __future__ import annotations

import os
import re

import httpx
import pytest

from acra_express_async.models import JobType
from acra_express_async.sandbox import registry_sample

from .engine import Image, image_under_test
from .project import COMPOSE, project

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def image() -> Image:
    found = image_under_test()
    if found is None or "COMPOSE_UNDER_TEST" not in os.environ:
        pytest.skip("no Compose is named in COMPOSE_UNDER_TEST; bin/image arranges one and runs these")
    return found


def expected() -> list[str]:
    """The companies of the trial that the service processes: live ones without sole proprietors."""
    text = COMPOSE.read_text(encoding="utf-8")
    figures = re.search(r'--companies, "(\d+)", --seed, "(\d+)"', text)
    assert figures is not None
    rows = registry_sample.rows(int(figures[1]), int(figures[2]))
    live = [row["uen"] for row in rows if row["entity_status_description"].lower().startswith("live")]
    return sorted(uen for uen in live if not re.fullmatch(r"[0-9]{8}[A-Z]", uen))


async def statuses(port: int) -> list[int]:
    async with httpx.AsyncClient(trust_env=False) as client:
        paths = ("/healthz", "/readyz", "/metrics", "/", "/status.json")
        return [(await client.get(f"http://127.0.0.1:{port}{path}")).status_code for path in paths]


async def test_compose_trial_enriches_companies_and_leaves_no_trace(image: Image) -> None:
    wanted = expected()
    assert len(wanted) > 30
    async with project(image) as trial:
        trial.up("trial")
        assert await statuses(trial.port) == [200] * 5
        async with trial.log("trial") as service:
            # If the password were an ordinary word, it would be redacted from every line.
            assert (await service.event("job.claimed"))["job_type"] == JobType.STAGING.word
            missing = set(wanted)
            while missing:
                missing.discard((await service.event("company.ended"))["uen"])
        ended = trial.query("SELECT uen || ' ' || kind FROM acra_express.outcomes ORDER BY uen")
        assert [line.split()[0] for line in ended] == wanted
        assert {line.split()[1] for line in ended} <= {"enriched", "no_website"}
        state = trial.asked("trial", "http://127.0.0.1:9900/__sim/state")
        assert state["violations"] == 0
        assert state["verifications"]["sent_more_than_once"] == 0
        assert await statuses(trial.port) == [200] * 5

        stopped = trial("stop")
        assert stopped.returncode == 0, stopped.stderr
        assert trial.exit_codes() == dict.fromkeys(("migrate", "postgres", "simulator", "trial", "trial-registry"), 0)
        down = trial("down", "--volumes")
        assert down.returncode == 0, down.stderr
        assert trial.left() == {"containers": "", "networks": "", "volumes": ""}


async def test_compose_starts_the_service_with_its_own_database(image: Image) -> None:
    """Without profile and keys: ready and healthy; `down` leaves the data and nothing else."""
    async with project(image) as plain:
        plain.up("acra-express")
        assert await statuses(plain.port) == [200] * 5
        applied = plain.query("SELECT count(*) FROM acra_express.schema_migrations")
        stopped = plain("stop", "acra-express")
        assert stopped.returncode == 0, stopped.stderr
        assert plain.exit_codes() == {"migrate": 0, "acra-express": 0}
        assert plain("down").returncode == 0
        left = plain.left()
        assert (left["containers"], left["networks"]) == ("", "")
        plain.up("postgres")
        assert plain.query("SELECT count(*) FROM acra_express.schema_migrations") == applied


async def test_compose_works_behind_pgbouncer(image: Image) -> None:
    """Its own NOTIFY comes back on the direct connection, while all other work goes through the pooler."""
    async with project(image, "pgbouncer") as pooled:
        pooled.up("acra-express")
        async with pooled.log("acra-express") as service:
            await service.event("listener.proven")
        assert await statuses(pooled.port) == [200] * 5
        poolers = pooled.query(
            "SELECT DISTINCT client_addr FROM pg_stat_activity WHERE client_addr IS NOT NULL ORDER BY client_addr"
        )
        assert len(poolers) == 2, "sessions come from the pooler and from the listener, and from nowhere else"


async def test_compose_starts_two_replicas(image: Image) -> None:
    async with project(image, "replicas") as both:
        both.up("acra-express")
        for port in (both.port, both.port + 1):
            assert await statuses(port) == [200] * 5
        stopped = both("stop", "acra-express")
        assert stopped.returncode == 0, stopped.stderr
        ended = both.query("SELECT count(*) FROM acra_express.leases WHERE held")
        assert ended == ["0"]
