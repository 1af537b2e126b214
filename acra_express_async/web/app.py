"""Routes, headers and the server; health answers are plain functions over the state of the process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from aiohttp import web
from prometheus_client.exposition import choose_encoder, gzip_accepted

from acra_express_async import __version__
from acra_express_async.metrics import Metrics
from acra_express_async.runtime.health import Health
from acra_express_async.web.connections import ConnectionLimits, Connections, step_by_step
from acra_express_async.web.page import page, page_templates
from acra_express_async.web.runbook import runbook_page

Status = Callable[[], dict[str, Any]]
View = Callable[[web.Request, dict[str, Any]], Awaitable[tuple[dict[str, Any], bool]]]
"""What the one who asks may see of the status, and whether they are signed in."""

MOST_BODY = 256 * 1024
"""Bytes of a form: 10,000 UENs and some room."""

ASSETS = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
PAGE_HEADERS = {
    # nothing inline, nothing from another host, and no site may put it into a frame
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
ASSET_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=300"}


def liveness(health: Health) -> tuple[int, dict[str, Any]]:
    """Status code and body of /healthz: 503 only for a loop that is stuck, which a restart can repair."""
    stuck = health.stuck
    checks: dict[str, Any] = {
        name: {
            "status": "fail" if name in stuck else "pass",
            "observedValue": round(beacon.age, 1),
            "observedUnit": "s",
        }
        for name, beacon in sorted(health.beacons.items())
    }
    checks["database"] = _database(health, while_in_trouble="warn")
    checks["notifications"] = {"status": "pass" if health.listener_proven else "warn"}
    return _answer(checks)


def readiness(health: Health) -> tuple[int, dict[str, Any]]:
    """Status code and body of /readyz: schema checked, the database serves us, not draining; a dead listener warns."""
    checks: dict[str, Any] = {
        "schema": {"status": "pass" if health.schema_checked else "fail"},
        "database": _database(health, while_in_trouble="fail"),
        "draining": {"status": "fail" if health.draining else "pass"},
        "notifications": {"status": "pass" if health.listener_proven else "warn"},
    }
    return _answer(checks)


def _database(health: Health, *, while_in_trouble: str) -> dict[str, Any]:
    """`output` names the cause while the database cannot serve us."""
    age, trouble = health.database.age, health.database.trouble
    observed = {} if age is None else {"observedValue": round(age, 1), "observedUnit": "s"}
    if trouble is None:
        return {"status": "pass", **observed}
    return {"status": while_in_trouble, **observed, "output": trouble}


def _answer(checks: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    words = {check["status"] for check in checks.values()}
    status = "fail" if "fail" in words else "warn" if "warn" in words else "pass"
    body = {"status": status, "version": __version__, "serviceId": "acra-express", "checks": checks}
    return (503 if status == "fail" else 200), body


def build_app(*, health: Health, metrics: Metrics, status: Status, view: View | None = None) -> web.Application:
    """The app over the process's own state; `status` answers /status.json.

    Args:
        view: what of the status a request may see, where there is a console; without one everybody sees all of it.
    """

    async def healthz(_request: web.Request) -> web.Response:
        code, body = liveness(health)
        return _json(body, code)

    async def readyz(_request: web.Request) -> web.Response:
        code, body = readiness(health)
        return _json(body, code)

    async def scrape(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        response = web.Response(
            body=encode(metrics.registry), headers={"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        )
        if gzip_accepted(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def seen(request: web.Request) -> tuple[dict[str, Any], bool]:
        return (status(), True) if view is None else await view(request, status())

    async def status_json(request: web.Request) -> web.Response:
        told, _ = await seen(request)
        return _json(told, 200, "application/json")

    async def status_page(request: web.Request) -> web.Response:
        told, signed_in = await seen(request)
        text = page(told, console=view is not None, signed_in=signed_in)
        return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)

    async def asset(request: web.Request) -> web.Response:
        kind, text = assets.get(request.match_info["name"], ("", ""))
        if not kind:
            raise web.HTTPNotFound
        return web.Response(text=text, content_type=kind, headers=ASSET_HEADERS)

    page_templates()  # read and compiled now, not at the first request
    assets = {name: (kind, _asset(name)) for name, kind in ASSETS.items()}
    app = web.Application(middlewares=[step_by_step], client_max_size=MOST_BODY)
    app.router.add_get("/", status_page)
    app.router.add_get("/runbook", _runbook())
    app.router.add_get("/assets/{name}", asset)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scrape)
    app.router.add_get("/status.json", status_json)
    return app


def _runbook() -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of the runbook, which is rendered at the first request."""
    rendered: dict[str, str] = {}

    async def runbook(_request: web.Request) -> web.Response:
        if "text" not in rendered:
            rendered["text"] = await asyncio.to_thread(runbook_page)
        return web.Response(text=rendered["text"], content_type="text/html", headers=PAGE_HEADERS)

    return runbook


def _asset(name: str) -> str:
    return resources.files("acra_express_async.web").joinpath("assets", name).read_text(encoding="utf-8")


def _json(body: dict[str, Any], code: int, content_type: str = "application/health+json") -> web.Response:
    return web.json_response(body, status=code, content_type=content_type, headers={"Cache-Control": "no-store"})


class WebServer:
    """Serves the app on one address; started before everything else and stopped after everything else.

    Args:
        host: ``::`` serves IPv4 too.
        port: 0 picks a free one; see `port` after `start`.
        limits: what one client may take.
        listens_on: called with the port, once it is taken.
    """

    def __init__(
        self,
        app: web.Application,
        host: str,
        port: int,
        limits: ConnectionLimits | None = None,
        *,
        listens_on: Callable[[int], object] = lambda _port: None,
    ) -> None:
        self._limits = limits or ConnectionLimits()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._host = host
        self._port = port
        self._listens_on = listens_on
        self._listening: asyncio.Server | None = None
        self.connections: Connections | None = None
        self.port = port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is in use, or not an address of this machine.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        self.connections = connections = Connections(self._runner.server, self._limits)
        loop = asyncio.get_running_loop()
        if self._host == "::":
            # asyncio makes an IPv6 socket deaf to IPv4, and a container's own probe asks 127.0.0.1
            both = socket.create_server(("::", self._port), family=socket.AF_INET6, dualstack_ipv6=True)
            self._listening = await loop.create_server(connections, sock=both)
        else:
            self._listening = await loop.create_server(connections, self._host, self._port)
        self.port = self._listening.sockets[0].getsockname()[1]
        self._listens_on(self.port)

    async def stop(self) -> None:
        """Close the listening socket, then open requests."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()
