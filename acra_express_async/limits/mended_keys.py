"""A key that was mended works at once: the breaker that opened for the old one does not wait out its cool-down.

The breaker stores a keyed fingerprint of the refused key. `MendedKeys` compares it with the key of this process, at the
start and every few seconds; while a key is refused, it also looks into the key's file for a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from acra_express_async.limits.breaker import FRESH
from acra_express_async.logs import logger
from acra_express_async.models import Provider
from acra_express_async.runtime.secret_files import Secret

PAUSE = timedelta(minutes=5)
"""At most one early probe of a provider in this time, over all replicas: during a rolling deploy the old replicas still
have the refused key and open the breaker again."""
SETTLED = 1.5 * FRESH
"""Every replica has read the changed breaker by then; a job that came sooner would be snoozed by the old state."""

_log = logger("breaker")

Mend = Callable[[Mapping[Provider, str]], Awaitable[dict[Provider, bool]]]
"""By the fingerprints of the present keys: each provider whose breaker is open for a key, and whether its cool-down
ended now because that was another key. See `BreakerRows.mend`."""


class MendedKeys:
    """The keys of one process.

    Args:
        mend: ends cool-downs in the shared breakers.
        keys: by provider; None for one that is called without a key.
        key_print: the keyed fingerprint of a key; the same key gives the same text in every process.
    """

    def __init__(self, mend: Mend, keys: Mapping[Provider, Secret | None], key_print: Callable[[str], str]) -> None:
        self._mend_breakers = mend
        self._keys = keys
        self._key_print = key_print

    def print_of(self, provider: Provider) -> str | None:
        """The fingerprint of the present key; None for a provider that has no keys."""
        if provider not in self._keys:
            return None
        key = self._keys[provider]
        return self._key_print("" if key is None else key.value)

    async def look(self) -> list[Provider]:
        """The providers whose cool-down ended now because our key is not the one that was refused.

        Raises:
            NotNow: nothing was changed.
        """
        opened = await self._mend(self._keys)
        renewed = [provider for provider, mended in opened.items() if not mended and self._renewed(provider)]
        if renewed:
            opened |= await self._mend(renewed)
        mended = [provider for provider, done in opened.items() if done]
        for provider in mended:
            _log.info("breaker.key_mended", provider=provider)
        return mended

    async def _mend(self, providers: Mapping[Provider, Secret | None] | list[Provider]) -> dict[Provider, bool]:
        prints = {provider: self.print_of(provider) or "" for provider in providers}
        return await self._mend_breakers(prints)

    def _renewed(self, provider: Provider) -> bool:
        """No call is made while the breaker is open, so nothing else would read the key's file again."""
        key = self._keys[provider]
        return key is not None and key.refused()
