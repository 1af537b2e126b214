"""A status in the form of /status.json, for tests of page and terminal."""

from __future__ import annotations

from typing import Any


def status(**changed: Any) -> dict[str, Any]:
    """The status of a busy and healthy service; `changed` replaces keys."""
    return {
        "service": "acra-express",
        "version": "1.0.0",
        "verdict": {"word": "pass", "why": []},
        "started_at": "2026-11-23T08:00:00+00:00",
        "now": "2026-11-23T12:00:00+00:00",
        "taken_at": "2026-11-23T11:59:50+00:00",
        "figures_age_seconds": 10.0,
        "draining": False,
        "paused": False,
        "nightly_running": False,
        "nightly": {"jobs": [], "skipped_ahead": 0, "relabelled": 0},
        "stands_back": False,
        "listener_proven": True,
        "database": {
            "answered_seconds_ago": 1.0,
            "trouble": None,
            "last_refusal": None,
            "last_claim": {"result": "job", "seconds_ago": 3.0, "why": None},
        },
        "stuck": [],
        "alerts": [],
        "breakers": [],
        "workers": [
            {
                "name": "worker-1",
                "job_id": 7,
                "job_type": "acra_express_enrich_candidates",
                "attempt": 1,
                "company_so_far": {"searches": 1, "pages": 2, "verifications": 0},
            },
            {"name": "worker-2", "job_id": None, "job_type": None, "attempt": None, "company_so_far": None},
        ],
        "queue": [
            {
                "job_type": "acra_express_enrich_candidates",
                "state": "due",
                "depth": 3,
                "oldest_age_seconds": 125.0,
            }
        ],
        "daily_cap": {"used": 12, "limit": 300},
        "budgets": [
            {
                "provider": "jina",
                "budget": "calls_1h",
                "used": 60,
                "limit": 120,
                "frees_first_seconds": 30,
                "frees_all_seconds": 3500,
            }
        ],
        "campaigns": [
            {
                "campaign_id": 3,
                "enqueued_at": "2026-11-23T09:00:00+00:00",
                "ended": 40,
                "waiting": 5,
                "left": 55,
                "expected_end": "2026-11-23T16:00:00+00:00",
            }
        ],
        "registry": {"loaded_at": "2026-11-20T09:00:00+00:00", "age_days": 3, "empty": False, "codes_empty": False},
        "stalls": [],
        "companies_today": {"express": 12, "nightly": 40},
        "companies": [
            {
                "uen": "199801234K",
                "name": "ORCHID BAKERY PTE. LTD.",
                "outcome": "enriched",
                "reason": "",
                "domain": "orchidbakery.sg",
                "evidence_url": "https://orchidbakery.sg/contact",
                "ended_at": "2026-11-23T11:58:00+00:00",
                "latency_seconds": 81.5,
                "judged": True,
                "overruled": False,
            }
        ],
        "failures_24h": {"provider_error": 2},
    } | changed
