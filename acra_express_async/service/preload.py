"""Loads at the start what libraries would load at their first use.

A process that has run out of file descriptors cannot open a module's file: the first provider call then failed with an
ImportError, and so did every one after it.
"""

from __future__ import annotations

from anyio import lowlevel
from phonenumbers import PhoneMetadata


async def preload() -> None:
    """What the first call of a provider and the first page need beyond what is imported already."""
    await lowlevel.checkpoint()  # httpx's transport: anyio's side of asyncio
    "bücher.example".encode("idna").decode("idna")  # host names and mail domains
    PhoneMetadata.load_all()  # the numbering plan of every country that a page may name; 0.2 s, 2 MB
