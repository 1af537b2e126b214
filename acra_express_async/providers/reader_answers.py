"""What an answer of Jina Reader means: a page, an unusable page, or an error named after the caller's next move.

Reader answers 200 when the *target* is dead and says so in a warning. It was once seen to answer 200 with an error
envelope, so the envelope's own code is read too.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.limits.budget_table import TOKENS
from acra_express_async.models import Page, Provider
from acra_express_async.providers.cut_text import is_cut, without_cut_end
from acra_express_async.providers.reader_links import links_of, with_contact_targets
from acra_express_async.providers.wire import LONGEST_RETRY_AFTER, Answer, retry_after

PROVIDER = Provider.JINA
DEFAULT_WAIT = timedelta(seconds=60)
"""The wait after a 429 that names none: the window of Reader's own limiter."""
MOST_TOKENS = 2 * 1024 * 1024
"""An answer is cut at 2 MB and a token is at least a byte, so a larger bill must be a mistake."""
MAX_TEXT_CHARS = 150_000
"""Most characters of a page's text. Reader obeys `X-Max-Tokens`, at most about 5,000 tokens of a few characters each; a
longer text does not answer our request, and reading it would take too long."""
MAX_TITLE_CHARS = 1_000
"""Most characters of a title or a description, which the provider does not cut; longer ones are an error or an
attack."""
TINY_CHARACTERS = 1500
FEW_WORDS = 8
"""Reader's CAPTCHA warning only means that the word occurs in the HTML of a page with little text, as on every contact
form with a CAPTCHA. Such a page is a bot check only if it says nothing else."""

_FACT = re.compile(r"[\w.]@\w|\+65|\b[689]\d{3}[ \-]?\d{4}\b")
_WALL_TITLES = (
    "just a moment",
    "attention required!",
    "access denied",
    "checking your browser",
    "verify you are human",
    "are you a robot",
    "ddos-guard",
    "security check",
)
_TARGET_STATUS = re.compile(r"Target URL returned error (\d{3})")
_PERMANENT = {
    40902: "robots",
    40904: "token_budget",
    40305: "domain_blocked",
    40301: "target_failing",
    41301: "too_large",
    41302: "too_large",
}
"""Status in the envelope -> reason; other reasons follow from the HTTP status."""
_OF_READER_ITSELF = frozenset({50301, 50303})
"""Of the envelopes that ask for another try, those about Reader itself and not about the page: the service is disabled,
or its node has no resources left. "Browser crashed" (50302), a failed navigation or an internal error may be caused by
the page."""
_BLOCKED = {401: "bad_key", 402: "no_credits"}
KEY_REFUSED = frozenset(_BLOCKED.values())
"""Reasons that a rotated key may resolve."""


def judge(answer: Answer, url: str, limit: int) -> Page:
    """The page for `url`, requested with at most `limit` tokens of text; stores on the answer what was billed.

    Raises:
        Permanent, Blocked, RateLimited, Transient: see `JinaReader.read`.
    """
    envelope = answer.json()
    told = envelope if isinstance(envelope, dict) else {}
    code = _whole(told.get("code")) or answer.status
    data = told.get("data")
    if answer.status == 200 and code == 200 and isinstance(data, dict):
        return _page(data, answer, url, limit)
    if answer.status == 200 and code == 200:
        raise Transient(
            "Jina Reader's answer holds no page", provider=PROVIDER, reason="bad_answer", about_target=bool(told)
        )
    answer.billed = {TOKENS: 0}  # errors cost nothing
    if code == 422 and _whole(told.get("status")) != 42205:
        return _unreachable(told, url)
    raise _error(code if code != 200 else answer.status, told, answer)


def _error(code: int, told: dict[str, Any], answer: Answer) -> ProviderError:
    status = _whole(told.get("status"))
    what = f"Jina Reader answered {code}" + (f" ({status})" if status else "")
    if code == 429:
        return RateLimited(what, provider=PROVIDER, reason="http_429", retry_after=_wait(told, answer))
    if code in _BLOCKED:
        return Blocked(what, provider=PROVIDER, reason=_BLOCKED[code])
    if status in _PERMANENT:
        return Permanent(what, provider=PROVIDER, reason=_PERMANENT[status])
    if code == 451:
        return Permanent(what, provider=PROVIDER, reason="domain_blocked")
    if not told and 400 <= code < 500:
        # without an envelope the refusal comes from something in front of Reader (or a wrong base URL), for any target
        return Blocked(what, provider=PROVIDER, reason=f"http_{code}")
    if code == 400:
        unresolved = "could not be resolved" in str(told.get("message", ""))
        return Permanent(what, provider=PROVIDER, reason="unresolvable" if unresolved else "bad_url")
    if code == 408 or code >= 500 or code == 422 or code < 400:
        about_page = status is not None and status not in _OF_READER_ITSELF
        return Transient(what, provider=PROVIDER, reason=f"http_{code}", about_target=about_page)
    return Permanent(what, provider=PROVIDER, reason=f"http_{code}")


def _wait(told: dict[str, Any], answer: Answer) -> timedelta:
    header = retry_after(answer.headers)
    if header is not None:
        return header
    seconds = told.get("retryAfter")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0:
        return timedelta(seconds=min(float(seconds), LONGEST_RETRY_AFTER.total_seconds()))
    return DEFAULT_WAIT


def _unreachable(told: dict[str, Any], url: str) -> Page:
    """The target is slow, refuses or is empty; Reader's message says which, and another read would give the same."""
    message = str(told.get("message", ""))
    empty = "No content available" in message or "Could not extract" in message
    return Page(url, "", "", usable=False, unusable_reason="empty" if empty else "unreachable", warning=message[:500])


def _page(data: dict[str, Any], answer: Answer, url: str, limit: int) -> Page:
    usage = data.get("usage")
    tokens = _whole(usage.get("tokens")) if isinstance(usage, dict) else None
    if tokens is not None:
        tokens = min(tokens, MOST_TOKENS)
        answer.billed = {TOKENS: tokens}
    final = data.get("url")
    address = final if isinstance(final, str) and final.startswith(("http://", "https://")) else url
    title, text, warning, description = (_text(data.get(key)) for key in ("title", "content", "warning", "description"))
    text, warning = text[:MAX_TEXT_CHARS], warning[:MAX_TITLE_CHARS]
    status = _status(data.get("httpStatus"))
    if status is None and (match := _TARGET_STATUS.search(warning)):
        status = int(match[1])
    links = links_of(data.get("links"), text, address)
    cut = is_cut(tokens, limit)
    text = with_contact_targets(without_cut_end(text) if cut else text, links)
    reason = _unusable(title, text, warning, status)
    return Page(
        url=address,
        title=title[:MAX_TITLE_CHARS],
        text=text,
        links=links,
        tokens=tokens or 0,
        http_status=status,
        warning=warning or None,
        usable=reason is None,
        unusable_reason=reason,
        description=description[:MAX_TITLE_CHARS],
        cut_at=limit if cut else None,
    )


def _unusable(title: str, text: str, warning: str, status: int | None) -> str | None:
    """Why this page is unusable, or None; `extract.walls` decides whether a page with text is a bot check."""
    if status is not None and status >= 400:
        return f"http_{status}"
    if not text.strip():
        return "empty"
    if len(text) >= TINY_CHARACTERS or _FACT.search(text):
        return None
    if title.strip().lower().startswith(_WALL_TITLES) or ("CAPTCHA" in warning and len(text.split()) < FEW_WORDS):
        return "captcha"
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _status(value: object) -> int | None:
    """An HTTP status of three digits; anything else is ignored."""
    status = _whole(value)
    return status if status is not None and 100 <= status <= 999 else None
