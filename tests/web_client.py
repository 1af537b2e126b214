"""A client of the status port that speaks plain HTTP/1.1 over one connection for each question."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WebAnswer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def answer(port: int, path: str, host: str = "127.0.0.1") -> WebAnswer:
    """One GET; raises what the connection raises when it is not answered."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        if not head:
            raise ConnectionResetError("closed without an answer")
        return WebAnswer(int(head.split()[1]), body)
    finally:
        writer.close()
