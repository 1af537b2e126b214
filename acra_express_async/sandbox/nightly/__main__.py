"""``python -m acra_express_async.sandbox.nightly DSN PASSES``: run some passes and print their figures as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from acra_express_async.sandbox.nightly.standin import Nightly


async def _main(dsn: str, passes: int) -> None:
    nightly = Nightly(dsn)
    for _ in range(passes):
        await nightly.run_pass()
    nightly.figures.note_cpu(os.getpid())
    print(json.dumps(vars(nightly.figures)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
