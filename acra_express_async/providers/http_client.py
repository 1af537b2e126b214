"""The HTTP client of the process, with the proxies and certificates of the host's environment.

httpx reads these environment variables itself, and a wrong value raises an error somewhere in a library. Here it
becomes one sentence that names the variable, without its value, because a proxy's URL may hold a password.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx

from acra_express_async.errors import ConfigError
from acra_express_async.settings.library_names import CERTIFICATES, NO_PROXY, PROXIES, names_set

CONNECT_SECONDS = 5.0
"""Longest wait for a provider's TCP and TLS handshake; the whole try is bounded by its provider's time-out."""

_BUILDING = (httpx.InvalidURL, ValueError, ImportError, OSError)
"""What httpx raises during construction: for a proxy's URL, a missing SOCKS library, or certificates."""


def http_client() -> httpx.AsyncClient:
    """The client that all providers share.

    Raises:
        ConfigError: a name in the environment that httpx reads has a value it cannot use.
    """
    for fault in _faults():
        raise ConfigError(fault)
    try:
        return httpx.AsyncClient(
            follow_redirects=False,  # a redirect is a provider's answer; following it could lead anywhere
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        )
    except _BUILDING as wrong:
        found = names_set(*PROXIES, NO_PROXY, *CERTIFICATES)
        raise ConfigError(
            f"no HTTP client can be built under {', '.join(found) or 'this environment'} ({type(wrong).__name__})"
        ) from wrong


def _faults() -> Iterator[str]:
    """One sentence for each variable whose value is wrong."""
    for name, value in names_set(*PROXIES).items():
        address = value if "://" in value else f"http://{value}"
        try:
            httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), proxy=httpx.Proxy(address))
        except _BUILDING:
            yield f"{name} does not name a usable proxy: it must be a URL that begins with http:// or https://"
    for name, value in names_set(NO_PROXY).items():
        entries = [part.strip() for part in value.split(",") if part.strip()]
        for entry in () if "*" in entries else entries:
            try:
                httpx.URL(_pattern(entry))
            except httpx.InvalidURL:
                yield f"{name}: {entry!r} is neither a host nor an address (write an IPv6 address without brackets)"
    for name, value in names_set(*CERTIFICATES).items():
        try:
            _trusted(name.upper(), value)
        except OSError as wrong:
            yield f"{name} names {value}, from which no certificates can be loaded ({wrong.strerror or wrong})"


def _pattern(entry: str) -> str:
    """An entry of NO_PROXY as httpx reads it."""
    if "://" in entry:
        return entry
    try:
        version = ip_address(entry.partition("/")[0]).version
    except ValueError:
        return f"all://*{entry}"
    return f"all://[{entry}]" if version == 6 else f"all://{entry}"


def _trusted(name: str, path: str) -> None:
    """Load what httpx would load; OpenSSL does not report a missing folder."""
    if name == "SSL_CERT_DIR":
        next(Path(path).iterdir(), None)
    else:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
