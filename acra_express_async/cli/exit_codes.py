"""Exit codes of the commands; apart, because `run` needs nothing else that the other commands share."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h."""
EXIT_INTERRUPTED = 130
"""What a shell reports of a program that ended by SIGINT (128 + 2)."""
