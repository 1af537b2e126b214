"""How old the registry is, and whether it and the SSIC codes are there at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from acra_express_async.db.session.pool import Connection

OLD = timedelta(days=45)
"""ACRA publishes the files monthly: after this long a month was missed."""


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What is loaded.

    Attributes:
        loaded_at: the latest load by `load-registry`; None when only the platform has loaded it.
        age: since then.
        companies, codes: whether there are any.
    """

    loaded_at: datetime | None = None
    age: timedelta | None = None
    companies: bool = True
    codes: bool = True

    @property
    def warnings(self) -> list[str]:
        """What a person should do, one sentence each."""
        found = []
        if not self.companies:
            found.append("the registry is empty, so nothing can be enqueued: acra-express load-registry FILE… fills it")
        elif self.age is not None and self.age > OLD:
            found.append(
                f"the registry was loaded {self.age.days} days ago: load ACRA's current files with acra-express "
                "load-registry FILE…"
            )
        if not self.codes:
            found.append("ssic_ref is empty, so no term can be looked up: acra-express load-ssic FILE fills it")
        return found


async def registry_facts(connection: Connection) -> RegistryFacts:
    """Read them; four lookups of one row each."""
    row = await connection.fetchrow(
        """
        SELECT r.loaded_at, clock.now - r.loaded_at AS age,
               EXISTS (SELECT FROM public.staging_acra_companies) AS companies,
               EXISTS (SELECT FROM public.ssic_ref) AS codes
        FROM (SELECT acra_express.clock() AS now) clock LEFT JOIN acra_express.registry_state r ON true
        """
    )
    assert row is not None
    return RegistryFacts(**row)
