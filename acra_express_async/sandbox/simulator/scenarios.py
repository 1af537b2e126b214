"""Named scenarios: which faults apply when, shared by tests, demo and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from acra_express_async.sandbox.simulator.options import Options

HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`faults` in the form of `/__sim/faults`, replaced `options`, and the shares of the world if they differ."""

    about: str
    faults: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    site_share: float | None = None
    copied_share: float | None = None

    def applied_to(self, options: Options) -> Options:
        """The options with those of this scenario applied."""
        return replace(options, **self.options)


def _fault(provider: str, knob: str, value: Any = True, **details: Any) -> dict[str, Any]:
    return {"provider": provider, "knob": knob, "value": value, **details}


_FLAKY = (
    *(
        _fault(provider, knob, value, probability=chance)
        for provider in ("duckduckgo", "jina", "zerobounce", "slack")
        for knob, value, chance in (
            ("status", 503, 0.04),
            ("reset_connection", True, 0.02),
            ("close_before_headers", True, 0.01),
            ("latency_scale", 3, 0.10),
            ("truncate_after", 120, 0.01),
            ("wrong_content_type", "text/html", 0.01),
        )
    ),
    _fault("jina", "hang", 100, probability=0.005),
    _fault("zerobounce", "status", 520, probability=0.01),
)

SCENARIOS: Mapping[str, Scenario] = {
    "happy": Scenario("Nothing goes wrong."),
    "ddg_blocked_first_hour": Scenario(
        "DuckDuckGo challenges the first request and goes on for an hour without any request.",
        (_fault("duckduckgo", "ddg_block_now", 60, count=1),),
    ),
    "ddg_soft_blocks": Scenario(
        "One search in twenty meets a challenge that is over at once.",
        (_fault("duckduckgo", "status", 202, probability=0.05),),
    ),
    "jina_key_empties": Scenario(
        "Jina's balance runs out after half an hour.", (_fault("jina", "key_state", "empty", **{"from": HOUR / 2}),)
    ),
    "jina_524_storm": Scenario(
        "From minute 10 to 40 every second read hangs for 100 seconds and ends in 524.",
        (_fault("jina", "hang", 100, probability=0.5, **{"from": 600.0, "to": 2_400.0}),),
    ),
    "zb_credits_run_out": Scenario("ZeroBounce has credits for 20 addresses.", options={"credits": 20}),
    "zb_shield_day": Scenario(
        "From the first to the 25th hour ZeroBounce's shield refuses everybody with HTML.",
        (_fault("zerobounce", "shield", "all", **{"from": HOUR, "to": 25 * HOUR}),),
    ),
    "slack_archived": Scenario("The alert channel is archived.", (_fault("slack", "webhook_state", "archived"),)),
    "everything_flaky": Scenario("Each provider fails now and then in every way.", _FLAKY),
    "copied_sites": Scenario(
        "One website in five says what its company's own would say and is not its own: only a person can tell.",
        copied_share=0.2,
    ),
    "full_day_500": Scenario("Every company has a site: enough mail to spend all 500 verifications.", site_share=1.0),
}
"""All scenarios by name."""
