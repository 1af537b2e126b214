"""A courtesy whose word on how many jobs may be held is a test's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.metrics import Metrics
from acra_express_async.settings.quiet_hours import QuietHours


class Allowing(Courtesy):
    """Allows as many jobs as the test says; a claim does not ask for the nightly."""

    def __init__(self, allowed: Callable[[], int], metrics: Metrics) -> None:
        super().__init__(
            stand_back=False, quiet=QuietHours.of(""), now=lambda: datetime.now(UTC), workers=1, metrics=metrics
        )
        self._allowed = allowed

    def jobs_allowed(self) -> int:
        return self._allowed()
