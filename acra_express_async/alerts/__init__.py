"""Alerts that the service tells Slack by itself: the failure ratio, budgets, providers that refuse us.

`measurements` says how things are, `state` what follows from it (pure), `Alerts` joins the two with the database, and
`Courier` sends. State and unsent messages are rows in PostgreSQL, one for each alert, so nothing here can grow, a
worker never waits for Slack, and neither replicas nor restarts repeat a message.
"""

from acra_express_async.alerts.courier import Courier
from acra_express_async.alerts.loop import Alerts

__all__ = ["Alerts", "Courier"]
