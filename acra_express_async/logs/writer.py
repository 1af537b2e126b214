"""Writes log lines to stderr from a separate thread, so that a slow reader never blocks the service.

Writing to a pipe blocks while its reader is stuck (a hung log driver) and fails after the reader has gone. So lines go
through a bounded queue to one thread, the only one that touches the descriptor. It bypasses `sys.stderr`: at exit the
interpreter flushes that stream, which takes its lock and, without a reader, turns the exit code into 120.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

MOST_LINES = 2000
"""Longest queue. A busy service writes about ten lines a second of a few hundred characters, at most ten thousand each:
the queue covers minutes of a slow reader in less than 20 MB."""
LAST_SECONDS = 2.0
"""How long the process waits for the reader before it exits; after that its last lines are lost."""


class LineWriter:
    """Writes to a file descriptor from a separate thread; `write` and `flush` make it a stream for `logging`.

    Args:
        descriptor: None when the process has no stderr: every line is then dropped and counted.
        most_lines: longest queue; further lines are dropped and counted.
    """

    def __init__(self, descriptor: int | None, *, most_lines: int = MOST_LINES) -> None:
        self._descriptor = descriptor
        self._most_lines = most_lines
        # SimpleQueue.put never blocks, not even in a signal handler that interrupts another put
        self._queue: SimpleQueue[str | threading.Event | None] = SimpleQueue()
        self._counting = threading.Lock()
        self._dropped = 0
        self._told = 0
        self._torn = False
        self.clean: Callable[[str], str] = str
        """Removes secrets from what libraries write to stderr."""
        self.drops_line: Callable[[int], str] = "{} lines of the log were dropped\n".format
        """Makes the line that says how many lines were dropped; it follows the next line that gets through."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were dropped since the start."""
        return self._dropped

    def write(self, text: str) -> int:
        """Queue whole lines, or drop them; never waits."""
        if self._descriptor is None or self._queue.qsize() >= self._most_lines:
            self._drop()
        else:
            self._queue.put(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing; `drained` waits for the thread."""

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def drained(self, seconds: float = LAST_SECONDS) -> bool:
        """Wait at most `seconds` until all lines so far are written or dropped; True when they are."""
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(seconds)

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Write the queue, then end the thread; a thread that is stuck in a write ends with the process."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _drop(self) -> None:
        with self._counting:
            self._dropped += 1

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            elif self._out(item):
                self._tell_drops()
            else:
                self._drop()

    def _tell_drops(self) -> None:
        dropped = self._dropped
        if dropped > self._told and self._out(self.drops_line(dropped - self._told)):
            self._told = dropped

    def _out(self, text: str) -> bool:
        """Write the text; True when all of it was written. After a partial write the next text starts on a new line."""
        assert self._descriptor is not None
        left = (("\n" if self._torn else "") + text).encode("utf-8", errors="backslashreplace")
        while left:
            try:
                written = os.write(self._descriptor, left)
            except BlockingIOError:  # another process that shares the pipe made it non-blocking
                select.select([], [self._descriptor], [])
                continue
            except OSError:  # the reader has gone or the disk is full: dropped, and the next line is tried again
                return False
            left = left[written:]
            self._torn = bool(left)
        return True


class StrayLines(io.TextIOBase):
    """Replaces `sys.stderr`: what libraries print there (warnings, lost exceptions) goes through the same queue."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer
        self._begun = ""

    def write(self, text: str) -> int:
        """Pass on every line that is complete."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._writer.write(self._writer.clean(line) + "\n")
        return len(text)

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return self._writer.isatty()


@contextmanager
def detached_stderr() -> Iterator[LineWriter]:
    """Inside the context no write to `sys.stderr` blocks; the writer it yields is for the logs (`configure`)."""
    _hold_standard_descriptors()
    real = sys.stderr
    writer = LineWriter(_descriptor_of_stderr())
    sys.stderr = StrayLines(writer)
    try:
        yield writer
    finally:
        sys.stderr = real
        writer.close()


def say_to_stderr(sentence: str) -> None:
    """Print one sentence for an operator; a stuck or missing reader neither blocks nor changes the exit code."""
    writer = LineWriter(_descriptor_of_stderr())
    writer.write(sentence + "\n")
    writer.close()


def _descriptor_of_stderr() -> int | None:
    """None when stderr was closed (``2>&-``); a test's replacement of stderr has its own descriptor."""
    try:
        return None if sys.stderr is None else sys.stderr.fileno()
    except (OSError, ValueError):
        return None


def _hold_standard_descriptors() -> None:
    """Open descriptors 0 to 2 if they are closed, or one of our sockets would get such a number and receive prints."""
    while (held := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(held)
