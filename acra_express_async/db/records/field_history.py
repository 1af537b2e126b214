"""What changed in companies' records from one answer to the next; a trigger on our outcomes writes it.

Changes are read in pages by moment, each page in one short transaction. Opt-outs are honoured at the time of reading.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from acra_express_async.db.companies.address_hash import load_address_hash
from acra_express_async.db.records.opted_out import OptedOut, opted_out
from acra_express_async.db.session.pool import Connection, Database, Row

PAGE = 500
"""Changes per page: the changes of some 60 companies, about 5 ms."""
PRUNED_AT_ONCE = 5000
"""Rows that one tick deletes at most: more than a day of 300 companies brings in, and less than 100 ms."""

_DOMAIN_FIELDS = ("website",)
_ADDRESS_FIELDS = ("emails", "emails_status")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one company's record: a string, a list of strings, or a number before and after; None is nothing."""

    uen: str
    field: str
    before: Any
    after: Any
    at: datetime


class FieldHistory:
    """Reads and prunes under the tenant role; every method raises NotNow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(self, since: datetime, uens: Container[str] | None = None) -> AsyncIterator[list[Change]]:
        """Changes at or after `since`, ordered by moment, UEN and field, page by page; a page may be empty.

        Args:
            uens: only of these companies; None for all.
        """
        after = (since, "", "")
        while True:
            async with self._database.transaction() as connection:
                rows = await connection.fetch(_PAGE, *after, PAGE)
                found = await _without_opted_out(connection, rows, uens)
            yield found
            if len(rows) < PAGE:
                return
            after = (rows[-1]["changed_at"], rows[-1]["uen"], rows[-1]["field"])

    async def of_company(self, uen: str, limit: int) -> list[Change]:
        """The newest changes of one company first, at most `limit`; none where it has opted out."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_OF_COMPANY, uen, limit)
            return await _without_opted_out(connection, rows, None)

    async def prune(self, keep: timedelta) -> int:
        """Delete the oldest changes beyond `keep`, at most `PRUNED_AT_ONCE`; returns how many. Call it at ticks."""
        async with self._database.session() as connection:
            return int(
                await connection.fetchval(
                    """
                    WITH gone AS (
                        DELETE FROM acra_express.field_history WHERE ctid = ANY (ARRAY(
                            SELECT h.ctid FROM acra_express.field_history h
                            WHERE h.changed_at < (SELECT acra_express.clock()) - $1::interval
                            ORDER BY h.changed_at, h.uen, h.field LIMIT $2))
                        RETURNING 1)
                    SELECT count(*) FROM gone
                    """,
                    keep,
                    PRUNED_AT_ONCE,
                )
            )


async def _without_opted_out(connection: Connection, rows: Iterable[Row], uens: Container[str] | None) -> list[Change]:
    changes = [
        Change(row["uen"], row["field"], row["before"], row["after"], row["changed_at"])
        for row in rows
        if not row["opted_out"] and (uens is None or row["uen"] in uens)
    ]
    values = [
        (change.field, value) for change in changes for side in (change.before, change.after) for value in _all(side)
    ]
    gone = await opted_out(
        connection,
        await load_address_hash(connection),
        addresses={_address(value) for field, value in values if field in _ADDRESS_FIELDS},
        domains={value for field, value in values if field in _DOMAIN_FIELDS},
    )
    return [kept for change in changes if (kept := _kept(change, gone)) is not None]


def _kept(change: Change, gone: OptedOut) -> Change | None:
    """The change without what has opted out; None when nothing of it is left."""
    before, after = (_side(change.field, side, gone) for side in (change.before, change.after))
    return None if before == after else Change(change.uen, change.field, before, after, change.at)


def _side(field: str, side: object, gone: OptedOut) -> object:
    if field in _DOMAIN_FIELDS and isinstance(side, str) and gone.domain(side):
        return None
    if field in _ADDRESS_FIELDS:
        return [value for value in _all(side) if not gone.address(_address(value))] or None
    return side


def _all(side: object) -> list[str]:
    """The strings of one side: itself, or those of the list."""
    return [value for value in (side if isinstance(side, list) else [side]) if isinstance(value, str)]


def _address(value: str) -> str:
    """``info@lotus.sg`` of ``info@lotus.sg valid``."""
    return value.partition(" ")[0]


# $1, $2, $3 where the last page ended; $4 rows.
_PAGE = """
    SELECT h.changed_at, h.uen, h.field, h.before, h.after, EXISTS (
        SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = h.uen) AS opted_out
    FROM acra_express.field_history h
    WHERE (h.changed_at, h.uen, h.field) > ($1, $2, $3)
    ORDER BY h.changed_at, h.uen, h.field LIMIT $4
"""

_OF_COMPANY = """
    SELECT h.changed_at, h.uen, h.field, h.before, h.after, EXISTS (
        SELECT FROM acra_express.opt_outs x WHERE x.kind = 'company' AND x.value = h.uen) AS opted_out
    FROM acra_express.field_history h WHERE h.uen = $1
    ORDER BY h.changed_at DESC, h.field LIMIT $2
"""
