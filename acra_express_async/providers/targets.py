"""Which URLs may be given to an outside reader: public web addresses, and none that contains or reaches a secret."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

LONGEST_URL = 2000

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
_PRIVATE_ZONES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "corp",
    "home",
    "onion",
)
_PERSONAL = frozenset(
    {
        "token",
        "access_token",
        "auth_token",
        "session",
        "sessionid",
        "phpsessid",
        "jsessionid",
        "password",
        "passwd",
        "pwd",
        "apikey",
        "api_key",
        "email",
    }
)
"""Names of query parameters that hold something personal."""
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class RefusedTarget(ValueError):
    """The URL may not be sent; the text says why and never repeats the URL."""


def checked(url: str) -> str:
    """The URL as it may be sent: host in ASCII, spaces escaped, no fragment.

    Raises:
        RefusedTarget: not http(s), contains credentials or a token, has an unusual port, names a private host or no
            public host, or contains characters that two parsers could read differently.
    """
    if len(url) > LONGEST_URL:
        raise RefusedTarget(f"the URL is longer than {LONGEST_URL} characters")
    if any(ord(char) < 0x20 or ord(char) == 0x7F or char == "\\" or "\ud800" <= char <= "\udfff" for char in url):
        raise RefusedTarget("the URL holds control characters, backslashes or half a character")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as wrong:
        raise RefusedTarget("the URL cannot be parsed") from wrong
    if parts.scheme not in ("http", "https"):
        raise RefusedTarget("the URL is neither http nor https")
    if "@" in parts.netloc:
        raise RefusedTarget("the URL holds credentials")
    if port not in (None, 80, 443):
        raise RefusedTarget(f"the URL names port {port}")
    if any(key.lower() in _PERSONAL for key, _ in parse_qsl(parts.query)):
        raise RefusedTarget("the URL's query holds a token, a password or an address")
    name = _public_name(host or "")
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        name = f"{name}:{port}"
    path, query = (part.replace(" ", "%20") for part in (parts.path or "/", parts.query))
    return urlunsplit((parts.scheme, name, path, query, ""))


def _public_name(host: str) -> str:
    if ":" in host:
        raise RefusedTarget("the URL's host is an IPv6 address")
    try:
        # first of all: full-width digits and ideographic full stops become 127.0.0.1 here
        name = host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except UnicodeError as wrong:
        raise RefusedTarget("the URL's host is not a valid name") from wrong
    name = name.rstrip(".")
    if _NUMBER.fullmatch(name.rsplit(".", 1)[-1]):
        # an IP address, perhaps in one of the forms that browsers accept (127.1, 0x7f000001, 2130706433 …)
        _require_global(name)
        return name
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(len(part) < 64 and _LABEL.fullmatch(part) for part in labels):
        raise RefusedTarget("the URL's host is not a public name")
    if any(name == zone or name.endswith("." + zone) for zone in _PRIVATE_ZONES):
        raise RefusedTarget("the URL's host is a private name")
    return name


def _require_global(host: str) -> None:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as wrong:
        raise RefusedTarget("the URL's host is an address in an unusual form") from wrong
    if not address.is_global or address.is_multicast:
        raise RefusedTarget("the URL's host is not a public address")
