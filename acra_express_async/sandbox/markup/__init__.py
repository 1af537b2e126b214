"""The providers' answers as they write them: our own templates, shared by the simulator and by the unit tests.

Tests mount them as respx fixtures, so that parsers, tests and simulator cannot drift apart. Structure from
contracts/providers.md; no captured body is copied.
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
