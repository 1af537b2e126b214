"""What people have said about a company, in the form in which a run takes it."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection, Row
from acra_express_async.models import CompanyId, Judged


def judged_in(row: Row) -> Judged:
    """What people say, in a row with `site`, `no_site`, and the rejected `sites` and `contacts`; accepted contacts
    change nothing in a run."""
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
