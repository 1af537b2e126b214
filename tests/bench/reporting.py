"""Lines from a worker process to the one that measures; imports nothing, because the peers' environments have nothing.

CLOCK_MONOTONIC is one clock for all processes of a machine.
"""

import sys
import time


def starts_now(number: int) -> None:
    """The handler of job `number` begins at this moment."""
    said(f"{number} {time.monotonic_ns()}")


def said(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
