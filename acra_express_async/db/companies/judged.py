"""What people have said about a company, in the form in which a run takes it."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection, Row
from acra_express_async.models import CompanyId, Judged


async def judged_of(connection: Connection, uen: str) -> Judged:
    """The standing judgements on a company; those on its accepted contacts change nothing in a run."""
    row = await connection.fetchrow(
        """
        SELECT max(j.value) FILTER (WHERE j.judgement IN ('accept', 'set') AND j.field = 'site') AS site,
               coalesce(bool_or(j.judgement = 'none'), false) AS no_site,
               array_agg(j.value) FILTER (WHERE j.judgement = 'reject' AND j.field = 'site') AS sites,
               array_agg(coalesce(encode(j.address_hash, 'hex'), j.value))
                   FILTER (WHERE j.judgement IN ('reject', 'bounced') AND j.field <> 'site') AS contacts
        FROM acra_express.judgements j WHERE j.uen = $1 AND j.ended_at IS NULL
        """,
        uen,
    )
    assert row is not None
    return judged_in(row)


def judged_in(row: Row) -> Judged:
    """What a row with the columns of `judged_of` says."""
    return Judged(
        site=row["site"],
        no_site=row["no_site"],
        rejected_sites=frozenset(row["sites"] or ()),
        rejected_contacts=frozenset(row["contacts"] or ()),
    )


async def hold_company(connection: Connection, company_id: CompanyId | int) -> None:
    """Until the transaction ends, no other one stores an outcome of this company or a judgement on it."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('acra_express.company', $1::bigint))", company_id
    )
