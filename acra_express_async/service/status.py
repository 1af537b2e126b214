"""What /status.json says: put together from what the loops keep fresh, without a query and without personal data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from acra_express_async import __version__
from acra_express_async.health import Health
from acra_express_async.settings import Settings
from acra_express_async.watch import Watch
from acra_express_async.worker import Worker


def status(
    *,
    settings: Settings,
    health: Health,
    watch: Watch,
    workers: Sequence[Worker],
    started_at: datetime,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """One picture of this replica and of the shared state as last seen."""
    picture = watch.picture
    return {
        "service": "acra-express",
        "version": __version__,
        "started_at": started_at.isoformat(),
        "now": now().isoformat(),
        "taken_at": picture.taken_at.isoformat() if picture.taken_at else None,
        "draining": health.draining,
        "paused": picture.paused,
        "nightly_running": picture.nightly_running,
        "listener_proven": health.listener_proven,
        "database_age_seconds": health.database_age,
        "stuck": health.stuck,
        "workers": [
            {
                "name": worker.name,
                "job_id": worker.job.job_id if worker.job else None,
                "job_type": worker.job.job_type.value if worker.job else None,
            }
            for worker in workers
        ],
        "queue": [
            {"job_type": job_type, "state": state, "depth": depth, "oldest_age_seconds": round(age, 1)}
            for (job_type, state), (depth, age) in sorted(picture.queue.items())
        ],
        "daily_cap": {"used": picture.cap_used, "limit": settings.daily_cap},
        "budgets": [
            {"provider": provider, "budget": budget, "used": used, "limit": limit}
            for (provider, budget), (used, limit) in sorted(picture.budgets.items())
        ],
    }
