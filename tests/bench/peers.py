"""Worker processes of the peers, configured as their documentation recommends; run in a separate environment.

Usage: ``python peers.py pgqueuer|procrastinate DSN WORKERS``. Prints ``ready``, then one line for each job, until stdin
closes.
"""

import asyncio
import sys

import uvloop
from reporting import said, starts_now


async def pgqueuer(dsn, workers):
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(dsn)
    driver = AsyncpgDriver(connection)
    await Queries(driver).install()
    service = PgQueuer(driver)

    @service.entrypoint("noop")
    async def noop(job):
        starts_now(int(job.id))

    running = asyncio.create_task(service.run(batch_size=10, max_concurrent_tasks=None))
    looking = await asyncpg.connect(dsn)
    await until_listening(looking.fetchval)
    await looking.close()
    await until_stdin_closes(running)


async def procrastinate(dsn, workers):
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=dsn))

    @app.task(name="noop", pass_context=True)
    async def noop(context):
        starts_now(int(context.job.id))

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        running = asyncio.create_task(
            app.run_worker_async(concurrency=workers, install_signal_handlers=False, listen_notify=True)
        )
        import psycopg

        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as looking:

            async def fetchval(query):
                cursor = await looking.execute(query)
                row = await cursor.fetchone()
                return row[0]

            await until_listening(fetchval)
        await until_stdin_closes(running)


async def until_listening(fetchval):
    """Wait until a session's last statement was LISTEN, at most two seconds; the worker is idle then."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE '%listen %'"
        " AND pid <> pg_backend_pid()"
    )
    for _ in range(40):
        if await fetchval(query):
            break
        await asyncio.sleep(0.05)
    said("ready")


async def until_stdin_closes(running):
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    await asyncio.wait([running], timeout=2)


if __name__ == "__main__":
    peer = {"pgqueuer": pgqueuer, "procrastinate": procrastinate}[sys.argv[1]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(peer(sys.argv[2], int(sys.argv[3])))
