"""Probes a provider when an operator asks for it: with the service's own key, address, budgets and breaker.

The request waits in the database, where one replica takes it. A probe that succeeds closes the breaker and makes the
jobs due that wait for the provider; one that fails opens it again, as any other probe does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Protocol

from acra_express_async.errors import NotNow
from acra_express_async.limits import Breaker, State
from acra_express_async.limits.breaker import KEY_REASONS
from acra_express_async.logs import logger
from acra_express_async.models import Provider
from acra_express_async.providers.trials import Trial
from acra_express_async.runtime.health import BEAT_SECONDS, Health
from acra_express_async.runtime.secret_files import Secret

LOOP = "probes"
POLL_BEATS = 60
"""Without a word that a request waits, the table is looked at every 10 min."""
REST_SECONDS = 1.0
"""Between two looks: most notifications are about jobs."""
PROBE_SECONDS = 150.0
"""A wait for a turn and for the budget of a minute each, and the call."""

_log = logger("probes")


class ProbeStore(Protocol):
    """Where requests wait, see db/limits/probe_requests.py. A Protocol because providers/ must not import db/."""

    async def take(self, owner: str) -> list[Provider]: ...
    async def end_cooldown(self, provider: Provider) -> datetime | None: ...
    async def finish(self, provider: Provider, *, answered: bool, answer: str) -> int: ...


class Probes:
    """Takes requests and probes.

    Args:
        owner: this process.
        trials: the cheapest call to each provider, through its breaker.
        breakers: read before a call, because what they know may be two seconds old.
        stands_back: why no call may start now (the nightly runs, quiet hours).
        zone: in which moments are written.
        keys: of the providers that have one; a key in a file is read again before a probe.
        pause: waits, in seconds.
    """

    def __init__(
        self,
        *,
        store: ProbeStore,
        owner: str,
        trials: Mapping[Provider, Callable[[], Awaitable[Trial]]],
        breakers: Mapping[Provider, Breaker],
        stands_back: Callable[[], str | None],
        zone: tzinfo,
        health: Health,
        keys: Mapping[Provider, Secret] = MappingProxyType({}),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._owner = owner
        self._trials = trials
        self._breakers = breakers
        self._stands_back = stands_back
        self._zone = zone
        self._beacon = health.beacon(LOOP)
        self._keys = keys
        self._pause = pause
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be a request; only sets a flag."""
        self._wake.set()

    async def run(self) -> None:
        """Probe until cancelled; while the database is away, requests wait, and expire."""
        while True:
            self._wake.clear()
            self._beacon.beat()
            try:
                await self.look()
            except NotNow as away:
                _log.warning("probes.missed", error=str(away))
            await self._pause(REST_SECONDS)
            await self._wait()

    async def _wait(self) -> None:
        for _ in range(POLL_BEATS):
            if self._wake.is_set():
                return
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self._beacon.beat()

    async def look(self) -> None:
        """Take and answer every request.

        Raises:
            NotNow: a request that was taken stays without an answer.
        """
        for provider in await self._store.take(self._owner):
            self._beacon.allow(PROBE_SECONDS)
            trial = await self._probe(provider)
            due = await self._store.finish(provider, answered=trial.answered, answer=trial.text)
            _log.info("probe.ended", provider=provider, answered=trial.answered, answer=trial.text, jobs_due=due)

    def _next_step(self, provider: Provider, reason: str) -> str:
        """What ends a breaker that stays open after a probe."""
        if provider in self._keys and reason in KEY_REASONS:
            return "mend the key or the account; a new key in its file is found within a minute"
        return "the next probe is made by itself (`breakers list` says when)"

    async def _probe(self, provider: Provider) -> Trial:
        name = provider.display_name
        why = self._stands_back()
        if why is not None:
            said = {"nightly_running": "the nightly run goes first"}.get(why, "these are quiet hours")
            return Trial(False, f"{name} was not called: {said}", called=False)
        until = await self._store.end_cooldown(provider)
        if until is not None:
            at = f"{until.astimezone(self._zone):%H:%M}"
            return Trial(False, f"{name} was not called: it blocked us, and any request before {at} prolongs that")
        if provider in self._keys:
            self._keys[provider].read_again()
        breaker = self._breakers[provider]
        before = await breaker.refresh()
        trial = await self._trials[provider]()
        after = await breaker.refresh()
        if after.state is not State.CLOSED:
            stays = f"{trial.text}; its breaker stays {after.state.value.replace('_', ' ')}"
            return Trial(trial.answered, f"{stays}: {self._next_step(provider, after.reason)}")
        closed = "is closed again" if before.state is not State.CLOSED else "was closed and stays so"
        return Trial(trial.answered, f"{trial.text}; its breaker {closed}")
