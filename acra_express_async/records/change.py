"""One change of one field of a record, as `export --changed-since` writes it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from acra_express_async.db.records.field_history import Change

CHANGE_COLUMNS = ("uen", "field", "before", "after", "at")


def change_as_object(change: Change, zone: ZoneInfo) -> dict[str, Any]:
    """The change for JSON: lists as arrays, the moment as RFC 3339 with the offset of `zone`."""
    at = change.at.astimezone(zone).isoformat(timespec="microseconds")
    return dict(zip(CHANGE_COLUMNS, (change.uen, change.field, change.before, change.after, at), strict=True))
