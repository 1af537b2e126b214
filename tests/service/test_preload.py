"""What a running service no longer looks for on its disk."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from types import ModuleType

import pytest

from acra_express_async.providers.http_client import http_client
from acra_express_async.service.preload import preload


class Searches:
    """Notes what Python looks for along its path, and finds nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> None:
        self.names.append(name)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline() not in (b"\r\n", b""):
        continue
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_a_call_searches_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)
    await preload()
    searches = Searches()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, http_client() as client:
        await client.get(url)
        monkeypatch.setattr(sys, "meta_path", [searches, *sys.meta_path])
        assert (await client.get(url)).status_code == 204
    assert searches.names == []
