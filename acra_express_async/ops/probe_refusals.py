"""Why a provider may not be probed now, as a sentence for the person who asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from acra_express_async.db.limits.probe_requests import BreakerRow
from acra_express_async.errors import AcraExpressError
from acra_express_async.models import Provider
from acra_express_async.records.reasons import refusal_in_words


def refuse_probe(row: BreakerRow, at: Callable[[datetime | None], str]) -> None:
    """Raise when no probe may be made now.

    Args:
        at: how a moment is written.

    Raises:
        AcraExpressError: the sentence says from when on.
    """
    name = Provider(row.provider).display_name
    if row.is_block:
        raise AcraExpressError(
            f"{name} blocked us ({refusal_in_words(row.reason)}), and any request prolongs that; the next probe is "
            f"made at {at(row.open_until)}"
        )
    if row.probe_from is not None and row.state == "closed":
        raise AcraExpressError(
            f"the breaker of {name} is closed, there is nothing to probe (one probe in five minutes is possible, the "
            f"next at {at(row.probe_from)})"
        )
    if row.probe_from is not None:
        raise AcraExpressError(
            f"{name} was probed less than five minutes ago; the next probe is possible at {at(row.probe_from)}"
        )
