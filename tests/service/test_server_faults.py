"""The real service while server and login refuse it: it steps aside, says why, and goes on by itself."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from process import Process, Stage, stage

from acra_express_async.db.session.pool import Connection

pytestmark = pytest.mark.timeout(300)


@dataclass
class Logins:
    """Two logins that may act as the tenant role; statements may name them and the database."""

    owner: Connection
    database: str
    first: str
    second: str

    async def do(self, text: str) -> None:
        await self.owner.execute(text.format(database=self.database, first=self.first, second=self.second))

    async def end_sessions(self) -> None:
        await self.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)",
            [self.first, self.second],
        )


@pytest_asyncio.fixture
async def logins(fresh_dsn: str, owner: Connection) -> AsyncIterator[Logins]:
    logins = Logins(owner, urlsplit(fresh_dsn).path.lstrip("/"), *(f"login_{secrets.token_hex(4)}" for _ in range(2)))
    for name in (logins.first, logins.second):
        await owner.execute(f"CREATE ROLE {name} LOGIN NOINHERIT; GRANT acra_express TO {name}")
    yield logins
    await logins.end_sessions()
    await logins.do("DROP ROLE {first}; DROP ROLE {second}")


@pytest_asyncio.fixture
async def standing(fresh_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(fresh_dsn, tmp_path) as standing:
        yield standing


def events(service: Process) -> list[str]:
    """The names of all events so far; lines that are no JSON are others' and must not be there."""
    return [json.loads(line)["event"] for line in service.lines]


async def drains(standing: Stage, service: Process, uens: list[str]) -> None:
    """A campaign goes through as if nothing had been."""
    await standing.enqueue({"uens": uens})
    while not set(uens) <= (await standing.outcomes()).keys():
        await service.event("company.ended")


REFUSALS = {
    "login refused": ("ALTER ROLE {first} NOLOGIN", "ALTER ROLE {first} LOGIN", "is not permitted to log in"),
    "read-only": (
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        "ALTER DATABASE {database} RESET default_transaction_read_only",
        "accepts no writes",
    ),
    "grants lost": (
        "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA acra_express FROM acra_express",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA acra_express TO acra_express",
        "denies the tenant role what it needs",
    ),
    "schema gone": (
        "ALTER SCHEMA acra_express RENAME TO elsewhere",
        "ALTER SCHEMA elsewhere RENAME TO acra_express",
        "lacks a table, column or function",
    ),
}


@pytest.mark.parametrize(
    "causes",
    [
        pytest.param(["login refused", "grants lost"], id="two causes"),
        pytest.param(list(REFUSALS), id="every cause", marks=pytest.mark.slow),
    ],
)
async def test_no_refusal_of_the_server_ends_the_service(
    standing: Stage, logins: Logins, fresh_dsn: str, causes: list[str]
) -> None:
    """Each used to end the process within half a minute: exit code 1, and 78 at the next start."""
    service = await standing.start(POSTGRES_DSN=fresh_dsn.replace("postgres@", f"{logins.first}@"))
    await service.event("listener.proven")
    for number, (cause, mend, words) in enumerate(REFUSALS[name] for name in causes):
        await logins.do(cause)
        await logins.end_sessions()
        for loop in ("poller.away", "snapshot.missed"):
            while words not in (await service.event(loop))["error"]:
                continue  # the cut of the sessions is met first
        await logins.do(mend)
        await drains(standing, service, standing.uens[2 * number : 2 * number + 2])
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert not {"component.broke", "component.gave_up", "company.broke", "job.error"} & set(events(service))
    assert {len(ended) for ended in (await standing.outcomes()).values()} == {1}


async def test_a_rotated_login_is_taken_from_its_file(
    standing: Stage, logins: Logins, fresh_dsn: str, tmp_path: Path
) -> None:
    """The old login is shut first; the file that holds the DSN is written anew a moment later."""
    file = tmp_path / "dsn"
    file.write_text(fresh_dsn.replace("postgres@", f"{logins.first}@"))
    del standing.environ["ACRA_EXPRESS_POSTGRES_DSN"]
    service = await standing.start(POSTGRES_DSN_FILE=str(file))
    await service.event("listener.proven")
    file.write_text(fresh_dsn.replace("postgres@", f"{logins.second}@"))
    await logins.do("ALTER ROLE {first} NOLOGIN")
    await logins.end_sessions()
    assert (await service.event("secret.renewed"))["setting"] == "POSTGRES_DSN"
    await drains(standing, service, standing.uens[:2])
    in_use = await logins.owner.fetchval(
        "SELECT array_agg(DISTINCT usename::text) FROM pg_stat_activity WHERE application_name LIKE 'acra-express%'"
        " AND datname = current_database() AND usename <> current_user"
    )
    assert in_use == [logins.second]
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0
    assert "component.broke" not in events(service)
