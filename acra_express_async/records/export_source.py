"""Where the rows of an export come from, for the command and for a page of the console.

Each page is read in a transaction that ends before its rows are handed out, so a slow reader holds nothing up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from acra_express_async.db.companies.campaign_rows import known_campaign
from acra_express_async.db.records.field_history import FieldHistory
from acra_express_async.db.records.record_pages import PAGE, Missing, RecordPages, RecordRow, Wanted, lies_ahead
from acra_express_async.db.registry.ssic_codes import codes_of, ssic_titles
from acra_express_async.db.schema.platform_shape import probe
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import NonsenseSelection
from acra_express_async.models import OutcomeKind
from acra_express_async.records.change import change_as_object
from acra_express_async.records.reasons import REASONS_OF
from acra_express_async.records.record import Record, as_object, record_of


@dataclass(frozen=True, slots=True)
class ExportSource:
    """Rows of records and of changes, page by page.

    Args:
        titles: SSIC titles by code, digits without leading zeros.
        missing: filled while `records` runs with UENs: those that were asked for and have no row, and why.
    """

    database: Database
    pages: RecordPages
    wanted: Wanted
    level: str | None
    titles: Mapping[str, str]
    zone: ZoneInfo
    missing: dict[str, Missing] = field(default_factory=dict)

    async def records(self, uens: Sequence[str] | None) -> AsyncIterator[list[dict[str, Any]]]:
        """One row a company.

        Args:
            uens: only these, sorted and each once; None for all.
        """
        if uens is None:
            async for page in self.pages.pages(self.wanted):
                yield [as_object(record, self.zone) for record in self._chosen(page)]
            return
        for first in range(0, len(uens), PAGE):
            asked = uens[first : first + PAGE]
            found = self._chosen(await self.pages.among(self.wanted, asked))
            lacking = sorted(set(asked) - {record.uen for record in found})
            self.missing.update(await self.pages.why_missing(lacking))
            yield [as_object(record, self.zone) for record in found]

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
    """The source of a selection; `terms` and `ssic_codes` are resolved, and the campaign must exist.

    Raises:
        NonsenseSelection: no record can satisfy these filters.
        JobError: a term, a code or the campaign is unknown.
        DatabaseAway, LockBusy: not now.
    """
    require_sense(wanted, level)
    async with database.session() as connection:
        shape = await probe(connection)
        if wanted.campaign_id is not None:
            await known_campaign(connection, wanted.campaign_id)
        if wanted.since is not None and await lies_ahead(connection, wanted.since):
            raise NonsenseSelection("the moment lies in the future; nothing can have been decided since")
        if terms or ssic_codes:
            wanted = replace(wanted, ssic_codes=tuple(await codes_of(connection, terms, ssic_codes, shape)))
        titles = await ssic_titles(connection, shape)
    return ExportSource(database, RecordPages(database, shape), wanted, level, titles, zone)


def require_sense(wanted: Wanted, level: str | None) -> None:
    """Refuse filters that contradict each other or name a reason that does not exist.

    Raises:
        NonsenseSelection: see there.
    """
    if level is not None and wanted.outcome not in (None, OutcomeKind.ENRICHED):
        raise NonsenseSelection(f"a level is of a website, and a company with the outcome {wanted.outcome} has none")
    if wanted.reason is None:
        return
    code = wanted.reason.partition(":")[0]
    of = {kind for kind, codes in REASONS_OF.items() if code in codes}
    if not of:
        known = sorted(set().union(*REASONS_OF.values()))
        near = get_close_matches(code, known, 1)
        meant = f"; is {near[0]} meant?" if near else f"; the reasons are {', '.join(known)}"
        raise NonsenseSelection(f"no decision has the reason {wanted.reason!r}{meant}")
    if wanted.outcome is not None and OutcomeKind(wanted.outcome) not in of:
        kinds = " or ".join(sorted(of))
        raise NonsenseSelection(f"the reason {code} is one of {kinds}, not of {wanted.outcome}")
    if level is not None and OutcomeKind.ENRICHED not in of:
        raise NonsenseSelection(f"a level is of a website, and a company with the reason {code} has none")
