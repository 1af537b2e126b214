"""Lines from a worker process to the measuring process; imports only the standard library for the peers' environment.

CLOCK_MONOTONIC is the same clock for all processes of a machine.
"""

import sys
import time


def starts_now(number: int) -> None:
    """Report that the handler of job `number` starts now."""
    said(f"{number} {time.monotonic_ns()}")


def said(line: str) -> None:
    """Print one line and flush it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
