"""Imports at the start what libraries would import at their first use.

A process without free file descriptors cannot open a module's file: its first provider call failed with an ImportError,
and so did every later one. What is not installed is noted too: Python remembers no failed import.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec

from anyio import lowlevel
from phonenumbers import PhoneMetadata


async def preload() -> None:
    """Load what the first provider call and the first page need beyond the modules imported so far."""
    await lowlevel.checkpoint()  # httpx's transport: anyio's side of asyncio
    "bücher.example".encode("idna").decode("idna")  # host names and mail domains
    # the numbering plan of every country that a page may name: 0.2 s at the very first time, and 2 MB
    await asyncio.to_thread(PhoneMetadata.load_all)
    # httpcore tries to import it at several steps of every call, and takes asyncio for granted without it; each try
    # would search the path for 62 us
    if "sniffio" not in sys.modules and find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # documented: an import then fails at once
