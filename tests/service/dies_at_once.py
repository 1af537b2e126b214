"""A process whose handler ends it as soon as it starts, as a crash in a library does; run by test_interruptions.py.

Arguments: DSN, role, tenant. Ends with exit code 9, or with 0 when the job was not given to the handler any more.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rig import Rig

from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.attempts import End, JobScope
from acra_express_async.models import Job


async def main(dsn: str, role: str, tenant: int) -> None:
    database = Database(dsn, role=role, tenant_id=tenant, size=3)
    await database.open()

    async def work(_job: Job, _scope: JobScope) -> End:
        os._exit(9)

    assert await Rig(database, work, until_idle=True, lease=timedelta(hours=1)).supervisor.run() == 0
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
