"""Commands on a pseudo-terminal of a given size, and what their screen then shows (pyte is the terminal)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pyte

DEADLINE_SECONDS = 60.0
"""Until a screen shows what is waited for; a loaded machine needs seconds to start Python."""


class Terminal:
    """A running command and its screen."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, size: tuple[int, int]) -> None:
        self.process = process
        self.screen = pyte.Screen(*size)
        self._master = master
        self._stream = pyte.ByteStream(self.screen)
        self._changed = asyncio.Event()
        self.raw = b""
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side has gone
            data = b""
        if data:
            self.raw += data
            self._stream.feed(data)
        else:
            asyncio.get_running_loop().remove_reader(self._master)
        self._changed.set()

    async def until(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """The lines of the screen once they satisfy the condition."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not seen(self.screen.display):
                self._changed.clear()
                await self._changed.wait()
        return list(self.screen.display)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def terminal(*arguments: str, size: tuple[int, int], **environ: str) -> AsyncIterator[Terminal]:
    """Run `acra-express` on a terminal of `size` (columns, rows); it is killed at the end."""
    async with program_on_terminal(
        sys.executable, "-m", "acra_express_async", *arguments, size=size, **environ
    ) as running:
        yield running


@asynccontextmanager
async def program_on_terminal(*command: str, size: tuple[int, int], **environ: str) -> AsyncIterator[Terminal]:
    """Run any program on a terminal of `size` (columns, rows); it is killed at the end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        # the terminal becomes the controlling one, so that Ctrl-C is a signal
        "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "os.execvp(sys.argv[1], sys.argv[1:])",
        *command,
        env=kept | {"TERM": "xterm-256color"} | environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, size)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


async def on_terminal(*arguments: str, size: tuple[int, int], **environ: str) -> pyte.Screen:
    """The screen when the command has ended."""
    async with terminal(*arguments, size=size, **environ) as shown:
        await shown.ended()
        await asyncio.sleep(0)  # what it wrote last is in the buffer of the terminal
        shown._read()
        return shown.screen
