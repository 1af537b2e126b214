"""Alerts that the service itself sends to Slack: the failure ratio, budgets, providers that refuse us, stalled work.

`measurements` and `stalls` judge, `state` decides what follows (all pure), `Alerts` connects them with the database,
and `Courier` sends. State and unsent messages are rows in PostgreSQL, one for each alert. So nothing here can grow, a
worker never waits for Slack, and neither replicas nor restarts repeat a message.
"""

from acra_express_async.alerts.courier import Courier
from acra_express_async.alerts.loop import Alerts
from acra_express_async.alerts.stall_watch import StallWatch
from acra_express_async.alerts.stalls import WORTH_A_LOOK

__all__ = ["WORTH_A_LOOK", "Alerts", "Courier", "StallWatch"]
