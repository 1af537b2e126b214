"""A stand-in for the platform's nightly run, for the tests in tests/nightly and for the simulated day.

It reproduces the statements, transactions and lock order of the platform's dispatcher for `staging_upsert` and
`enrich_candidates`, including the habits that make it fragile beside a second writer.
"""

from acra_express_async.sandbox.nightly.process import run_apart
from acra_express_async.sandbox.nightly.standin import DAILY_LIMIT, Nightly
from acra_express_async.sandbox.nightly.store import Figures, domain_of
from acra_express_async.sandbox.nightly.watchers import alerts, queue_depth

__all__ = ["DAILY_LIMIT", "Figures", "Nightly", "alerts", "domain_of", "queue_depth", "run_apart"]
