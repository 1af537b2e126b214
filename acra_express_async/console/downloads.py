"""Exports as csv or jsonl, streamed page by page; a slow reader holds no connection of the database.

A file that would be cut must not look complete: beyond the limit the transfer is broken off, so that the browser says
that the download failed.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from aiohttp import web

from acra_express_async import logs
from acra_express_async.console.trail import acted
from acra_express_async.console.visit import HEADERS, ConsoleVisit
from acra_express_async.db.records.record_pages import Wanted
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.errors import AcraExpressError, NotNow
from acra_express_async.models import OutcomeKind
from acra_express_async.params import MAX_ID
from acra_express_async.records.export_source import export_source
from acra_express_async.records.files import CsvFile, JsonlFile, RecordFile
from acra_express_async.records.levels import Level
from acra_express_async.records.record import COLUMNS
from acra_express_async.web.connections import still_answering

log = logs.logger("console")

MOST_ROWS = 50_000
AT_ONCE = 2
"""Exports that run at the same time: they share one connection with the pages."""
LONGEST_ID = len(str(MAX_ID))
KINDS = {"csv": "text/csv", "jsonl": "application/jsonl"}


class Downloads:
    """The form and the files.

    Args:
        sessions: asked before each page whether its connection may still be held.
    """

    def __init__(self, sessions: OnDemand, most_rows: int = MOST_ROWS) -> None:
        self._sessions = sessions
        self._most_rows = most_rows
        self._running = 0

    async def form(self, visit: ConsoleVisit) -> web.StreamResponse:
        """What to export."""
        return await visit.show(
            "export.html",
            campaign=visit.asked("campaign"),
            outcomes=[kind.value for kind in OutcomeKind],
            levels=[level.value for level in Level],
            most_rows=self._most_rows,
        )

    async def file(self, visit: ConsoleVisit) -> web.StreamResponse:
        """The file, complete or broken off."""
        form = visit.request.match_info["form"]
        if form not in KINDS:
            raise web.HTTPNotFound
        if self._running >= AT_ONCE:
            raise AcraExpressError(f"{AT_ONCE} exports are running; wait until one of them has ended")
        campaign_id = _campaign_id(visit)
        codes = tuple(visit.asked("ssic").replace(",", " ").split())
        wanted = Wanted(
            campaign_id=campaign_id,
            since=_moment(visit),
            outcome=_one_of("outcome", visit, [kind.value for kind in OutcomeKind]),
        )
        level = _one_of("level", visit, [level.value for level in Level])
        self._running += 1
        try:
            source = await acted(
                visit,
                "export",
                lambda: export_source(visit.database, wanted, (), codes, level, visit.zone),
                campaign_id=campaign_id,
            )
            return await self._stream(visit, form, source.records(None))
        finally:
            self._running -= 1

    async def _stream(
        self, visit: ConsoleVisit, form: str, pages: AsyncIterator[list[dict[str, Any]]]
    ) -> web.StreamResponse:
        answer = web.StreamResponse(
            headers=HEADERS
            | {
                "Content-Type": f"{KINDS[form]}; charset=utf-8",
                "Content-Disposition": f'attachment; filename="acra-express-records.{form}"',
            }
        )
        buffer = io.BytesIO()
        file: RecordFile = CsvFile(buffer, COLUMNS) if form == "csv" else JsonlFile(buffer, COLUMNS)
        rows = 0
        try:
            await answer.prepare(visit.request)
            async for page in pages:
                rows += len(page)
                if rows > self._most_rows:
                    raise AcraExpressError(f"the selection has more than {self._most_rows} rows")
                file.write(page)
                await answer.write(buffer.getvalue())
                buffer.seek(0)
                buffer.truncate()
                still_answering(visit.request)
                self._sessions.require_room()
        except (AcraExpressError, NotNow) as broken:
            log.warning("console.export_broken_off", rows=rows, error=str(broken))
            if visit.request.transport is not None:
                visit.request.transport.abort()
            return answer
        except ConnectionError:
            log.info("console.export_abandoned", rows=rows)
            return answer
        await answer.write_eof()
        return answer


def _campaign_id(visit: ConsoleVisit) -> int | None:
    text = visit.asked("campaign")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID and 0 < int(text) <= MAX_ID):
        raise AcraExpressError(f"{text[:20]!r} is not the ID of a campaign")
    return int(text)


def _moment(visit: ConsoleVisit) -> datetime | None:
    text = visit.asked("since")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise AcraExpressError(f"{text[:40]!r} is not a date; write 2026-11-01") from None
    if not 1970 <= found.year <= 9000:
        raise AcraExpressError(f"{text[:40]!r} lies outside the years 1970 to 9000")
    return found if found.tzinfo is not None else found.replace(tzinfo=visit.zone)


def _one_of(name: str, visit: ConsoleVisit, known: list[str]) -> str | None:
    text = visit.asked(name)
    if text and text not in known:
        raise AcraExpressError(f"{name} {text[:40]!r} is none of {', '.join(known)}")
    return text or None
