"""SIGTERM and SIGINT from the first line of the process to its last, with one handler that is never replaced.

The kernel drops a SIGTERM for PID 1 (a container without an init) while no handler is installed, and kills any other
process with it, which is exit code -15. So the handler comes before the imports that take a second. This module is
imported first of all: it imports nothing slow itself.
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
"""What Python may take to close after the service is over: a thread that hangs in a name look-up may take a minute."""


class StopSignals:
    """Hands each signal to whoever can stop; where nothing has begun or all is over, the process ends at once.

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
        """Take both signals; in the main thread only."""
        for number in SIGNALS:
            signal.signal(number, self._heard)
        return self

    @contextmanager
    def told_to(self, stop: Callable[[str], object]) -> Iterator[None]:
        """Within it, and within the running loop, a signal calls `stop` with its name."""
        from asyncio import get_running_loop  # noqa: PLC0415 - 70 ms, and there is a loop by now

        loop = get_running_loop()
        before = self._stop, self._in_loop
        self._stop, self._in_loop = stop, loop.call_soon_threadsafe
        try:
            yield
        finally:
            self._stop, self._in_loop = before

    def over(self, exit_code: int) -> None:
        """The service has ended: a further signal, or `CLOSING_SECONDS`, end the process with this code."""
        self._exit_code = exit_code
        last = threading.Timer(CLOSING_SECONDS, self._leave, (exit_code,))
        last.daemon = True
        last.start()

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        # a handler runs between any two steps of Python: what touches the loop waits for its turn there
        name = signal.Signals(number).name
        self._in_loop(self._hand_on, name) if self._in_loop else self._hand_on(name)

    def _hand_on(self, name: str) -> None:
        """Whoever can stop may have changed since the signal was heard."""
        if self._stop is None:
            self._leave(self._exit_code)
        else:
            self._stop(name)
