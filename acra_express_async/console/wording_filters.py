"""How the templates show moments and codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from acra_express_async.models import local_time
from acra_express_async.records.reasons import in_words, refusal_in_words


def moment(at: datetime | None, zone: tzinfo) -> str:
    """``2026-11-23 20:05 +08:00``; empty for None."""
    return "" if at is None else local_time(at, zone)


def cells(value: Any) -> str:
    """A list as one text; nothing for None."""
    return "" if value is None else "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def site_link(domain: str) -> str:
    """The address of a website of which only the domain is known."""
    return f"https://{domain}/"


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "cells": cells,
    "in_words": in_words,
    "refusal": refusal_in_words,
    "site_link": site_link,
}
