"""Reads DSNs: the servers that one names, and how to show them without the password."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

DEFAULT_PORT = 5432
FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
"""Parameters that name a file; a missing one would look like a server that is away."""


class DsnSource(Protocol):
    """Where the DSN comes from: a fixed text, or a file that is rewritten when the password is rotated."""

    @property
    def value(self) -> str:
        """The DSN for the next connection."""
        ...

    def refused(self) -> bool:
        """Look for a newer DSN after the login was refused; True if there is one."""
        ...


class FixedDsn:
    """A DSN that never changes."""

    def __init__(self, value: str) -> None:
        self.value = value

    def refused(self) -> bool:
        """False: there is no newer one."""
        return False


def host_and_port(dsn: str) -> str:
    """The servers of a DSN for an operator, for example ``db-1:5432,db-2:5432``; never its password."""
    try:
        hosts = _hosts(dsn)
    except ValueError:
        return "an unreadable host"
    return ",".join(host if ":" in host.rpartition("]")[2] else f"{host}:{DEFAULT_PORT}" for host in hosts)


def parameters(dsn: str) -> dict[str, str]:
    """The parameters after the question mark; asyncpg sends those that it does not know to the server as settings."""
    try:
        return dict(parse_qsl(urlsplit(dsn).query))
    except ValueError:
        return {}


def unreadable_file(dsn: str) -> str | None:
    """``sslrootcert names /nope, which cannot be read``; None when every file that the DSN names can be."""
    for name, path in parameters(dsn).items():
        if name in FILES and path != "system":
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as wrong:
                return f"{name} names {path}, which cannot be read ({wrong.strerror})"
    return None


def one_dsn_for_each_host(dsn: str) -> list[str]:
    """One DSN per host, in their order, because asyncpg's time-out covers all hosts and ends at the first silent one.

    With several hosts each DSN asks for a server that accepts writes, unless the DSN itself says otherwise.
    """
    try:
        hosts = _hosts(dsn)
        parts = urlsplit(dsn)
    except ValueError:
        return [dsn]
    if len(hosts) < 2:
        return [dsn]
    account, at, _ = parts.netloc.rpartition("@")
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("host", "port")]
    if "target_session_attrs" not in dict(kept):
        kept.append(("target_session_attrs", "read-write"))
    return [parts._replace(netloc=f"{account}{at}{host}", query=urlencode(kept)).geturl() for host in hosts]


def _hosts(dsn: str) -> list[str]:
    parts = urlsplit(dsn)
    named = parts.netloc.rpartition("@")[2]
    if named:
        return named.split(",")
    asked = dict(parse_qsl(parts.query))
    hosts = asked.get("host", "localhost").split(",")
    ports = asked.get("port", str(DEFAULT_PORT)).split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    return [f"{host}:{port}" for host, port in zip(hosts, ports, strict=False)]
