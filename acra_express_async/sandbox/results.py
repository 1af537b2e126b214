"""A Markdown page of measured results; each command writes one section with machine and date."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

HEAD = """# Measured results

The commands named in the headings write this page; running one again replaces its section. Absolute figures depend on
the machine and its load, so compare only ratios from one interleaved run.
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine() -> str:
    """One line with machine, load and time."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{stamp}; {os.cpu_count()} x {model}, Python {platform.python_version()}, {load}"


def record(page: Path, heading: str, text: str) -> None:
    """Write the section `heading` into the page, replacing an earlier one."""
    old = page.read_text(encoding="utf-8") if page.exists() else HEAD
    head, *sections = old.split("\n## ")
    kept = [section.strip() for section in sections if section.split("\n", 1)[0].strip() != heading]
    kept.append(f"{heading}\n\n{machine()}\n\n{text.strip()}")
    kept.sort(key=lambda section: section.split("\n", 1)[0])
    page.write_text(head.strip() + "\n\n" + "\n\n".join(f"## {section}" for section in kept) + "\n", encoding="utf-8")
