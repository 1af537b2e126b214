"""Alerts that the service tells Slack by itself: the failure ratio, budgets, providers that refuse us.

`readings` says how things are, `machine` what follows from it (pure), `Alerts` keeps the two and the database together,
`Courier` sends. State and unsent messages stand in PostgreSQL, one row an alert, so nothing here can grow, a worker
never waits for Slack, and neither replicas nor restarts repeat a message.
"""

from acra_express_async.alerts.courier import Courier
from acra_express_async.alerts.loop import Alerts

__all__ = ["Alerts", "Courier"]
