"""The LISTEN connection: it checks every ten seconds that its own NOTIFY comes back, and reconnects until stopped.

The snapshot's quick look, which every process makes every ten seconds or more often, sends this NOTIFY along (`echo`),
so that an idle process needs no second transaction for it. Where none has come, the listener sends one itself.

A dead peer, a frozen server, a standby and a transaction pooler all look alike: our own NOTIFY does not come back.
`is_closed()` says nothing about health: it stays False while the server is frozen.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from acra_express_async import logs
from acra_express_async.db.session.connection import connect, connect_with
from acra_express_async.db.session.dsn import DsnSource, FixedDsn, host_and_port
from acra_express_async.db.session.pinned import LISTENER_NAME, SESSION_SETTINGS, session_settings
from acra_express_async.db.session.server_errors import translated
from acra_express_async.errors import Away, ConfigError, DatabaseAway, NotNow, SchemaError
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.realtime import real
from acra_express_async.runtime.turn_loop import Loop, full_jitter

log = logs.logger("listener")

CHANNEL = "acra_express_jobs"
PROBE = "probe:"
PING_SECONDS = 10.0
PING_DEADLINE_SECONDS = 5.0
ECHO_SECONDS = 12.0
"""The next echo is expected within this time: the 10 s between two looks of an idle process, and some delay. A missing
one is a bad sign already, so the deadline of the NOTIFY that follows is shorter: a silent connection is noticed within
`PING_SECONDS` and `PING_DEADLINE_SECONDS` either way."""
FIRST_PROOF_SECONDS = 2.0
BACKOFF_SECONDS = (0.5, 30.0)
"""First and largest limit of the full-jitter pause between two attempts to connect."""
STEADY_SECONDS = 30.0
"""A connection must have worked for this long before the pauses start small again (flapping servers)."""


def new_echo() -> str:
    """A payload that no other process sends."""
    return PROBE + secrets.token_hex(8)


class Listener:
    """Wakes the poller on every notification; payloads are hints and are not read.

    Args:
        dsn: a direct connection (LISTEN does not work through a transaction pooler), or where to find it.
        role: the tenant role.
        wake: called with ``notify`` or ``reconnect``; must only set a flag.
        echo: payload of the NOTIFY that this process's quick looks send; see `new_echo`.
    """

    def __init__(
        self,
        dsn: str | DsnSource,
        *,
        role: str | None,
        wake: Callable[[str], None],
        echo: str | None = None,
        context: Context,
    ) -> None:
        self._dsn = FixedDsn(dsn) if isinstance(dsn, str) else dsn
        self._settings = SESSION_SETTINGS | {"application_name": LISTENER_NAME}
        if role is not None:
            self._settings["role"] = role
        self._wake = wake
        self._health = context.health
        self._metrics = context.metrics
        self._random = context.random
        self._loop = Loop("listener", context)
        self._returned: dict[str, asyncio.Event] = {}
        self._echo = echo
        self._echoed = False
        self._news = asyncio.Event()
        self._lost = False

    async def run(self) -> None:
        """Listen until cancelled; no error of the database ever ends it."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            proven_at: float | None = None
            try:
                proven_at = await self._listen(loop.time)
            except (NotNow, ConfigError, SchemaError) as away:
                # a role or database that disappears while the service runs is treated as an outage
                self._say_away(away, failures)
            steady = proven_at is not None and loop.time() - proven_at > STEADY_SECONDS
            failures = 0 if steady else failures + 1
            self._metrics.listener_reconnects.inc()
            first, most = BACKOFF_SECONDS
            await self._loop.sleep(full_jitter(self._random, failures, first=first, most=most))

    @property
    def _server(self) -> str:
        return host_and_port(self._dsn.value)

    def _say_away(self, away: Exception, failures: int) -> None:
        """Log the first failures, then every tenth: a long outage must not fill the disk with log lines."""
        if failures < 3 or failures % 10 == 0:
            log.warning("listener.away", server=self._server, error=str(away), failures=failures + 1)

    async def _listen(self, now: Callable[[], float]) -> float:
        """One connection, until it is lost; returns when it was first proven.

        Raises:
            DatabaseAway: it could not be made, or its NOTIFY never came back.
        """
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._lost = self._echoed = False
        try:
            connection = await connect_with(self._dsn, self._settings, pooled=True)
            connection.add_termination_listener(self._on_lost)
            with translated(self._server):
                if await connection.fetchval("SELECT pg_is_in_recovery()"):
                    raise DatabaseAway(f"PostgreSQL at {self._server} is a standby", reason=Away.READ_ONLY)
                await connection.add_listener(CHANNEL, self._on_notify)
            await self._prove(connection, real(FIRST_PROOF_SECONDS))
            proven_at = now()
            self._up(proven=True)
            log.info("listener.proven", server=self._server)
            self._wake("reconnect")
            await self._keep_proving(connection)
            return proven_at
        finally:
            self._up(proven=False)
            if connection is not None:
                connection.terminate()

    async def _keep_proving(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Have the connection proven every ten seconds, by an echo or by a NOTIFY sent on it, until it is lost."""
        patience, deadline = PING_SECONDS, PING_DEADLINE_SECONDS
        while True:
            echoed = await self._echo_within(real(patience))
            self._loop.beacon.beat()
            if self._lost:
                log.warning("listener.lost", server=self._server)
                return
            if echoed:
                patience = ECHO_SECONDS
                deadline = PING_SECONDS + PING_DEADLINE_SECONDS - patience
                continue
            try:
                await self._prove(connection, real(deadline))
            except NotNow as silent:
                log.warning("listener.silent", server=self._server, error=str(silent))
                return
            patience, deadline = PING_SECONDS, PING_DEADLINE_SECONDS

    async def _echo_within(self, seconds: float) -> bool:
        """Whether an echo came within that time; returns at once when one comes, and when the connection is lost."""
        self._echoed = False
        self._news.clear()
        if not self._lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
        return self._echoed

    async def _prove(self, connection: asyncpg.Connection[asyncpg.Record], seconds: float) -> None:
        """Send a nonce and wait until it comes back on this very session.

        Raises:
            DatabaseAway: it did not within `seconds`.
        """
        nonce = PROBE + secrets.token_hex(8)
        came_back = self._returned[nonce] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                with translated(self._server):
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, nonce)
                await came_back.wait()
        except TimeoutError:
            raise DatabaseAway(
                f"its own NOTIFY did not come back within {seconds:g} s: a frozen server, a cut link, or a transaction "
                "pooler (set ACRA_EXPRESS_LISTEN_DSN to a direct connection)",
                reason=Away.SILENT,
            ) from None
        finally:
            del self._returned[nonce]
        self._loop.beacon.beat()

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if isinstance(payload, str) and payload.startswith(PROBE):
            if payload == self._echo:
                self._echoed = True
                self._news.set()
            waiting = self._returned.get(payload)
            if waiting is not None:
                waiting.set()
            return
        self._wake("notify")

    def _on_lost(self, _connection: object) -> None:
        self._lost = True
        self._news.set()

    def _up(self, *, proven: bool) -> None:
        self._health.listener_proven = proven
        self._metrics.listener_up.set(int(proven))


async def hears_itself(dsn: str, role: str | None, seconds: float, *, setting: str = "POSTGRES_DSN") -> bool:
    """Whether a NOTIFY of our own comes back through `dsn` within `seconds`; the errors are those of `connect`."""
    connection = await connect(dsn, session_settings(role, None), pooled=True, setting=setting)
    nonce = PROBE + secrets.token_hex(8)
    heard = asyncio.Event()

    def on_notify(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == nonce:
            heard.set()

    try:
        async with asyncio.timeout(seconds):
            with translated(host_and_port(dsn)):
                await connection.add_listener(CHANNEL, on_notify)
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, nonce)
            await heard.wait()
    except TimeoutError:
        return False
    finally:
        connection.terminate()
    return True
