"""What `migrate` would do now and which of the platform's tables it would lock, without locking any.

The locks were read from pg_locks inside each step; a test reads them again. Each is held for the time of a catalogue
change, and every step that waits for one gives up after `migrate.LOCK_TIMEOUT` without having changed anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acra_express_async.db.schema.migrate import LOCK_TIMEOUT, applied_checksums, migrations
from acra_express_async.db.schema.row_security import JOBS, unrestricted_tables
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.tenant import NAME as TENANT

SHARE_UPDATE = "SHARE UPDATE EXCLUSIVE"
SHARE_ROW = "SHARE ROW EXCLUSIVE"
ACCESS = "ACCESS EXCLUSIVE"
EFFECTS = {
    SHARE_UPDATE: "reads and writes go on; it runs for as long as the table takes to read",
    SHARE_ROW: "reads go on, writes wait for it",
    ACCESS: "reads and writes wait for it",
}
LOCKS_OF_MIGRATIONS = {1: ((JOBS, SHARE_ROW),), 4: ((JOBS, SHARE_UPDATE),)}
"""Version -> the platform's tables that it locks against others. All the others touch only the schema acra_express."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of `migrate`: what it is, and the locks that it takes on the platform's tables, as (table, mode)."""

    name: str
    locks: Sequence[tuple[str, str]]


async def planned_steps(connection: Connection, role: str) -> list[PlannedStep]:
    """What `migrate` would do now, in order; empty when only grants would be renewed, which locks nothing."""
    applied = await applied_checksums(connection)
    steps = [
        PlannedStep(f"{migration.version:04d}_{migration.name}", LOCKS_OF_MIGRATIONS.get(migration.version, ()))
        for migration in migrations()
        if migration.version not in applied
    ]
    tables = await _unrestricted(connection, role) if applied else []
    if not applied:
        steps.append(PlannedStep("tenant and its restrictions", ((JOBS, SHARE_ROW), ("tables with a tenant", ACCESS))))
    elif tables:
        locks = [(table, SHARE_ROW if table == JOBS else ACCESS) for table in tables]
        steps.append(PlannedStep("restrict the role to its tenant", locks))
    return steps


async def _unrestricted(connection: Connection, role: str) -> list[str]:
    tenant = await connection.fetchval("SELECT tenant_id FROM public.tenants WHERE name = $1", TENANT)
    return [] if tenant is None else await unrestricted_tables(connection, role, tenant)


def in_words(steps: Sequence[PlannedStep]) -> list[str]:
    """One line for each step and each lock."""
    if not steps:
        return ["nothing to migrate; `migrate` would renew the role's grants, which locks no table"]
    lines = []
    for step in steps:
        lines.append(step.name if step.locks else f"{step.name}: locks nothing of the platform's")
        lines += [f"  public.{table}: {mode} ({EFFECTS[mode]})" for table, mode in step.locks]
    lines.append(
        f"each step is a transaction and waits at most {LOCK_TIMEOUT} for a lock; there is no way back to an older "
        "schema, and the previous version of the service works with the newer one"
    )
    return lines
