"""Templates of the providers' answers, shared by the simulator and the unit tests.

Unit tests serve them through respx, so parsers, tests and simulator cannot drift apart. Element names, classes, fields
and types follow captured answers of 2025 and 2026; the texts are our own, no captured body is copied.
"""

from acra_express_async.sandbox.markup import cdn, reader, zerobounce_answer
from acra_express_async.sandbox.markup.challenge import ChallengeKind, challenge_page
from acra_express_async.sandbox.markup.fragments import Ad, LinkForm, Listing, href, vqd
from acra_express_async.sandbox.markup.html_page import (
    NO_RESULTS,
    NoResult,
    html_changed_markup,
    html_landing,
    html_no_results,
    html_results,
)
from acra_express_async.sandbox.markup.lite_page import lite_no_results, lite_results

__all__ = [
    "NO_RESULTS",
    "Ad",
    "ChallengeKind",
    "LinkForm",
    "Listing",
    "NoResult",
    "cdn",
    "challenge_page",
    "href",
    "html_changed_markup",
    "html_landing",
    "html_no_results",
    "html_results",
    "lite_no_results",
    "lite_results",
    "reader",
    "vqd",
    "zerobounce_answer",
]
