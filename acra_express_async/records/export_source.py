"""Where the rows of an export come from: pages of records or of changes, for a file of the command or the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.record_pages import RecordPages, RecordRow, Wanted
from acra_express_async.db.registry.ssic_codes import codes_of, ssic_titles
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Database
from acra_express_async.records.change import change_as_object
from acra_express_async.records.record import Record, as_object, record_of


@dataclass(frozen=True, slots=True)
class ExportSource:
    """Where the rows of an export come from; each page is read in a transaction that ends before it is written."""

    database: Database
    pages: RecordPages
    wanted: Wanted
    level: str | None
    titles: Mapping[str, str]
    zone: ZoneInfo

    async def records(self, uens: Sequence[str] | None) -> AsyncIterator[list[dict[str, Any]]]:
        """One row a company."""
        async for page in self.pages.pages(self.wanted, uens):
            yield [as_object(record, self.zone) for record in self._chosen(page)]

    async def changes(self, since: datetime, uens: Sequence[str] | None) -> AsyncIterator[list[dict[str, Any]]]:
        """One row a change, of the companies that are wanted now."""
        everything = self.wanted == Wanted() and self.level is None
        among = None if uens is None else frozenset(uens)
        async for page in FieldHistory(self.database).pages(since, among):
            kept = {change.uen for change in page}
            if page and not everything:
                kept = {record.uen for record in self._chosen(await self.pages.among(self.wanted, sorted(kept)))}
            yield [change_as_object(change, self.zone) for change in page if change.uen in kept]

    def _chosen(self, rows: Sequence[RecordRow]) -> list[Record]:
        records = [record_of(row, self.titles) for row in rows]
        return [record for record in records if self.level is None or record.level == self.level]


async def export_source(
    database: Database,
    wanted: Wanted,
    terms: Sequence[str],
    ssic_codes: Sequence[str],
    level: str | None,
    zone: ZoneInfo,
) -> ExportSource:
    """The source of a selection; terms and codes are looked up.

    Raises:
        JobError: a term or a code matches nothing; the sentence says which.
    """
    async with database.session() as connection:
        shape = await probe(connection)
        if terms or ssic_codes:
            wanted = replace(wanted, ssic_codes=tuple(await codes_of(connection, terms, ssic_codes, shape)))
        titles = await ssic_titles(connection, shape)
    return ExportSource(database, RecordPages(database, shape), wanted, level, titles, zone)
