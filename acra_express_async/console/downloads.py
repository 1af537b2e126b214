"""Exports as csv or jsonl, streamed page by page; a slow reader holds no connection of the database.

A file that would be cut must not look complete: beyond the limit the transfer is broken off, so that the browser says
that the download failed. The trail says so too, and why.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from acra_express_async import logs
from acra_express_async.console.export_form import ExportChoice, chosen_in
from acra_express_async.console.paced_reader import GRACE_SECONDS, PacedReader, TooSlow
from acra_express_async.console.trail import attempted, noted
from acra_express_async.console.visit import HEADERS, ConsoleVisit
from acra_express_async.db.jobs.neighbours import NightlyJob
from acra_express_async.db.ops.control import Control
from acra_express_async.db.records.record_pages import PAGE
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.errors import AcraExpressError, NotNow
from acra_express_async.models import OutcomeKind
from acra_express_async.records.export_source import export_source
from acra_express_async.records.files import CsvFile, JsonlFile, RecordFile
from acra_express_async.records.levels import Level
from acra_express_async.records.nightly_rest import FREE_PAGES, NightlyRest, rest_in_words
from acra_express_async.records.record import COLUMNS
from acra_express_async.web.connections import still_answering

log = logs.logger("console")

MOST_ROWS = 50_000
AT_ONCE = 2
"""Exports at work at the same time: they share one connection with the pages."""
AT_REST = 4
"""Exports that wait for the end of a nightly; each holds one of the port's connections."""
KINDS = {"csv": "text/csv", "jsonl": "application/jsonl"}


@dataclass(slots=True, eq=False)
class _Export:
    """One that runs; `rests_for` is why it waits, in words."""

    by: str
    rows: int = 0
    rests_for: str | None = None


class _BrokenOff(AcraExpressError):
    """The file will not be complete; the sentence says why."""


class Downloads:
    """The form and the files.

    Args:
        sessions: asked before each page whether its connection may still be held.
        clock: monotonic seconds.
        stands_back: a running nightly goes first.
    """

    def __init__(
        self,
        sessions: OnDemand,
        clock: Callable[[], float],
        *,
        stands_back: bool,
        most_rows: int = MOST_ROWS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._stands_back = stands_back
        self._most_rows = most_rows
        self._grace_seconds = grace_seconds
        self._running: list[_Export] = []

    async def form(self, visit: ConsoleVisit) -> web.StreamResponse:
        """What to export, and what runs already."""
        nightly = await Control(visit.database).nightly_jobs() if self._stands_back else []
        return await visit.show(
            "export.html",
            campaign=visit.asked("campaign"),
            outcomes=[kind.value for kind in OutcomeKind],
            levels=[level.value for level in Level],
            most_rows=self._most_rows,
            free_rows=FREE_PAGES * PAGE,
            nightly=rest_in_words(nightly, visit.zone) if nightly else None,
            running=self._running,
        )

    async def file(self, visit: ConsoleVisit) -> web.StreamResponse:
        """The file, complete or broken off."""
        form = visit.request.match_info["form"]
        if form not in KINDS:
            raise web.HTTPNotFound
        if sum(export.rests_for is None for export in self._running) >= AT_ONCE:
            raise AcraExpressError(f"{AT_ONCE} exports are running; wait until one of them has ended")
        choice = chosen_in(visit)
        with self._counted(visit) as export:
            number = await noted(visit, "export", campaign_id=choice.wanted.campaign_id)
            try:
                pages = await attempted(lambda: self._pages(visit, choice, export))
            except NotNow:
                raise
            except AcraExpressError:
                await visit.rows.finish(number, "refused")
                raise
            answer, broken_by = await self._streamed(visit, form, pages, export)
        if broken_by is not None:
            log.warning("console.export_broken_off", rows=export.rows, error=broken_by)
        try:
            await visit.rows.finish_export(number, export.rows, broken_by)
        except NotNow as away:  # the answer is out already; the trail says that the end is not known
            log.warning("console.export_end_not_recorded", rows=export.rows, error=str(away))
        return answer

    async def _pages(
        self, visit: ConsoleVisit, choice: ExportChoice, export: _Export
    ) -> AsyncIterator[list[dict[str, Any]]]:
        source = await export_source(visit.database, choice.wanted, (), choice.codes, choice.level, visit.zone)
        pages = source.records(None)
        if not self._stands_back or choice.beside_nightly:
            return pages
        control = Control(visit.database)

        async def nightly() -> Sequence[NightlyJob]:
            self._require_reader(visit)
            return await control.nightly_jobs()

        def resting(jobs: Sequence[NightlyJob]) -> None:
            if jobs and sum(other.rests_for is not None for other in self._running) >= AT_REST:
                raise _BrokenOff(f"{AT_REST} exports rest already while a nightly runs")
            export.rests_for = rest_in_words(jobs, visit.zone) if jobs else None

        return NightlyRest(nightly, resting).between(pages)

    def _require_reader(self, visit: ConsoleVisit) -> None:
        """To be asked between two pages, and from time to time during a rest."""
        if visit.request.transport is None:
            raise ConnectionResetError
        still_answering(visit.request)
        self._sessions.require_room()

    @contextmanager
    def _counted(self, visit: ConsoleVisit) -> Iterator[_Export]:
        export = _Export(visit.person.name)
        self._running.append(export)
        try:
            yield export
        finally:
            self._running.remove(export)

    async def _streamed(
        self, visit: ConsoleVisit, form: str, pages: AsyncIterator[list[dict[str, Any]]], export: _Export
    ) -> tuple[web.StreamResponse, str | None]:
        """The answer, and why it was broken off, if it was."""
        answer = web.StreamResponse(headers=_headers(form))
        reader = PacedReader(answer, self._clock, self._grace_seconds)
        buffer = io.BytesIO()
        file: RecordFile = (
            CsvFile(buffer, COLUMNS, for_excel=bool(visit.asked("bom")))
            if form == "csv"
            else JsonlFile(buffer, COLUMNS)
        )
        try:
            await answer.prepare(visit.request)
            async for page in pages:
                if export.rows + len(page) > self._most_rows:
                    raise _BrokenOff(f"the selection has more than {self._most_rows:,} records")
                file.write(page)
                await reader.write(buffer.getvalue())
                buffer.seek(0)
                buffer.truncate()
                export.rows += len(page)
                self._require_reader(visit)
            await answer.write_eof()
        except (AcraExpressError, TooSlow) as broken:
            if visit.request.transport is not None:
                visit.request.transport.abort()
            return answer, str(broken)
        except ConnectionError:
            return answer, "its reader left, or stopped reading"
        return answer, None


def _headers(form: str) -> dict[str, str]:
    return HEADERS | {
        "Content-Type": f"{KINDS[form]}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="acra-express-records.{form}"',
    }
