"""From where a request comes, and whether that may speak for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

Address = IPv4Address | IPv6Address
NOWHERE = IPv4Address("0.0.0.0")  # noqa: S104 - stands for a peer without an address, such as a closed connection


def peer_of(request: web.Request) -> Address:
    """The address at the other end of the connection; an IPv4 address in IPv6 form is that IPv4 address."""
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    found = _address(str(peer[0]).partition("%")[0]) if peer else None
    return NOWHERE if found is None else found


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies of TRUSTED_PROXIES; headers of every other peer say nothing."""

    networks: Sequence[IPv4Network | IPv6Network]

    def trust(self, peer: Address) -> bool:
        """Whether this is one of them."""
        return any(peer in network for network in self.networks if network.version == peer.version)

    def user(self, request: web.Request, header: str) -> str | None:
        """The name that a trusted proxy gives; None from any other peer, and where the header came twice."""
        if not self.trust(peer_of(request)):
            return None
        names = request.headers.getall(header, [])
        return names[0].strip() or None if len(names) == 1 else None

    def client(self, request: web.Request) -> Address:
        """The address of the person's own host: the last one in X-Forwarded-For that is no trusted proxy."""
        client = peer_of(request)
        if not self.trust(client):
            return client
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        for hop in reversed(hops):
            found = _address(hop.strip())
            if found is None:
                return client
            client = found
            if not self.trust(client):
                return client
        return client

    def is_encrypted(self, request: web.Request) -> bool:
        """A trusted proxy says that the browser speaks HTTPS with it."""
        return self.trust(peer_of(request)) and request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
