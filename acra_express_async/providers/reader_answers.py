"""What an answer of Jina Reader means: a page, an unusable page, or an error by the caller's next move.

Facts: contracts' table of statuses. Reader answers 200 when the *target* is dead (the warning tells), and was once seen
to answer 200 around an error envelope, so the envelope's own code is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

from acra_express_async.errors import Blocked, Permanent, ProviderError, RateLimited, Transient
from acra_express_async.models import Link, Page, Provider
from acra_express_async.providers.wire import LONGEST_RETRY_AFTER, Answer, retry_after

PROVIDER = Provider.JINA
DEFAULT_WAIT = timedelta(seconds=60)
"""When a 429 says nothing: the window of Reader's own limiter."""
TINY_CHARACTERS = 1500
"""A CAPTCHA warning counts only with little text (some 200 tokens and the wall's own words); big pages carry it too."""
MOST_LINKS = 500

MAX_TITLE_CHARS = 1_000
"""A longer title is an accident or an attack; unlike the text it is read whole."""

_TARGET_STATUS = re.compile(r"Target URL returned error (\d{3})")
_MARKDOWN_LINK = re.compile(
    r"(?<!!)\[([^\[\]]{0,200})\]\(<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,500})?)>?"
)
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

_PERMANENT = {
    40902: "robots",
    40904: "token_budget",
    40305: "domain_blocked",
    40301: "target_failing",
    41301: "too_large",
    41302: "too_large",
}
"""Status of the envelope -> reason; the rest follows from the HTTP code."""
_BLOCKED = {401: "bad_key", 402: "no_credits"}


def judge(answer: Answer, url: str) -> Page:
    """The page for `url`; notes on the answer what was billed.

    Raises:
        Permanent, Blocked, RateLimited, Transient: see `JinaReader.read`.
    """
    envelope = answer.json()
    told = envelope if isinstance(envelope, dict) else {}
    code = _whole(told.get("code")) or answer.status
    data = told.get("data")
    if answer.status == 200 and code == 200 and isinstance(data, dict):
        return _page(data, answer, url)
    if answer.status == 200 and code == 200:
        raise Transient("Jina Reader's answer holds no page", provider=PROVIDER, reason="bad_answer")
    answer.billed = {"tokens_1m": 0}  # errors cost nothing
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
        # no envelope: not Reader but something in front of it (or a wrong base URL) refuses us, whatever the target
        return Blocked(what, provider=PROVIDER, reason=f"http_{code}")
    if code == 400:
        unresolved = "could not be resolved" in str(told.get("message", ""))
        return Permanent(what, provider=PROVIDER, reason="unresolvable" if unresolved else "bad_url")
    if code == 408 or code >= 500 or code == 422 or code < 400:
        return Transient(what, provider=PROVIDER, reason=f"http_{code}")
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
    """The target is slow, refuses or is empty: Reader's words tell which, and another read would end alike."""
    message = str(told.get("message", ""))
    empty = "No content available" in message or "Could not extract" in message
    return Page(url, "", "", usable=False, unusable_reason="empty" if empty else "unreachable", warning=message[:500])


def _page(data: dict[str, Any], answer: Answer, url: str) -> Page:
    usage = data.get("usage")
    tokens = _whole(usage.get("tokens")) if isinstance(usage, dict) else None
    if tokens is not None:
        answer.billed = {"tokens_1m": tokens}
    final = data.get("url")
    address = final if isinstance(final, str) and final.startswith(("http://", "https://")) else url
    title, text, warning = (_text(data.get(key)) for key in ("title", "content", "warning"))
    status = _whole(data.get("httpStatus"))
    if status is None and (match := _TARGET_STATUS.search(warning)):
        status = int(match[1])
    reason = _unusable(title, text, warning, status)
    links = tuple(_links(data.get("links"), text, address))
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
    )


def _unusable(title: str, text: str, warning: str, status: int | None) -> str | None:
    if status is not None and status >= 400:
        return f"http_{status}"
    if not text.strip():
        return "empty"
    tiny = len(text) < TINY_CHARACTERS
    if tiny and "CAPTCHA" in warning:
        return "captcha"
    if tiny and title.strip().lower().startswith(_WALL_TITLES):
        return "captcha"
    return None


def _links(told: object, text: str, base: str) -> Iterator[Link]:
    """Absolute http(s) links and mailto/tel links, unique by address; the answer's own list, or else the markdown's."""
    seen: set[str] = set()
    for label, href in _pairs(told) or _MARKDOWN_LINK.findall(text):
        try:
            url = urljoin(base, href.strip())
        except ValueError:  # "http://[half" and the like: a page may contain anything
            url = ""
        if url.startswith(("http://", "https://", "mailto:", "tel:")) and url not in seen and len(seen) < MOST_LINKS:
            seen.add(url)
            yield Link(" ".join(label.split())[:200], url)


def _pairs(told: object) -> list[tuple[str, str]]:
    """`links` is an object {label: href}, or an array of [label, href]."""
    if isinstance(told, dict):
        pairs = list(told.items())
    elif isinstance(told, list):
        pairs = [tuple(entry) for entry in told if isinstance(entry, list) and len(entry) == 2]
    else:
        pairs = []
    return [(label, href) for label, href in pairs if isinstance(label, str) and isinstance(href, str)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
