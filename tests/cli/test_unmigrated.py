"""Every command on a database that was not migrated: one sentence, no traceback, and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from process import acra_express

from acra_express_async.db.schema.platform_shape import bootstrap_platform
from acra_express_async.db.session.pool import connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

UEN = "201912345K"
COMMANDS = [
    ("run",),
    ("enqueue", "--uen", UEN),
    ("terms", "bakery"),
    ("campaigns", "list"),
    ("campaigns", "wait", "1"),
    ("jobs", "list"),
    ("pause",),
    ("explain", UEN),
    ("export", "--since", "2026-01-01"),
    ("optouts", "list"),
    ("optouts", "remove", UEN, "--by", "me"),
    ("breakers", "list"),
    ("forget", UEN, "--yes"),
    ("load-registry", "REGISTRY"),
    ("load-ssic", "SSIC"),
]
ONLY_PLATFORM = {"load-registry", "load-ssic"}
"""These need the platform's tables, and nothing of ours."""


@pytest_asyncio.fixture(params=["empty", "platform"])
async def bare_dsn(request: pytest.FixtureRequest, postgres: EmbeddedPostgres) -> AsyncIterator[tuple[str, str]]:
    """A database without our schema: quite empty, or with the platform's tables."""
    name = f"bare_{request.param}"
    admin = await connect(postgres.dsn(), {})
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        if request.param == "platform":
            owner = await connect(postgres.dsn(name), {"search_path": "public"})
            await bootstrap_platform(owner)
            await owner.close()
        yield request.param, postgres.dsn(name)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_every_command_says_what_to_do(bare_dsn: tuple[str, str], tmp_path: Path) -> None:
    kind, dsn = bare_dsn
    files = {"REGISTRY": tmp_path / "registry.csv", "SSIC": tmp_path / "ssic.csv"}
    files["REGISTRY"].write_text(f"uen,entity_name,entity_status_description\n{UEN},A,Live\n", encoding="utf-8")
    files["SSIC"].write_text("code,title\n10712,Bakery products\n", encoding="utf-8")
    for words in COMMANDS:
        arguments = [str(files.get(word, word)) for word in words]
        code, _, err = await acra_express(*arguments, POSTGRES_DSN=dsn)
        if kind == "platform" and words[0] in ONLY_PLATFORM:
            assert code == 0, (words, err)
            continue
        assert code == 78, (words, code, err)
        said = [line for line in err.splitlines() if line.startswith("acra-express: ")]
        assert len(said) == 1, (words, err)
        assert "Traceback" not in err
        assert "acra-express migrate" in said[0], said
