"""Probes a provider when an operator asks for it: with the service's own key, address, budgets and breaker.

The request waits in the database, where one replica takes it. A probe that succeeds closes the breaker and makes the
jobs due that wait for the provider; one that fails opens it again, as any other probe does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol

from acra_express_async.limits import Breaker, State
from acra_express_async.limits.breaker import KEY_REASONS
from acra_express_async.logs import logger
from acra_express_async.models import Provider
from acra_express_async.providers.trials import Trial
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.secret_files import Secret
from acra_express_async.runtime.turn_loop import Loop

LOOP = "probes"
POLL_SECONDS = 600.0
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


@dataclass(kw_only=True, eq=False, repr=False)
class Probes:
    """Takes requests and probes.

    Args:
        owner: this process.
        trials: the cheapest call to each provider, through its breaker.
        breakers: read before a call, because what they know may be two seconds old.
        stands_back: why no call may start now (the nightly runs, quiet hours).
        zone: in which moments are written.
        keys: of the providers that have one; a key in a file is read again before a probe.
    """

    store: ProbeStore
    owner: str
    trials: Mapping[Provider, Callable[[], Awaitable[Trial]]]
    breakers: Mapping[Provider, Breaker]
    stands_back: Callable[[], str | None]
    zone: tzinfo
    keys: Mapping[Provider, Secret] = field(default_factory=dict)
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._loop = Loop(LOOP, context)

    def wake(self) -> None:
        """There may be a request; only sets a flag."""
        self._loop.wake()

    async def run(self) -> None:
        """Probe until cancelled; while the database is away, requests wait, and expire."""
        await self._loop.repeat(
            self.look,
            every=REST_SECONDS,
            until_woken=POLL_SECONDS,
            missed=lambda away: _log.warning("probes.missed", error=str(away)),
        )

    async def look(self) -> None:
        """Take and answer every request.

        Raises:
            NotNow: a request that was taken stays without an answer.
        """
        for provider in await self.store.take(self.owner):
            self._loop.beacon.allow(PROBE_SECONDS)
            trial = await self._probe(provider)
            due = await self.store.finish(provider, answered=trial.answered, answer=trial.text)
            _log.info("probe.ended", provider=provider, answered=trial.answered, answer=trial.text, jobs_due=due)

    def _next_step(self, provider: Provider, reason: str) -> str:
        """What ends a breaker that stays open after a probe."""
        if provider in self.keys and reason in KEY_REASONS:
            return "mend the key or the account; a new key in its file is found within a minute"
        return "the next probe is made by itself (`breakers list` says when)"

    async def _probe(self, provider: Provider) -> Trial:
        name = provider.display_name
        why = self.stands_back()
        if why is not None:
            said = {"nightly_running": "the nightly run goes first"}.get(why, "these are quiet hours")
            return Trial(False, f"{name} was not called: {said}", called=False)
        until = await self.store.end_cooldown(provider)
        if until is not None:
            at = f"{until.astimezone(self.zone):%H:%M}"
            return Trial(False, f"{name} was not called: it blocked us, and any request before {at} prolongs that")
        if provider in self.keys:
            self.keys[provider].read_again()
        breaker = self.breakers[provider]
        before = await breaker.refresh()
        trial = await self.trials[provider]()
        after = await breaker.refresh()
        if after.state is not State.CLOSED:
            stays = f"{trial.text}; its breaker stays {after.state.value.replace('_', ' ')}"
            return Trial(trial.answered, f"{stays}: {self._next_step(provider, after.reason)}")
        closed = "is closed again" if before.state is not State.CLOSED else "was closed and stays so"
        return Trial(trial.answered, f"{trial.text}; its breaker {closed}")
