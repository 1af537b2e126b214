"""Log readers that do not read: pipes that are full, stuck or broken."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

F_SETPIPE_SZ = 1031
SMALLEST = 4096


@dataclass
class Pipe:
    """The smallest possible pipe; `reading` is the end of the test, `writing` that of the process."""

    reading: int
    writing: int

    def fill(self) -> None:
        """Fill the pipe until a write would block."""
        os.set_blocking(self.writing, False)
        try:
            while True:
                os.write(self.writing, b"x" * SMALLEST)
        except BlockingIOError:
            os.set_blocking(self.writing, True)

    def read(self) -> str:
        """The current content of the pipe."""
        return os.read(self.reading, 1 << 20).decode()

    def hang_up(self) -> None:
        """Close the reading end: every write raises EPIPE from now on."""
        os.close(self.reading)
        self.reading = -1


@contextmanager
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    fcntl.fcntl(made.writing, F_SETPIPE_SZ, SMALLEST)
    try:
        yield made
    finally:
        for end in (made.reading, made.writing):
            if end >= 0:
                os.close(end)
