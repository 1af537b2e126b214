"""The stand-in as a process of its own, as the real nightly is (from tests/: python -m nightly.process DSN PASSES)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from .store import Figures

TESTS = Path(__file__).resolve().parents[1]


async def run_apart(dsn: str, passes: int) -> Figures:
    """Passes of a nightly that shares no event loop and no interpreter with us."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nightly.process", dsn, str(passes),
        cwd=TESTS, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0
    figures = Figures(**json.loads(printed))
    figures.jobs, figures.failed = Counter(figures.jobs), Counter(figures.failed)
    return figures


async def _main(dsn: str, passes: int) -> None:
    from .standin import Nightly

    nightly = Nightly(dsn)
    for _ in range(passes):
        await nightly.run_pass()
    print(json.dumps(vars(nightly.figures)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
