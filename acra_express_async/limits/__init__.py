"""When we may call (`Throttle`), how much we may spend (`Budget`), when to stop calling (`Breaker`), and a job's own
figures (`resolve`). Knows no wire and no database: the ledger and the breaker's store come in as Protocols."""

from acra_express_async.limits.breaker import BREAKER_OPEN, Breaker, BreakerState, BreakerStore, Kind, State
from acra_express_async.limits.budget import (
    SEND_MARGIN,
    Allowance,
    Ask,
    Budget,
    Charge,
    Ledger,
    Refusal,
    allowances,
    fair_share,
)
from acra_express_async.limits.overrides import JobThrottle, Override, resolve
from acra_express_async.limits.throttle import Pace, Sleep, Throttle, pause

__all__ = [
    "BREAKER_OPEN",
    "SEND_MARGIN",
    "Allowance",
    "Ask",
    "Breaker",
    "BreakerState",
    "BreakerStore",
    "Budget",
    "Charge",
    "JobThrottle",
    "Kind",
    "Ledger",
    "Override",
    "Pace",
    "Refusal",
    "Sleep",
    "State",
    "Throttle",
    "allowances",
    "fair_share",
    "pause",
    "resolve",
]
