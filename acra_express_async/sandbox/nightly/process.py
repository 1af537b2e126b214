"""Run the stand-in in a separate process, like the real nightly."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from acra_express_async.sandbox.nightly.store import Figures


async def run_apart(dsn: str, passes: int) -> Figures:
    """Run passes of a nightly that shares neither event loop nor interpreter with the service."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "acra_express_async.sandbox.nightly",
        dsn,
        str(passes),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    figures = Figures(**json.loads(printed))
    figures.jobs, figures.failed = Counter(figures.jobs), Counter(figures.failed)
    return figures
