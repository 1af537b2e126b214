"""Sends unsent messages from the database to Slack, one at a time, independently of everything else.

A message is claimed, sent, and marked as sent. If the process dies in between, the claim expires and the message is
sent again: twice is better than never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import InitVar, dataclass
from datetime import timedelta, tzinfo
from typing import Any, Protocol

from acra_express_async import logs
from acra_express_async.alerts.message import message
from acra_express_async.db.ops.alert_rows import AlertRows, AlertState
from acra_express_async.errors import Blocked, Permanent, Transient
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.turn_loop import Loop
from acra_express_async.settings.tree import AlertSettings

log = logs.logger("courier")

LOOP = "courier"
CLAIM_LEASE = timedelta(minutes=3)
"""Longer than the slowest message: three tries of 5 s and two waits of 60 s are 135 s."""
SEND_STEP_SECONDS = CLAIM_LEASE.total_seconds()
RETRY_AFTER = timedelta(minutes=1)
LOOK_SECONDS = 600.0
"""Without a word that something waits, the table is looked at every 10 min."""
LAST_SECONDS = 3.0
"""How long a message in flight may take once the service stops: cut off, it would be sent again after the restart."""


class Channel(Protocol):
    """Where messages go: Slack (providers/slack.py), and in tests a list."""

    @property
    def configured(self) -> bool: ...
    @property
    def dead(self) -> str | None: ...
    async def post(self, text: str, blocks: list[dict[str, Any]] | None = None) -> None: ...


@dataclass(kw_only=True, eq=False, repr=False)
class Courier:
    """Sends the messages of the alerts.

    Args:
        instance: the process that is named as the sender.
        zone: the clock of the moments in a message.
        runbook: where the service's own copy of the runbook can be read, for messages without `ALERT__RUNBOOK_URL`.
    """

    rows: AlertRows
    slack: Channel
    settings: AlertSettings
    instance: str
    zone: tzinfo
    runbook: Callable[[], str]
    context: InitVar[Context]

    def __post_init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._loop = Loop(LOOP, context)

    def nudge(self) -> None:
        """Something is to be sent; returns at once."""
        self._loop.wake()
        if not self.slack.configured:
            self._metrics.alert_notifications.labels("suppressed").inc()

    def wake(self) -> None:
        """A message waits in the database, perhaps one that another replica has left; only sets a flag."""
        self._loop.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        if not self.slack.configured:
            log.warning("slack.not_configured", why="alerts are only logged; set ACRA_EXPRESS_SLACK__WEBHOOK_URL")
        await self._loop.repeat(
            self.deliver,
            until_woken=LOOK_SECONDS,
            missed=lambda away: log.warning("courier.away", error=str(away)),
        )

    async def deliver(self) -> None:
        """Send everything that is due; also one of the last steps of a stop.

        Raises:
            NotNow: the rest stays unsent.
        """
        while self.slack.configured and self.slack.dead is None:
            self._loop.beacon.allow(SEND_STEP_SECONDS)
            state = await self.rows.claim_unsent(CLAIM_LEASE)
            if state is None:
                return
            await _to_its_end(self._send(state))

    async def _send(self, state: AlertState) -> None:
        text, blocks = message(
            state,
            runbook_url=self.settings.runbook_url or self.runbook(),
            dashboard_url=self.settings.dashboard_url,
            instance=self.instance,
            zone=self.zone,
        )
        try:
            await self.slack.post(text, blocks)
        except (Transient, Blocked) as refused:
            await self.rows.postpone(state, RETRY_AFTER)
            outcome = "error"
            log.error("alert.unsent", alert=state.key, message=state.unsent, reason=refused.reason)
        except Permanent as wrong:
            await self.rows.dropped(state)
            outcome = "error"
            log.error("alert.dropped", alert=state.key, message=state.unsent, reason=wrong.reason)
        else:
            await self.rows.told(state)
            outcome = "sent"
            log.info("alert.told", alert=state.key, message=state.unsent)
        self._metrics.alert_notifications.labels(outcome).inc()


async def _to_its_end(sending: Coroutine[Any, Any, None]) -> None:
    """Await it; when cancelled, let it end and be recorded within `LAST_SECONDS`, then continue cancelling."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=LAST_SECONDS)
        if not task.done():
            task.cancel()
        elif not task.cancelled() and (lost := task.exception()) is not None:
            log.warning("courier.away", error=str(lost))
        raise
