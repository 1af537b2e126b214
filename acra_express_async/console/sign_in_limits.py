"""Slows guesses of the password down for each peer. Never for all: a stranger must not be able to lock people out.

After a few free tries a peer waits twice as long each time, up to a minute. While it waits, nothing that it sends is
compared with the password. Memory is bounded: of too many peers the one that tried least recently is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Network

from acra_express_async.console.peers import Address

FREE_TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds. 1,440 guesses a day and peer at most; several people may share an address and must get in after a minute."""
FORGOTTEN_AFTER = 900.0
"""Seconds without a try."""
MOST_PEERS = 2048
HOST_BITS = 64
"""An IPv6 host may use any address of its /64."""


@dataclass(slots=True)
class _Tries:
    count: int
    last: float
    free_at: float


class SignInLimits:
    """Tries by peer.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float], most_peers: int = MOST_PEERS) -> None:
        self._clock = clock
        self._most = most_peers
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def try_now(self, peer: Address) -> float:
        """Count a try and return 0, or return the seconds for which this peer must wait; then nothing is counted."""
        now, key = self._clock(), _key(peer)
        tries = self._tries.get(key)
        if tries is None or now - tries.last >= FORGOTTEN_AFTER:
            tries = _Tries(0, now, now)
        if now < tries.free_at:
            return tries.free_at - now
        tries.count += 1
        tries.last = now
        beyond = tries.count - FREE_TRIES
        tries.free_at = now if beyond < 0 else now + min(LONGEST_WAIT, 2.0 ** min(beyond, 10))
        self._tries[key] = tries
        self._tries.move_to_end(key)
        while len(self._tries) > self._most:
            self._tries.popitem(last=False)
        return 0.0

    def succeeded(self, peer: Address) -> None:
        """The last try was right: this peer begins anew."""
        self._tries.pop(_key(peer), None)


def _key(peer: Address) -> str:
    return str(peer) if peer.version == 4 else str(IPv6Network((int(peer), HOST_BITS), strict=False))
