"""The wall around the tenant role: it holds the role to one tenant whatever the session sets.

The platform's policies believe `request.tenant_id`, which any session may set. Beside them stands a restrictive policy
of ours with the tenant's id as a literal: PostgreSQL lets a row through only where both agree. `background_jobs` is not
secured by row, so there a trigger looks at what the role inserts.
"""

from __future__ import annotations

from typing import Final

from acra_express_async.db.session.pool import Connection

ISOLATED: Final = ("enrichment_runs", "run_vendor_usage", "run_event_logs", "company_enrichment_runs")
"""The platform's tables that we write and that it may secure by row."""


JOBS: Final = "background_jobs"


async def raise_wall(connection: Connection, role: str, tenant_id: int) -> None:
    """Hold the role to this tenant on each table, as the tables' owner; what is right already costs no lock.

    Each missing or wrong one is made in a transaction of its own: ACCESS EXCLUSIVE on one table at a time, so that no
    store of the nightly ever meets us holding one table and waiting for the next.

    Raises:
        asyncpg.LockNotAvailableError: a table stayed locked; what was done before stays done.
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
        await holes(connection, role, tenant_id),
        JOBS,
    )
    for row in rows:
        async with connection.transaction():
            await connection.execute(row["s"])


async def holes(connection: Connection, role: str, tenant_id: int) -> list[str]:
    """The tables on which nothing holds the role to exactly this tenant; [] is right.

    A policy also binds every login that inherits the role, so ours lets pass whoever does not act as the role itself:
    the shared service account goes on under the platform's own rules, even where those are forced upon owners.
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
    """Whether the trigger looks at this role's inserts for this tenant; its arguments stand in the catalogue."""
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
