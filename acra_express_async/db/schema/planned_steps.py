"""What `migrate` would do now and which of the platform's tables it would lock, without locking any.

The locks were read from pg_locks inside each step; a test reads them again. Each is held for the time of a catalogue
change, except that of CREATE INDEX CONCURRENTLY. A step that waits for one gives up after `migrate.LOCK_TIMEOUT`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from acra_express_async.db.schema.migrate import LOCK_TIMEOUT, applied_checksums, migrations, require_platform
from acra_express_async.db.schema.row_security import JOBS, unrestricted_tables
from acra_express_async.db.session.pool import Connection
from acra_express_async.db.session.tenant import NAME as TENANT

SHARE_UPDATE = "SHARE UPDATE EXCLUSIVE"
SHARE_ROW = "SHARE ROW EXCLUSIVE"
ACCESS = "ACCESS EXCLUSIVE"
EFFECTS = {
    SHARE_UPDATE: "reads and writes go on; it waits for transactions that are open, and reads the table twice",
    SHARE_ROW: "for an instant; reads go on, writes wait",
    ACCESS: "for an instant; reads and writes wait",
}
LOCKS_OF_MIGRATIONS = {1: ((JOBS, SHARE_ROW),), 4: ((JOBS, SHARE_UPDATE),)}
"""Version -> the platform's tables that it locks against others. All the others touch only the schema acra_express."""
ADVICE = (
    f"If a lock is not free within {LOCK_TIMEOUT}, `migrate` ends with exit code 78: run it again outside the nightly.",
    "Tables of the schema acra_express are locked while a step changes them; running replicas wait meanwhile.",
    "There is no way back to an older schema, and none is needed: the previous version works with the newer one.",
)
NAMED_ONE_BY_ONE = 3
"""Steps in a row without a lock that get a line each; more share one."""
NO_TENANT_YET = -1
"""No restriction names it, so that every table without one for the tenant that is still to be created is found."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of `migrate`: what it is, and the locks that it takes on the platform's tables, as (table, mode)."""

    name: str
    locks: Sequence[tuple[str, str]] = ()


async def planned_steps(connection: Connection, role: str, *, tenant_id: int | None = None) -> list[PlannedStep]:
    """What `migrate` would do now, in order; empty when only grants would be renewed, which locks nothing.

    Args:
        tenant_id: the express tenant, if it is not the one named acra_express.

    Raises:
        SchemaError: the platform's tables are missing in this database.
    """
    await require_platform(connection)
    applied = await applied_checksums(connection)
    steps = []
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        steps.append(PlannedStep(f"create the role {role}"))
    named = await connection.fetchval("SELECT tenant_id FROM public.tenants WHERE name = $1", TENANT)
    if named is None:
        steps.append(PlannedStep(f"insert the tenant {TENANT} into public.tenants"))
    known = migrations()
    steps += [
        PlannedStep(f"{migration.version:04d}_{migration.name}", LOCKS_OF_MIGRATIONS.get(migration.version, ()))
        for migration in known
        if migration.version not in applied
    ]
    if max(applied, default=0) > known[-1].version:
        return steps  # an older build leaves grants and restrictions to the newer one
    tables = await unrestricted_tables(connection, role, tenant_id or named or NO_TENANT_YET)
    if tables:
        locks = [(table, SHARE_ROW if table == JOBS else ACCESS) for table in tables]
        steps.append(PlannedStep(f"restrict the role {role} to its tenant", locks))
    return steps


def in_words(steps: Sequence[PlannedStep]) -> list[str]:
    """A heading, one line for each step that locks nothing or each lock, and what an operator should know besides."""
    if not steps:
        return ["nothing to migrate; `migrate` would renew the role's grants, which locks no table"]
    locking = sum(bool(step.locks) for step in steps)
    noun = "step" if len(steps) == 1 else "steps"
    lines = [f"{len(steps)} {noun} to do, {locking or 'none'} of them with a lock on a table of the platform:"]
    for locks, alike in groupby(steps, key=lambda step: step.locks):
        names = [step.name for step in alike]
        if locks:
            lines += [f"  {names[0]}", *(f"    public.{table}: {mode} ({EFFECTS[mode]})" for table, mode in locks)]
        else:
            shown = names if len(names) <= NAMED_ONE_BY_ONE else [f"{names[0]} to {names[-1]} ({len(names)} steps)"]
            lines += [f"  {name}: no lock on a table of the platform" for name in shown]
    return [*lines, *ADVICE]
