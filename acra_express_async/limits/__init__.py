"""When we may call a provider, how much we may spend, and when to stop calling.

`budget_table` has one row for each budget, from which every other figure about budgets is derived. `Throttle` paces the
calls of one process, `Budget` keeps allowances per rolling window for all replicas together, `Breaker` stops calling a
provider that refuses us or is away, `resolve` decides about the limits that a job brings along, and `capacity` computes
how many companies all of this allows. The room knows no HTTP and no database: the durable ledger and the breakers'
store are passed in as Protocols, which db/limits/ implements. No provider publishes an hourly allowance, so the
allowances are our own; what providers do publish is in their modules.
"""

from acra_express_async.limits.breaker import (
    BREAKER_OPEN,
    KEY_REASONS,
    KEY_ROTATED,
    Breaker,
    BreakerState,
    BreakerStore,
    Kind,
    State,
    Streak,
)
from acra_express_async.limits.budget import (
    SEND_MARGIN,
    Allowance,
    Ask,
    Budget,
    Charge,
    Halt,
    Ledger,
    Refusal,
    allowances,
    fair_share,
)
from acra_express_async.limits.mended_keys import Mend, MendedKeys
from acra_express_async.limits.overrides import JobThrottle, Override, resolve
from acra_express_async.limits.own_reach import CUT_OFF
from acra_express_async.limits.throttle import Pace, Throttle, pause

__all__ = [
    "BREAKER_OPEN",
    "CUT_OFF",
    "KEY_REASONS",
    "KEY_ROTATED",
    "SEND_MARGIN",
    "Allowance",
    "Ask",
    "Breaker",
    "BreakerState",
    "BreakerStore",
    "Budget",
    "Charge",
    "Halt",
    "JobThrottle",
    "Kind",
    "Ledger",
    "Mend",
    "MendedKeys",
    "Override",
    "Pace",
    "Refusal",
    "State",
    "Streak",
    "Throttle",
    "allowances",
    "fair_share",
    "pause",
    "resolve",
]
