"""The durable ledger of what was spent on providers.

The arithmetic is in SQL functions of migrations 0003 and 0037, because a reservation must be one round trip and one
atomic step for all replicas. All times are judged by the database's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.session.pool import Database
from acra_express_async.limits import Allowance, Ask, Charge, Halt, Refusal
from acra_express_async.limits.scope import Lookup
from acra_express_async.models import JobLimits
from acra_express_async.params import MAX_INT

PRUNE_ROWS = 5_000
"""Most rows that one `prune` removes: about ten milliseconds."""
KEEP_FACTOR = 2
"""Rows are kept for this many windows; the second one only helps to find out what happened."""


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What one rolling window contains now: our part (`in_flight` of it not yet answered), and other tenants'."""

    allowance: Allowance
    used: int
    in_flight: int = 0
    elsewhere: int = 0


class BudgetLedger:
    """`limits.Ledger` on PostgreSQL.

    All methods raise NotNow when the database cannot answer; nothing was charged then, or the charge
    is lost for one window at most.
    """

    def __init__(self, database: Database, settlements: Settlements | None = None) -> None:
        self._database = database
        self._settlements = settlements or Settlements()

    async def charge(
        self, asks: Sequence[Ask], job: JobLimits, look: Lookup | None = None, *, probe: bool = False
    ) -> Charge | Refusal | Halt:
        """Charge all of `asks`, which concern one provider, or nothing: nothing either if `look` finds something, or if
        the provider's breaker is not closed and this is not its `probe`.

        The job's own limits (`job.providers`) are counted over its `key` in the same step. An approved limit above
        express's share raises the ceiling for this charge, but never beyond the allowance.
        """
        allowances = [ask.allowance for ask in asks]
        with self._settlements.carried() as settlements:
            async with self._database.session() as connection:
                row = await connection.fetchrow(
                    """
                    SELECT r.known, r.breaker_open, r.charge_id, r.budget, r.fits_in, r.by_job, r.in_flight
                    FROM acra_express.reserve($11, $12, $13, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) r
                    """,
                    allowances[0].provider,
                    [allowance.name for allowance in allowances],
                    [ask.amount for ask in asks],
                    [allowance.ceiling(job) for allowance in allowances],
                    [allowance.limit for allowance in allowances],
                    [job.providers.get((allowance.provider, allowance.name)) for allowance in allowances],
                    [allowance.counted_window for allowance in allowances],
                    [allowance.hold for allowance in allowances],
                    [allowance.elsewhere for allowance in allowances],
                    job.key if job.providers else None,
                    settlements,
                    None if look is None else look.asked,
                    probe,
                )
        assert row is not None
        if row["known"] is not None or row["breaker_open"]:
            return Halt(row["known"])
        if row["charge_id"] is not None:
            return Charge(row["charge_id"], breaker_closed=not probe)
        return Refusal(row["budget"], row["fits_in"], by_job=row["by_job"], in_flight=row["in_flight"])

    async def settle(self, charge: Charge, amounts: Mapping[str, int]) -> None:
        """The answer has arrived: the charge's window starts now, with the amounts that it stated (by budget name),
        each limited to what its column can hold."""
        async with self._database.session() as connection:
            await connection.execute(
                "SELECT acra_express.settle($1, $2, $3)",
                charge.charge_id,
                list(amounts.keys()),
                [min(amount, MAX_INT) for amount in amounts.values()],
            )

    def ride(self, charge: Charge, amounts: Mapping[str, int], written: Callable[[], None]) -> None:
        """As `settle`, with the next statement that keeps an answer or charges; `written` is called then."""
        self._settlements.add(charge.charge_id, amounts, written)

    async def refund(self, charge: Charge) -> None:
        """Nothing was sent: remove the charge."""
        async with self._database.session() as connection:
            await connection.execute("SELECT acra_express.refund($1)", charge.charge_id)

    async def usage(self, allowances: Iterable[Allowance]) -> list[BudgetUse]:
        """What the windows of `allowances` contain, for gauges and the status page: one query, plus one for allowances
        towards which other tenants count."""
        wanted = list(allowances)
        async with self._database.session() as connection:
            rows = await connection.fetch(
                """
                WITH clock AS (SELECT acra_express.clock() AS moment)
                SELECT coalesce(sum(c.amount), 0) AS used,
                       coalesce(sum(c.amount) FILTER (WHERE c.ages_from > clock.moment), 0) AS in_flight,
                       CASE WHEN w.elsewhere
                            THEN acra_express.verifications_elsewhere_since(clock.moment - w.span) ELSE 0 END AS others
                FROM unnest($1::text[], $2::text[], $3::interval[], $4::boolean[])
                         WITH ORDINALITY AS w(provider, budget, span, elsewhere, place)
                CROSS JOIN clock
                LEFT JOIN acra_express.budget_charges c
                  ON c.provider = w.provider AND c.budget = w.budget AND c.ages_from > clock.moment - w.span
                GROUP BY w.place, w.span, w.elsewhere, clock.moment
                ORDER BY w.place
                """,
                [allowance.provider for allowance in wanted],
                [allowance.name for allowance in wanted],
                [allowance.counted_window for allowance in wanted],
                [allowance.elsewhere for allowance in wanted],
            )
        return [
            BudgetUse(allowance, row["used"], row["in_flight"], row["others"])
            for allowance, row in zip(wanted, rows, strict=True)
        ]

    async def prune(self, allowances: Iterable[Allowance]) -> int:
        """Remove rows that left their window long ago, `PRUNE_ROWS` at most; returns how many."""
        wanted = list(allowances)
        async with self._database.session() as connection:
            gone: int = await connection.fetchval(
                "SELECT acra_express.prune_charges($1, $2, $3, $4)",
                [allowance.provider for allowance in wanted],
                [allowance.name for allowance in wanted],
                [allowance.counted_window * KEEP_FACTOR for allowance in wanted],
                PRUNE_ROWS,
            )
        return gone
