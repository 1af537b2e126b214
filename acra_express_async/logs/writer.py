"""Lines on their way to stderr: whoever logs never waits for the one who reads.

A pipe that nobody reads (a stuck log driver) blocks every write to it, and a closed one breaks it. So lines go through
a bounded queue to a thread of their own, which alone meets the descriptor. It writes past `sys.stderr`, whose buffer
and lock the interpreter asks for once more at its end, and which turns a pipe without a reader into exit code 120.
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
"""Lines that wait at most. A busy service writes some ten a second and a line has a few hundred characters, at most
some ten thousand: minutes of a slow reader in less than 20 MB."""
LAST_SECONDS = 2.0
"""How long the end of the process waits for a reader; then it goes without its last lines."""


class LineWriter:
    """Writes to a file descriptor from a thread of its own; `write` and `flush` make it a stream for `logging`.

    Args:
        descriptor: None when the process was given no stderr: every line is then dropped, and counted.
        most_lines: how many wait at most; what comes beyond is dropped, and counted.
    """

    def __init__(self, descriptor: int | None, *, most_lines: int = MOST_LINES) -> None:
        self._descriptor = descriptor
        self._most_lines = most_lines
        # a SimpleQueue never blocks the one who puts, not even in a signal handler in the middle of another put
        self._queue: SimpleQueue[str | threading.Event | None] = SimpleQueue()
        self._counting = threading.Lock()
        self._dropped = 0
        self._told = 0
        self._torn = False
        self.clean: Callable[[str], str] = str
        """Takes secrets out of what others write to stderr."""
        self.drops_line: Callable[[int], str] = "{} lines of the log were dropped\n".format
        """The line that says how many lines were dropped, said when the next one gets through."""
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
        """Nothing: see `drained`."""

    def isatty(self) -> bool:
        """Whether a person reads."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def drained(self, seconds: float = LAST_SECONDS) -> bool:
        """Wait until all that was written so far is out or dropped, but no longer than this; whether it is."""
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(seconds)

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Write what waits, then end the thread; a thread that a reader holds up ends with the process."""
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
        """Whether the whole text was written; what broke off in the middle is ended by the next line's line end."""
        assert self._descriptor is not None
        left = (("\n" if self._torn else "") + text).encode("utf-8", errors="backslashreplace")
        while left:
            try:
                written = os.write(self._descriptor, left)
            except BlockingIOError:  # whoever shares the pipe made it non-blocking
                select.select([], [self._descriptor], [])
                continue
            except OSError:  # no reader any more, a full disk: counted, and tried again with the next line
                return False
            left = left[written:]
            self._torn = bool(left)
        return True


class StrayLines(io.TextIOBase):
    """Stands in for `sys.stderr`: what others print there (a warning, a lost exception) takes the same way as a log."""

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
        """As the stream behind it."""
        return self._writer.isatty()


@contextmanager
def detached_stderr() -> Iterator[LineWriter]:
    """Within it, nothing that writes to `sys.stderr` waits; the writer is for the logs (`configure`)."""
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
    """One sentence for an operator; a reader that is stuck or gone neither holds it up nor changes the exit code."""
    writer = LineWriter(_descriptor_of_stderr())
    writer.write(sentence + "\n")
    writer.close()


def _descriptor_of_stderr() -> int | None:
    """None when stderr was closed (``2>&-``); what stands in its place in a test has its own descriptor."""
    try:
        return None if sys.stderr is None else sys.stderr.fileno()
    except (OSError, ValueError):
        return None


def _hold_standard_descriptors() -> None:
    """A descriptor below 3 that was closed must not become a socket of ours into which somebody prints."""
    while (held := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(held)
