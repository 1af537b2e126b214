"""Options that apply to a whole run of one simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from acra_express_async.sandbox.markup.fragments import LinkForm
from acra_express_async.sandbox.markup.reader import LinksForm

TokenRule = Literal["strict", "admit"]
DayBoundary = Literal["rolling", "Asia/Singapore", "UTC"]


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a simulator.

    Attributes:
        host, port: address to listen on; loopback by default, port 0 takes a free one.
        seed: seed of latencies, ads, flags and other random choices; the world has its own seed.
        allowance_scale: multiplies every count of both limit layers; windows keep their length.
        latency_scale: multiplies every latency; 0 answers immediately.
        budget_layer: refuse and record calls that exceed our budgets.
        real_layer: enforce the limits that the providers publish or are known to apply.
        real_scale: multiplies ZeroBounce's published counts, so that a test can reach them.
        token_rule: ``strict`` lets no 60-second window exceed the allowance; ``admit`` accepts a call while the window
            is below the allowance, so that one answer may overshoot and the next call is refused.
        day_boundary: how a day of verifications is bounded.
        link_form: forces the form of DuckDuckGo's links.
        ad_share, box_share: share of result pages with an ad, with a zero-click box.
        flag_get, flag_user_agent, flag_no_vqd: probability that such a request is treated as a robot's.
        most_exclusions: a query that excludes more hosts with ``-site:`` finds nothing, as on DuckDuckGo's page without
            scripts from 2018 to 2022, when it was 1; None for no limit.
        long_query_status: status for a query of 500 characters or more.
        block_minutes: how long a DuckDuckGo block lasts without further requests.
        batch_limit: most addresses in one validatebatch.
        links_form: Reader's links summary under ``all``: ``object`` in the source of 2026, ``pairs`` in older ones.
        jina_key, zerobounce_key: the only valid keys.
        credits: balance of the ZeroBounce account.
        slack_path: path of the webhook below the provider's base; it is the secret.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    allowance_scale: float = 1.0
    latency_scale: float = 1.0
    budget_layer: bool = True
    real_layer: bool = False
    real_scale: float = 1.0
    token_rule: TokenRule = "strict"  # noqa: S105 - a rule about tokens, not a secret
    day_boundary: DayBoundary = "rolling"
    link_form: LinkForm | None = None
    ad_share: float = 0.35
    box_share: float = 0.05
    flag_get: float = 0.5
    flag_user_agent: float = 0.3
    flag_no_vqd: float = 1.0
    most_exclusions: int | None = None
    long_query_status: int = 400
    block_minutes: float = 60.0
    batch_limit: int = 100
    links_form: LinksForm = "object"
    jina_key: str = "jina_sandbox_key"
    zerobounce_key: str = "zerobounce-sandbox-key"
    credits: int = 100_000
    slack_path: str = "services/T0SANDBOX/B0SANDBOX/sandboxsecret"
