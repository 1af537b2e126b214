"""The start-up probe: the role tries what must be impossible, and the service refuses a database that allows it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from process import acra_express, stage

from acra_express_async.db.schema.role_limits import overreach, reach_faults
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.sandbox.postgres import EmbeddedPostgres

ROLE = "acra_express"
WIDENED = {
    "GRANT SELECT ON background_jobs TO acra_express": "the role acra_express can read the nightly's jobs",
    "GRANT SELECT ON odoo_connections TO acra_express": "the role acra_express can read customers' connections",
    "GRANT INSERT ON background_jobs TO acra_express": "the role acra_express can write a job of the nightly",
    "ALTER VIEW acra_express.express_jobs RESET (check_option)": "the role acra_express can write a job of the nightly"
    " through its own view",
    "DROP TRIGGER acra_express_tenant ON background_jobs": "the role acra_express can enqueue a job under another"
    " tenant",
    "ALTER TABLE enrichment_runs DISABLE ROW LEVEL SECURITY": "row-level security of enrichment_runs does not restrict"
    " the role acra_express to its tenant",
    "DROP POLICY enrichment_runs_isolation ON enrichment_runs": "the role acra_express cannot write a header of its own"
    " tenant into enrichment_runs",
}


async def test_a_migrated_role_has_no_excess_rights_and_leaves_no_rows(database: Database, owner: Connection) -> None:
    await owner.execute("INSERT INTO background_jobs (job_type, status) VALUES ('staging_upsert', 'queued')")
    async with database.session() as connection:
        assert await overreach(connection, ROLE, database.tenant_id) == []
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 1
    assert await owner.fetchval("SELECT count(*) FROM enrichment_runs") == 0


@pytest.mark.parametrize("widened", WIDENED)
async def test_reach_probe_names_every_excess_right(database: Database, owner: Connection, widened: str) -> None:
    await owner.execute(widened)
    async with database.session() as connection:
        assert await overreach(connection, ROLE, database.tenant_id) == [WIDENED[widened]]
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 0  # the probe rolls back what succeeds


async def test_check_warns_where_every_role_creates_in_public(owner: Connection, fresh_dsn: str) -> None:
    """As in every database that began under PostgreSQL 14."""
    quiet = await acra_express("check", POSTGRES_DSN=fresh_dsn)
    await owner.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    told = await acra_express("check", POSTGRES_DSN=fresh_dsn)
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in " ".join(told[1].split())
    assert "schema public" not in quiet[1]
    assert told[0] == quiet[0], "a warning is no failure"


DISGUISE = "the role acra_express can write another tenant's rows into "


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("enrichment_runs", [DISGUISE + "enrichment_runs"]),
        ("run_vendor_usage", [DISGUISE + "run_vendor_usage"]),
        ("run_event_logs", [DISGUISE + "run_event_logs"]),
    ],
)
async def test_reach_probe_names_tables_writable_as_another_tenant(
    database: Database, owner: Connection, table: str, named: list[str]
) -> None:
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (501, 'a'), (502, 'b')")
    await owner.execute(f"DROP POLICY acra_express_only ON {table}")
    async with database.session() as connection:
        assert await overreach(connection, ROLE, database.tenant_id) == named
        assert await connection.fetchval("SELECT current_setting('request.tenant_id')") == str(database.tenant_id)
    assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    await owner.execute("DELETE FROM tenants WHERE tenant_id > 500")
    async with database.session() as connection:  # the write succeeds without any other tenant
        assert await overreach(connection, ROLE, database.tenant_id) == named


async def test_reach_probe_names_tables_readable_across_tenants(database: Database, owner: Connection) -> None:
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (501, 'a'), (502, 'b')")
    await owner.execute("INSERT INTO enrichment_runs (tenant_id) VALUES (502)")
    async with database.session() as connection:
        assert await overreach(connection, ROLE, database.tenant_id) == []
        await owner.execute("ALTER POLICY acra_express_only ON enrichment_runs USING (true)")
        assert await overreach(connection, ROLE, database.tenant_id) == [
            "the role acra_express can see another tenant's rows of enrichment_runs"
        ]


@pytest.mark.parametrize(
    ("breach", "table"),
    [
        ("DROP POLICY acra_express_only ON run_vendor_usage", "run_vendor_usage"),
        ("ALTER POLICY acra_express_only ON run_vendor_usage TO public", "run_vendor_usage"),
        ("ALTER POLICY acra_express_only ON run_vendor_usage USING (true)", "run_vendor_usage"),
        ("ALTER POLICY acra_express_only ON run_vendor_usage WITH CHECK (tenant_id > 0)", "run_vendor_usage"),
        ("DROP TRIGGER acra_express_tenant ON background_jobs", "background_jobs"),
        ("ALTER TABLE background_jobs DISABLE TRIGGER acra_express_tenant", "background_jobs"),
    ],
)
async def test_a_broken_tenant_wall_is_named_and_fixed_by_migrate(
    fresh_dsn: str, owner: Connection, database: Database, breach: str, table: str
) -> None:
    await owner.execute(breach)
    code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn)
    sentence = (
        f"nothing restricts the role acra_express to tenant {database.tenant_id} on {table}; run `acra-express migrate`"
    )
    assert (code, err.strip().splitlines()[-1]) == (78, f"acra-express: reach: {sentence}")
    async with database.session() as connection:
        assert await reach_faults(connection, ROLE, database.tenant_id) == [sentence]
    code, out, _ = await acra_express("migrate", POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (0, "the schema is up to date; the role's grants were renewed\n")
    async with database.session() as connection:
        assert await reach_faults(connection, ROLE, database.tenant_id) == []


async def test_the_tenant_policy_follows_a_changed_tenant_id(
    fresh_dsn: str, owner: Connection, database: Database
) -> None:
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (600, 'express anew')")
    code, _, err = await acra_express("run", "--until-idle", POSTGRES_DSN=fresh_dsn, ACRA_EXPRESS_TENANT_ID="600")
    assert code == 78
    assert "nothing restricts the role acra_express to tenant 600" in err
    code, out, _ = await acra_express("migrate", POSTGRES_DSN=fresh_dsn, ACRA_EXPRESS_TENANT_ID="600")
    assert code == 0, out
    async with database.session() as connection:
        assert await reach_faults(connection, ROLE, 600) == []
        assert len(await reach_faults(connection, ROLE, database.tenant_id)) == 1
    code, out, _ = await acra_express("check", POSTGRES_DSN=fresh_dsn, ACRA_EXPRESS_TENANT_ID="600")
    assert code == 0, out


async def test_migrate_makes_no_tenant_policy_for_a_customer(fresh_dsn: str, owner: Connection) -> None:
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (501, 'a')")
    await owner.execute("INSERT INTO odoo_connections (tenant_id) VALUES (501)")
    code, _, err = await acra_express("migrate", POSTGRES_DSN=fresh_dsn, ACRA_EXPRESS_TENANT_ID="501")
    assert code == 78
    assert "tenant 501 belongs to a customer of the nightly" in err
    assert await owner.fetchval("SELECT count(*) FROM pg_policies WHERE qual LIKE '%= 501%'") == 0


async def test_a_lock_held_by_the_nightly_is_not_reported_as_excess(database: Database, owner: Connection) -> None:
    async with owner.transaction():
        await owner.execute("ALTER TABLE enrichment_runs ADD COLUMN IF NOT EXISTS tenant_id integer")
        async with database.session() as connection:
            assert await overreach(connection, ROLE, database.tenant_id) == []


async def test_excess_rights_stop_the_start_and_fail_the_check(fresh_dsn: str, owner: Connection) -> None:
    await owner.execute("GRANT SELECT ON background_jobs, odoo_connections TO acra_express")
    code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn)
    assert code == 78
    assert err.strip().splitlines()[-1] == ("acra-express: reach: the role acra_express can read the nightly's jobs")
    code, out, _ = await acra_express("check", POSTGRES_DSN=fresh_dsn)
    assert code == 78
    assert "FAIL  reach: the role acra_express can read the nightly's jobs" in out
    assert "FAIL  reach: the role acra_express can read customers' connections" in out


@pytest.mark.parametrize(
    ("revoked", "named"),
    [
        (
            "REVOKE EXECUTE ON FUNCTION acra_express.claim(text, interval, int) FROM acra_express",
            "EXECUTE of acra_express.claim",
        ),
        ("REVOKE UPDATE (website_domain) ON companies FROM acra_express", "UPDATE of public.companies"),
        ("REVOKE ALL ON acra_express.leases FROM acra_express", "DELETE of acra_express.leases"),
        (
            "REVOKE USAGE ON SEQUENCE enrichment_runs_run_id_seq FROM acra_express",
            "USAGE of public.enrichment_runs_run_id_seq",
        ),
    ],
)
async def test_a_lost_grant_is_named_and_restored_by_migrate(
    fresh_dsn: str, owner: Connection, revoked: str, named: str
) -> None:
    await owner.execute(revoked)
    code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn)
    assert code == 78
    last = err.strip().splitlines()[-1]
    assert last.startswith("acra-express: reach: the role acra_express has lost its grants (")
    assert named in last
    assert last.endswith("); run `acra-express migrate` again")
    code, out, _ = await acra_express("migrate", POSTGRES_DSN=fresh_dsn)
    assert (code, out) == (0, "the schema is up to date; the role's grants were renewed\n")
    code, out, _ = await acra_express("check", POSTGRES_DSN=fresh_dsn)
    assert code == 0, out


async def test_b4_service_refuses_to_start_under_a_customer_tenant(fresh_dsn: str, owner: Connection) -> None:
    """One sentence each: missing, the platform's default, a customer by its connection, a customer by its jobs."""
    ours = await owner.fetchval("SELECT tenant_id FROM tenants WHERE name = 'acra_express'")
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (501, 'a'), (502, 'b')")
    await owner.execute("INSERT INTO odoo_connections (tenant_id) VALUES (501)")
    await owner.execute(
        "INSERT INTO background_jobs (tenant_id, job_type, status) VALUES (502, 'staging_upsert', 'done')"
    )
    customer = "belongs to a customer of the nightly"
    refusals = {
        "there is no tenant with id 777": {"ACRA_EXPRESS_TENANT_ID": "777"},
        f"the express tenant ({ours}) is the platform's DEFAULT_TENANT_ID": {"DEFAULT_TENANT_ID": str(ours)},
        f"tenant 501 {customer}": {"ACRA_EXPRESS_TENANT_ID": "501"},
        f"tenant 502 {customer}": {"ACRA_EXPRESS_TENANT_ID": "502"},
    }
    for sentence, environ in refusals.items():
        code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn, **environ)
        print(f"\n{environ} -> {code}: {err.strip().splitlines()[-1]}")
        assert code == 78
        assert err.strip().splitlines()[-1].startswith(f"acra-express: {sentence}")
    await owner.execute("DELETE FROM tenants WHERE name = 'acra_express'")
    code, _, err = await acra_express("run", POSTGRES_DSN=fresh_dsn)
    print(f"\nno tenant -> {code}: {err.strip().splitlines()[-1]}")
    assert (code, "there is no tenant named acra_express" in err) == (78, True)


@pytest_asyncio.fixture
async def own_login(postgres: EmbeddedPostgres, owner: Connection, fresh_dsn: str) -> AsyncIterator[str]:
    """The DSN of a login that owns nothing and is a member of the tenant role only."""
    login = f"login_{secrets.token_hex(4)}"
    await owner.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT acra_express TO {login}")
    yield postgres.dsn(urlsplit(fresh_dsn).path.lstrip("/"), login)
    await owner.execute(f"DROP ROLE {login}")


async def test_service_runs_with_a_dedicated_login_without_rights(
    fresh_dsn: str, own_login: str, tmp_path: Path
) -> None:
    async with stage(fresh_dsn, tmp_path) as standing:
        await standing.enqueue({"uens": standing.uens[:2]})
        service = await standing.start("run", "--until-idle", POSTGRES_DSN=own_login)
        assert await service.ended() == 0
        assert sorted(await standing.outcomes()) == standing.uens[:2]
    code, out, err = await acra_express("check", POSTGRES_DSN=own_login)
    assert code == 0, out + err
    connection = await connect(own_login, {})
    try:
        assert not await connection.fetchval("SELECT has_schema_privilege('acra_express', 'USAGE')")
        for table in ("background_jobs", "companies", "odoo_connections"):
            assert not await connection.fetchval("SELECT has_table_privilege($1::text, 'SELECT')", table)
    finally:
        await connection.close()


ENQUEUE = "INSERT INTO acra_express.express_jobs (tenant_id, job_type, status) VALUES ($1, $2, 'queued')"


@pytest.mark.parametrize("job_type", ["acra_express_staging_upsert", "acra_express_enrich_candidates"])
@pytest.mark.parametrize("other", [None, 0, 501])
async def test_the_role_enqueues_under_its_own_tenant_only(
    database: Database, owner: Connection, job_type: str, other: int | None
) -> None:
    """A customer's queue would grow, and its figures with it."""
    await owner.execute("INSERT INTO tenants (tenant_id, name) VALUES (501, 'customer')")
    async with database.session() as connection:
        await connection.execute(ENQUEUE, database.tenant_id, job_type)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"of tenant {database.tenant_id} only"):
            await connection.execute(ENQUEUE, other, job_type)
        await connection.execute("SELECT set_config('request.tenant_id', '501', false)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(ENQUEUE, other, job_type)
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 1


@pytest.mark.parametrize("tenant", [None, 501])
async def test_the_platform_enqueues_express_jobs_as_before(owner: Connection, tenant: int | None) -> None:
    """The trigger ignores sessions that are not the role, and jobs of the nightly."""
    for job_type in ("acra_express_staging_upsert", "staging_upsert", "enrich_candidates"):
        await owner.execute(
            "INSERT INTO background_jobs (tenant_id, job_type, status) VALUES ($1, $2, 'queued')", tenant, job_type
        )
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 3


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"ssic_codes": ["56111", " 01111 ", "10712"]}, {"56111", "1111", "10712"}),
        ({"ssic_codes": ["56111", "secret-phone 91234567", "91234567", "x56112", ""]}, {"56111"}),
        ({"ssic_codes": [{"phone": "12345"}, ["12345"], None, True, 1e30, -5, 0.5]}, set()),
        ({"ssic_codes": "56111"}, set()),
        ({"ssic_codes": {"56111": 1}}, set()),
        ({"notify": ["56111"]}, set()),
        (["56111"], set()),
        (None, set()),
    ],
)
async def test_only_ssic_codes_leave_the_nightlys_params(
    database: Database, owner: Connection, params: object, told: set[str]
) -> None:
    await owner.execute(
        "INSERT INTO background_jobs (job_type, status, params) VALUES ('enrich_candidates', 'queued', $1)", params
    )
    async with database.session() as connection:
        rows = await connection.fetch("SELECT acra_express.nightly_codes(2) AS code")
    assert {row["code"] for row in rows} == told


@pytest.mark.parametrize("nights", [-1, 0, 2_147_483_647])
async def test_any_number_of_nights_is_answered(database: Database, nights: int) -> None:
    async with database.session() as connection:
        assert await connection.fetch("SELECT acra_express.nightly_codes($1)", nights) == []
