"""Whether it is only our own host that cannot reach a provider.

A try that did not leave this host says nothing about the provider while another process gets answers from it. Then this
process leaves the provider to the others for a while, longer each time, and opens no breaker for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from acra_express_async.errors import Blocked, Transient
from acra_express_async.logs import logger
from acra_express_async.models import Provider

CUT_OFF = "cut_off"
"""Reason of an error that means "not called from this host": others reach the provider, and this host does not."""
ANSWERED_LATELY = timedelta(minutes=2)
"""While another process had an answer within this time, a provider that we cannot reach is not away."""
CUT_OFF_FAILURES = 2
"""So many tries in a row that did not leave this host make it cut off."""
PROBE_COURTESY = timedelta(seconds=10)
"""After a probe that did not leave this host, other processes may make the next one first."""
UNREACHED = frozenset({"connection", "not_sent"})
"""Reasons of errors that say, of a try that was not sent, that nothing left this host."""

_log = logger("breaker")


class OwnReach:
    """One per provider and process, for one event loop.

    Args:
        provider: which this host may not reach.
        pauses: how long it is left to others, by the number of times in a row; the last one repeats.
    """

    def __init__(self, provider: Provider, pauses: Sequence[timedelta]) -> None:
        self._provider = provider
        self._pauses = tuple(pauses)
        self._in_a_row = 0
        self._level = 0
        self._held_until = 0.0
        self._yields_until = 0.0

    @property
    def cut_off(self) -> timedelta:
        """How much longer the provider is left to others."""
        return timedelta(seconds=max(0.0, self._held_until - _now()))

    @property
    def yields_probe(self) -> bool:
        """Whether others may make the next probe before us."""
        return _now() < self._yields_until

    def check(self) -> None:
        """Raises Blocked with `CUT_OFF` while the provider is left to others."""
        left = self.cut_off
        if left > timedelta():
            raise Blocked(
                f"this host cannot reach {self._provider}, which other hosts reach",
                provider=self._provider,
                retry_after=left,
                reason=CUT_OFF,
                sent=False,
            )

    def answered(self) -> None:
        """The provider gave an answer."""
        self._in_a_row = self._level = 0
        self._held_until = 0.0

    def failed(self, error: Transient) -> bool:
        """Note a failed try; whether nothing left this host."""
        unreached = not error.sent and error.reason in UNREACHED
        self._in_a_row = self._in_a_row + 1 if unreached else 0
        return unreached

    def keep_away(self, reason: str) -> None:
        """Others reach it: after `CUT_OFF_FAILURES` leave it to them."""
        if self._in_a_row < CUT_OFF_FAILURES:
            return
        seconds = self._pauses[min(self._level, len(self._pauses) - 1)].total_seconds()
        self._level += 1
        self._held_until = _now() + seconds
        _log.warning("breaker.cut_off", provider=self._provider, reason=reason, seconds=seconds)

    def yield_probe(self, cooldown: timedelta) -> None:
        """Our probe did not leave this host: let others make the one after `cooldown`."""
        self._yields_until = _now() + (cooldown + PROBE_COURTESY).total_seconds()


def _now() -> float:
    return asyncio.get_running_loop().time()
