"""The address of the status page for people elsewhere, which the process itself can only guess."""

from __future__ import annotations

import socket

from acra_express_async.settings.tree import HttpSettings

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses to compare with


class PageAddress:
    """The address of this process, known once it listens."""

    def __init__(self, http: HttpSettings) -> None:
        self._http = http
        self._port = http.port

    def listens_on(self, port: int) -> None:
        """The server has taken this port."""
        self._port = port

    def runbook(self) -> str:
        """Where the service's own copy of the runbook can be read."""
        return f"{page_address(self._http, self._port)}/runbook"


def page_address(http: HttpSettings, port: int) -> str:
    """`HTTP__PUBLIC_URL`; without it the host's own name, or the address on which the service listens.

    Args:
        port: the one that is listened on, which 0 in the settings leaves to the system.
    """
    if http.public_url is not None:
        return http.public_url
    host = socket.gethostname() if http.host in WILDCARDS else http.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
