"""Handles SIGTERM and SIGINT from the first line of the process to its last, with one handler that is never replaced.

Without a handler the kernel ignores a SIGTERM for PID 1 (a container without an init) and kills any other process, with
exit code -15. So the handler is installed before the imports, which take a second; this module is imported first and
imports nothing slow.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CLOSING_SECONDS = 5.0
"""How long Python may take to exit after the service has ended: a thread in a name look-up can hang for a minute."""


class StopSignals:
    """Passes each signal to the running service; before its start and after its end the process exits at once.

    Args:
        leave: ends the process. ``os._exit``, because an exception raised by a signal handler in the middle of an
            import may be swallowed there.
    """

    def __init__(self, *, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave
        self._stop: Callable[[str], object] | None = None
        self._in_loop: Callable[[Callable[[str], None], str], object] | None = None
        self._exit_code = 0

    def install(self) -> StopSignals:
        """Install the handler for both signals; in the main thread only."""
        for number in SIGNALS:
            signal.signal(number, self._heard)
        return self

    @contextmanager
    def told_to(self, stop: Callable[[str], object]) -> Iterator[None]:
        """Inside the context, which needs a running loop, a signal calls `stop` with its name."""
        from asyncio import get_running_loop  # noqa: PLC0415 - 70 ms, and there is a loop by now

        loop = get_running_loop()
        before = self._stop, self._in_loop
        self._stop, self._in_loop = stop, loop.call_soon_threadsafe
        try:
            yield
        finally:
            self._stop, self._in_loop = before

    def over(self, exit_code: int) -> None:
        """The service has ended: a further signal, or `CLOSING_SECONDS`, ends the process with this code."""
        self._exit_code = exit_code
        last = threading.Timer(CLOSING_SECONDS, self._leave, (exit_code,))
        last.daemon = True
        last.start()

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        # a handler runs between any two bytecodes, so it only schedules the work on the loop
        name = signal.Signals(number).name
        self._in_loop(self._hand_on, name) if self._in_loop else self._hand_on(name)

    def _hand_on(self, name: str) -> None:
        """Runs on the loop; the receiver may have changed since the signal arrived."""
        if self._stop is None:
            self._leave(self._exit_code)
        else:
            self._stop(name)
