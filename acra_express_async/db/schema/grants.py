"""What the tenant role may do, in one list: granted again by every `migrate`, and compared before the service starts.

The migrations granted the same once, but a restore, a person or a re-created role can take it away, and the platform
may add tables and columns later. Columns and tables that a deployment lacks are skipped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import asyncpg

from acra_express_async import logs
from acra_express_async.db.schema.platform_shape import LATE, REQUIRED
from acra_express_async.db.schema.row_security import ISOLATED
from acra_express_async.db.session.pool import Connection

log = logs.logger("grants")


@dataclass(frozen=True, slots=True)
class Wish:
    """Privileges on one relation, or on some of its columns."""

    relation: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] | None = None


def _wish(privileges: str, relation: str, columns: str | None = None) -> Wish:
    """``_wish("SELECT UPDATE", "schema.table", "column column")``; without columns the whole relation is meant."""
    return Wish(relation, tuple(privileges.split()), None if columns is None else tuple(columns.split()))


def _wishes(privileges: str, schema: str, relations: str) -> tuple[Wish, ...]:
    return tuple(_wish(privileges, f"{schema}.{name}") for name in relations.split())


_OURS: Final = (
    *_wishes("SELECT", "acra_express", "schema_migrations hash_key budget_charges budget_locks breakers express_jobs"),
    *_wishes(
        "SELECT INSERT UPDATE DELETE",
        "acra_express",
        """
        leases outcomes daily_slots staged campaigns ticks verifications searches pages opt_outs code_members code_fills
        postal_counts campaign_uens provider_failures failed_calls company_domains field_history freshness
        domain_round probe_requests judgements samples sample_members
        provider_answers search_domains console_actions console_sign_outs
        """,
    ),
    *_wishes("SELECT UPDATE", "acra_express", "control registry_state"),
    _wish("SELECT INSERT UPDATE", "acra_express.alerts"),
    _wish("SELECT INSERT", "acra_express.opt_out_removals"),
    _wish("UPDATE", "acra_express.breakers", "open_until probe_until closed_at answered_at"),
    _wish("INSERT", "acra_express.express_jobs", "tenant_id job_type status params total created_at"),
    _wish("UPDATE", "acra_express.express_jobs", "status started_at ended_at params processed total error"),
)
_PLATFORM: Final = (
    *_wishes(
        "SELECT",
        "public",
        """
        staging_acra_companies ssic_ref companies enrichment_runs company_enrichment_runs contacts lead_emails
        email_verification_cache run_vendor_usage run_event_logs
        """,
    ),
    _wish("SELECT", "public.tenants", "tenant_id name"),
    _wish(
        "UPDATE",
        "public.companies",
        """
        name industry_norm industry_code incorporation_year last_seen website_domain email phone_number linkedin_url
        sg_phone sg_postcode
        """,
    ),
    _wish("INSERT", "public.enrichment_runs", "started_at ended_at tenant_id status"),
    _wish(
        "INSERT",
        "public.company_enrichment_runs",
        """
        company_id run_id domain about_text linkedin_url source_json updated_at tenant_id public_emails
        verification_results
        """,
    ),
    _wish("INSERT", "public.contacts", "company_id email email_verified contact_source created_at updated_at"),
    _wish("UPDATE", "public.contacts", "email_verified updated_at"),
    _wish("INSERT", "public.lead_emails", "email company_id verification_status source last_verified_at source_json"),
    _wish("UPDATE", "public.lead_emails", "company_id verification_status last_verified_at source_json"),
    _wish("INSERT", "public.email_verification_cache", "email status confidence checked_at"),
    _wish("UPDATE", "public.email_verification_cache", "status confidence checked_at"),
    _wish(
        "INSERT",
        "public.run_vendor_usage",
        "run_id tenant_id vendor calls tokens_output errors rate_limit_hits quota_exhausted",
    ),
    _wish(
        "INSERT",
        "public.run_event_logs",
        "run_id tenant_id stage company_id event status error_code duration_ms extra ts",
    ),
)
WISHES: Final = (*_OURS, *_PLATFORM)

FUNCTIONS: Final = tuple(
    """
    queue_marks finish
    campaign_of claim claim_jobs fence give_back put_aside nightly_running nightly_codes nightly_jobs_running
    nightly_usual tenant_is_free verifications_elsewhere_since nightly_companies insert_company charge settle
    settle_all reserve known_of_call known_of_addresses open_intent refund prune_charges trip_breaker mend_breakers
    is_overruled withdraw
    """.split()
)
"""The owner's functions that the role may call."""
_INNER: Final = ("nightly_holds", "campaign_in", "frees_in", "frees_beside_others_in")
"""Functions that only other functions call."""


async def grant_all(connection: Connection, role: str) -> None:
    """Set the role's privileges, as the login account and in the caller's transaction.

    On the platform's tables the role then has these privileges and no others. In our own schema nothing is revoked,
    because a newer migration may have granted more. No table is locked, unless a policy of ours is missing (ACCESS
    EXCLUSIVE).

    Raises:
        asyncpg.InsufficientPrivilegeError: this login does not own what is to be granted.
    """
    for statement in await _revocations(connection, role):
        try:
            async with connection.transaction():
                await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError as refused:
            # another owner's table: if the role sees too much there, the check at start reports it
            log.warning("grants.foreign", error=str(refused))
    for statement in (
        *await _ownership(connection),
        *await _grants(connection, role),
        *await _functions(connection, role),
        *await _policies(connection, role),
    ):
        await connection.execute(statement)


async def lost_grants(connection: Connection, role: str | None = None) -> list[str]:
    """Privileges that the role lacks and the service needs, for example ``UPDATE of public.companies``.

    Args:
        role: the session's role where None.

    Tables that a deployment may lack, and columns that were added after the last `migrate`, do not count;
    `platform_shape.costs` names them.
    """
    wishes = [wish for wish in WISHES if wish in _OURS or wish.relation.removeprefix("public.") in REQUIRED]
    rows = await connection.fetch(
        """
        WITH asked AS (SELECT coalesce($1::name, current_user) AS role)
        SELECT DISTINCT p.privilege || ' of ' || w.relation AS lack
        FROM asked CROSS JOIN jsonb_to_recordset($2) AS w(relation text, privileges text[], columns text[])
        CROSS JOIN LATERAL unnest(w.privileges) AS p(privilege)
        JOIN pg_class c ON c.oid = to_regclass(w.relation)
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attname = ANY (w.columns) AND NOT c.relname || '.' || a.attname = ANY ($4::text[])
        WHERE CASE WHEN w.columns IS NULL THEN NOT has_table_privilege(asked.role, c.oid, p.privilege)
                   ELSE a.attnum IS NOT NULL AND NOT has_column_privilege(asked.role, c.oid, a.attnum, p.privilege) END
        UNION
        SELECT 'EXECUTE of acra_express.' || f.proname FROM asked CROSS JOIN pg_proc f
        WHERE f.pronamespace = to_regnamespace('acra_express') AND f.proname = ANY ($3::text[])
          AND NOT has_function_privilege(asked.role, f.oid, 'EXECUTE')
        UNION
        SELECT 'USAGE of ' || s.name FROM asked CROSS JOIN (VALUES
            (pg_get_serial_sequence('public.background_jobs', 'job_id')),
            (pg_get_serial_sequence('public.enrichment_runs', 'run_id'))) AS s(name)
        WHERE s.name IS NOT NULL AND NOT has_sequence_privilege(asked.role, s.name, 'USAGE')
        ORDER BY 1
        """,
        role,
        [asdict(wish) for wish in wishes],
        list(FUNCTIONS),
        list(LATE),
    )
    return [row["lack"] for row in rows]


async def _revocations(connection: Connection, role: str) -> list[str]:
    """One REVOKE for each table and sequence of the platform on which the role has any privilege, columns included."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT format('REVOKE ALL ON %s %s FROM %I',
                               CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass, $1::text) AS s
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
        CROSS JOIN LATERAL unnest(coalesce(c.relacl, '{}') || coalesce(a.attacl, '{}')) AS item
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND EXISTS (SELECT FROM aclexplode(ARRAY[item]) e JOIN pg_roles r ON r.oid = e.grantee WHERE r.rolname = $1)
        """,
        role,
    )
    return [row["s"] for row in rows]


async def _ownership(connection: Connection) -> list[str]:
    """The owner's functions and the view act as their owner, so that must be able to do what the jobs' owner can."""
    rows = await connection.fetch(
        """
        WITH wrong AS (
            SELECT format('FUNCTION %s', f.oid::regprocedure) AS what, f.proowner AS owner
            FROM pg_proc f WHERE f.pronamespace = 'acra_express'::regnamespace AND f.prosecdef
            UNION ALL
            SELECT format('VIEW %s', c.oid::regclass), c.relowner
            FROM pg_class c WHERE c.oid = to_regclass('acra_express.express_jobs'))
        SELECT format('ALTER %s OWNER TO CURRENT_USER', w.what) AS s
        FROM wrong w JOIN pg_class jobs ON jobs.oid = 'public.background_jobs'::regclass
        WHERE NOT pg_has_role(w.owner, jobs.relowner, 'USAGE')
        """
    )
    return [row["s"] for row in rows]


async def _grants(connection: Connection, role: str) -> list[str]:
    rows = await connection.fetch(
        """
        SELECT format('GRANT USAGE ON SCHEMA %s TO %I', name, $1::text) AS s
        FROM unnest(ARRAY['acra_express', 'public']) AS name
        UNION ALL
        SELECT format('GRANT USAGE ON SEQUENCE %s TO %I', pg_get_serial_sequence(owner.t, owner.c), $1::text)
        FROM (VALUES ('public.background_jobs', 'job_id'), ('public.enrichment_runs', 'run_id')) AS owner(t, c)
        UNION ALL
        SELECT CASE WHEN w.columns IS NULL
                    THEN format('GRANT %s ON %s TO %I', p.privilege, c.oid::regclass, $1::text)
                    ELSE format('GRANT %s (%s) ON %s TO %I', p.privilege, named.columns, c.oid::regclass, $1::text) END
        FROM jsonb_to_recordset($2) AS w(relation text, privileges text[], columns text[])
        CROSS JOIN LATERAL unnest(w.privileges) AS p(privilege)
        JOIN pg_class c ON c.oid = to_regclass(w.relation)
        CROSS JOIN LATERAL (
            SELECT string_agg(quote_ident(a.attname), ', ') AS columns FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (w.columns)) AS named
        WHERE w.columns IS NULL OR named.columns IS NOT NULL
        """,
        role,
        [asdict(wish) for wish in WISHES],
    )
    return [row["s"] for row in rows]


async def _functions(connection: Connection, role: str) -> list[str]:
    """Functions that act as their owner may be called only by the role, and only those in the list."""
    rows = await connection.fetch(
        """
        SELECT format(form, f.oid::regprocedure, $1::text) AS s
        FROM pg_proc f CROSS JOIN (VALUES
            ('REVOKE ALL ON FUNCTION %1$s FROM PUBLIC', true), ('GRANT EXECUTE ON FUNCTION %1$s TO %2$I', false)
        ) AS forms(form, takes)
        WHERE f.pronamespace = 'acra_express'::regnamespace
          AND CASE WHEN takes THEN f.prosecdef OR f.proname = ANY ($3::text[]) ELSE f.proname = ANY ($2::text[]) END
        ORDER BY takes DESC
        """,
        role,
        list(FUNCTIONS),
        list(_INNER),
    )
    return [row["s"] for row in rows]


async def _policies(connection: Connection, role: str) -> list[str]:
    """Where row-level security is enabled without a policy, as in the platform's dumps, our role gets the platform's
    rule."""
    rows = await connection.fetch(
        """
        SELECT format('CREATE POLICY acra_express_own ON %s TO %I USING (%s) WITH CHECK (%s)',
                      c.oid::regclass, $1::text, rule, rule) AS s
        FROM pg_class c,
             (VALUES ('tenant_id::text = current_setting(''request.tenant_id'', true)')) AS rules(rule)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND c.relname = ANY ($2::text[])
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive)
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
        """,
        role,
        list(ISOLATED),
    )
    return [row["s"] for row in rows]
