"""Restricts the tenant role to one tenant, whatever the session sets.

The platform's policies trust `request.tenant_id`, which any session may set. So we add a restrictive policy with the
tenant's id as a literal: PostgreSQL lets a row through only if both policies do. `background_jobs` has no row-level
security, so there a trigger checks what the role inserts.
"""

from __future__ import annotations

from typing import Final

from acra_express_async.db.session.pool import Connection

ISOLATED: Final = ("enrichment_runs", "run_vendor_usage", "run_event_logs", "company_enrichment_runs")
"""The platform's tables that we write and that may have row-level security."""


JOBS: Final = "background_jobs"


async def restrict_to_tenant(connection: Connection, role: str, tenant_id: int) -> None:
    """Restrict the role to this tenant on each table, as the tables' owner; a table that is right costs no lock.

    Each policy is made in a separate transaction, which holds ACCESS EXCLUSIVE on one table. So the nightly never waits
    for us while we hold one table and wait for the next, which could deadlock.

    Raises:
        asyncpg.LockNotAvailableError: a table stayed locked; the tables before it are done.
        asyncpg.InsufficientPrivilegeError: this login does not own the table.
    """
    rows = await connection.fetch(
        """
        SELECT CASE WHEN name = $4 THEN
                   format('DROP TRIGGER IF EXISTS acra_express_tenant ON public.%1$I;'
                          'CREATE TRIGGER acra_express_tenant BEFORE INSERT ON public.%1$I FOR EACH ROW'
                          ' WHEN (NEW.job_type IN'
                          ' (''acra_express_staging_upsert'', ''acra_express_enrich_candidates''))'
                          ' EXECUTE FUNCTION acra_express.hold_to_tenant(%2$L, %3$L)', name, $1::text, $2::text)
               ELSE
                   format('DROP POLICY IF EXISTS acra_express_only ON public.%1$I;'
                          'CREATE POLICY acra_express_only ON public.%1$I AS RESTRICTIVE FOR ALL TO %2$I'
                          ' USING (%3$s) WITH CHECK (%3$s)',
                          name, $1::text, format('tenant_id = %s OR current_user <> %L', $2::text, $1::text))
               END AS s
        FROM unnest($3::text[]) AS name
        """,
        role,
        str(tenant_id),
        await unrestricted_tables(connection, role, tenant_id),
        JOBS,
    )
    for row in rows:
        async with connection.transaction():
            await connection.execute(row["s"])


async def unrestricted_tables(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """The tables on which nothing restricts the role to exactly this tenant; [] if there are none.

    A policy also binds every login that inherits the role. So ours exempts sessions that do not act as the role itself:
    the shared service account stays under the platform's own rules, even with FORCE ROW LEVEL SECURITY.
    """
    rows = await connection.fetch(
        """
        SELECT c.relname::text AS name
        FROM unnest($3::text[]) WITH ORDINALITY AS wanted(name, place)
        JOIN pg_class c ON c.oid = to_regclass('public.' || wanted.name)
        CROSS JOIN format('((tenant_id = %s) OR (CURRENT_USER <> %L::name))', $2::int, $1::text) AS rule
        WHERE c.relrowsecurity
          AND EXISTS (SELECT FROM pg_attribute a
                      WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
          AND NOT EXISTS (
              SELECT FROM pg_policy p
              WHERE p.polrelid = c.oid AND p.polname = 'acra_express_only' AND NOT p.polpermissive AND p.polcmd = '*'
                AND p.polroles = ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolname = $1)
                AND pg_get_expr(p.polqual, c.oid) = rule AND pg_get_expr(p.polwithcheck, c.oid) = rule)
        ORDER BY wanted.place
        """,
        role,
        tenant_id,
        list(ISOLATED),
    )
    unheld = [row["name"] for row in rows]
    return unheld if await _jobs_held(connection, role, tenant_id) else [*unheld, JOBS]


async def _jobs_held(connection: Connection, role: str, tenant_id: int) -> bool:
    """Whether the trigger checks this role's inserts for this tenant, by its arguments in the catalogue."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM pg_trigger t
                WHERE t.tgrelid = to_regclass('public.' || $3) AND t.tgname = 'acra_express_tenant'
                  AND t.tgenabled IN ('O', 'A') AND t.tgfoid = to_regproc('acra_express.hold_to_tenant')
                  AND t.tgargs = convert_to($1, 'UTF8') || '\\x00'::bytea || convert_to($2, 'UTF8') || '\\x00'::bytea)
            """,
            role,
            str(tenant_id),
            JOBS,
        )
    )
