"""A console over real HTTP on a real database, and a browser-like client of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from contexts import context_of
from ops.pages import status
from prometheus_client import CollectorRegistry

from acra_express_async.console import Console
from acra_express_async.console.downloads import MOST_ROWS
from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.secret_files import fixed
from acra_express_async.settings.tree import Settings, load_settings
from acra_express_async.web import WebServer, build_app
from acra_express_async.web.connections import ConnectionLimits

PASSWORD = "correct-horse-battery"
ROLE = "acra_express"


@dataclass
class Scene:
    """A console that people can reach at `root`; `allowed` and `moment` may be changed."""

    root: str
    port: int
    owner: Connection
    sessions: OnDemand
    settings: Settings
    server: WebServer
    health: Health
    allowed: bool = True
    moment: float = 1000.0
    status: dict[str, Any] = field(default_factory=status)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A browser with an empty jar."""
        return httpx.AsyncClient(base_url=self.root, headers=headers, trust_env=False, timeout=30)

    @asynccontextmanager
    async def signed_in(self, name: str = "mei", password: str = PASSWORD) -> AsyncIterator[Browser]:
        """A browser of a person who has signed in."""
        async with self.client() as client:
            browser = Browser(client)
            answer = await browser.sign_in(name, password)
            assert answer.status_code == 303, answer.text
            yield browser

    async def trail(self) -> list[dict[str, Any]]:
        """What the trail says, the oldest action first."""
        rows = await self.owner.fetch(
            """
            SELECT acted_by, signed_in, action, uen, campaign_id, provider, ended_how, rows_sent, ended_why
            FROM acra_express.console_actions ORDER BY action_id
            """
        )
        return [dict(row) for row in rows]


class Browser:
    """Sends forms as the pages have them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def sign_in(self, name: str, password: str, **fields: str) -> httpx.Response:
        return await self.client.post("/console/sign-in", data={"name": name, "password": password} | fields)

    async def page(self, path: str) -> str:
        answer = await self.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text

    async def token(self, path: str = "/console/") -> str:
        return token_in(await self.page(path))

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form with this session's token; the answer is not followed."""
        return await self.client.post(path, data={"token": await self.token()} | fields)

    async def told(self, path: str, **fields: str) -> str:
        """Send a form and return the page that it leads to."""
        answer = await self.send(path, **fields)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return await self.page(answer.headers["location"])


def token_in(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found, text[:500]
    return found[1]


@asynccontextmanager
async def console_on(
    owner: Connection,
    dsn: str,
    *,
    limits: ConnectionLimits | None = None,
    idle_seconds: float = 60.0,
    most_rows: int = MOST_ROWS,
    export_grace_seconds: float = 30.0,
    seen: Callable[[], Mapping[str, Any]] = status,
    **values: str,
) -> AsyncIterator[Scene]:
    """A console; `values` are settings without the prefix, by default a password."""
    named = {f"ACRA_EXPRESS_{name}": value for name, value in ({"CONSOLE__PASSWORD": PASSWORD} | values).items()}
    settings = load_settings({"POSTGRES_DSN": dsn} | {name: value for name, value in named.items() if value})
    tenant = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    health = Health(lambda: 0.0)

    def make() -> Database:
        return Database(dsn, role=ROLE, tenant_id=tenant, size=1, extra={"statement_timeout": "2s"})

    scene: Scene
    sessions = OnDemand(
        make,
        allowed=lambda: scene.allowed,
        idle_seconds=idle_seconds,
        context=context_of(health=health, clock=lambda: scene.moment),
    )
    console = Console(
        settings,
        sessions=sessions,
        password=fixed(settings.console.password),
        shape=await probe(owner),
        hashes=await load_address_hash(owner),
        status=lambda: scene.status,
        clock=lambda: scene.moment,
        most_rows=most_rows,
        export_grace_seconds=export_grace_seconds,
    )
    app = build_app(
        health=health, metrics=Metrics(CollectorRegistry()), status=lambda: dict(scene.status), view=console.view
    )
    console.attach(app)
    server = WebServer(app, "127.0.0.1", 0, limits)
    await server.start()
    scene = Scene(f"http://127.0.0.1:{server.port}", server.port, owner, sessions, settings, server, health)
    scene.status = dict(seen())
    try:
        yield scene
    finally:
        await server.stop()
        await sessions.close()
