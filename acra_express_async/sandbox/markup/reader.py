"""Bodies of Jina Reader: the success envelope, the text form, and every known error envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acra_express_async.sandbox.markup.tokens import token_count

LinksForm = Literal["unique", "object", "pairs"]
"""Form of the links summary: the default; ``all`` in the source of 2026; ``all`` in older sources."""


def links_summary(links: Sequence[tuple[str, str]], form: LinksForm) -> dict[str, str] | list[list[str]]:
    """The links of a page, given as (label, address) in order, in Reader's form.

    ``unique`` keeps one link per address and then one per label, so of icons without a label only the last one remains;
    scripts and files are dropped. ``object`` numbers all links, with label and address joined by a comma.
    """
    if form == "pairs":
        return [[label, address] for label, address in links]
    if form == "object":
        return {str(number): f"{label},{address}" for number, (label, address) in enumerate(links)}
    first: dict[str, str] = {}
    for label, address in links:
        if not address.startswith(("file:", "javascript:")):
            first.setdefault(address, label)
    return {label: address for address, label in first.items()}


def success(
    *,
    url: str,
    title: str,
    content: str,
    description: str = "",
    form: str = "content",
    http_status: int | None = 200,
    http_reason: str = "OK",
    links: Mapping[str, str] | list[list[str]] | None = None,
    warning: str | None = None,
    published: str | None = None,
    tokens: int | None = None,
) -> dict[str, Any]:
    """The JSON of a page that was read. An error of the target is in `http_status` and `warning`, under HTTP 200.

    `form` names the field that holds the text: ``content``, ``html`` or ``text``. `tokens` are billed; None counts
    them.
    """
    data: dict[str, Any] = {"title": title, "description": description, "url": url, form: content}
    if published:
        data["publishedTime"] = published
    if links is not None:
        data["links"] = links
    if warning:
        data["warning"] = warning
    if http_status is not None:
        data |= {"httpStatus": http_status, "httpStatusText": http_reason}
    usage = {"tokens": token_count(content) if tokens is None else tokens}
    return {"code": 200, "status": 20000, "data": {**data, "usage": usage}, "meta": {"usage": dict(usage)}}


def as_text(body: Mapping[str, Any]) -> str:
    """The same success for a client that did not ask for JSON."""
    data = body["data"]
    head = [f"Title: {data['title']}", f"URL Source: {data['url']}"]
    if "publishedTime" in data:
        head.append(f"Published Time: {data['publishedTime']}")
    head += [f"Warning: {line}" for line in data.get("warning", "").splitlines()]
    text = next((data[form] for form in ("content", "text", "html") if form in data), "")
    parts = [*head, f"Markdown Content:\n{text}"]
    links = data.get("links")
    if links:
        pairs = links.items() if isinstance(links, Mapping) else links
        parts.append("Links/Buttons:\n" + "\n".join(f"- [{label}]({url})" for label, url in pairs))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class ReaderError:
    """One class of error: HTTP status, the provider's five digits, its name, and a message to fill in."""

    http: int
    status: int
    name: str
    message: str


_ABUSE = "DDoS attack suspected: Too many requests"

ERRORS: Mapping[str, ReaderError] = {
    key: ReaderError(status // 100, status, name, message)
    for key, status, name, message in (
        ("invalid_url", 40001, "ParamValidationError", "Invalid URL"),
        ("invalid_option", 40001, "ParamValidationError", "Invalid value {value}"),
        ("dns", 40001, "ParamValidationError", "Domain '{host}' could not be resolved"),
        ("bad_key", 40102, "AuthenticationFailedError", "Invalid bearer token"),
        ("key_needed", 40103, "AuthenticationRequiredError", "Authentication is required to use this feature"),
        (
            "no_balance",
            40203,
            "InsufficientBalanceError",
            "Account balance not enough to run this query, please recharge.",
        ),
        (
            "domain_blocked",
            40305,
            "AbuseAlleviationError",
            "Anonymous access to domain {host} blocked until {until} due to previous abuse found on {url}: " + _ABUSE,
        ),
        (
            "domain_blocked_451",
            45102,
            "SecurityCompromiseError",
            "Domain {host} blocked until {until} due to previous abuse found on {url}: " + _ABUSE,
        ),
        (
            "too_many_failures",
            40301,
            "OperationNotAllowedError",
            "Consecutive error detected on URL {url} for too many times (10), please retry after {until}",
        ),
        (
            "over_budget",
            40904,
            "BudgetExceededError",
            "Token budget ({budget}) exceeded, intended charge amount {charge}",
        ),
        ("robots", 40902, "ResourcePolicyDenyError", "Access to {url} is disallowed by robots.txt for {agent}"),
        (
            "timeout",
            42206,
            "AssertionFailureError",
            "Failed to goto {url}: TimeoutError: Navigation timeout of {ms} ms exceeded",
        ),
        (
            "refused",
            42206,
            "AssertionFailureError",
            "Failed to goto {url}: Error: net::ERR_CONNECTION_REFUSED at {url}",
        ),
        ("no_content", 42206, "AssertionFailureError", "No content available for URL {url}"),
        (
            "no_selector",
            42206,
            "AssertionFailureError",
            "No content available for URL {url} with target selector {selector}",
        ),
        ("bad_selector", 42206, "AssertionFailureError", "Failed to process the page: not a valid selector"),
        ("downstream", 42205, "DownstreamServiceFailureError", "Downstream service failed"),
        (
            "rate_limit",
            42903,
            "RateLimitTriggeredError",
            "Per {who} rate limit exceeded (CRAWL {count} times since {since})",
        ),
        ("payload_too_large", 41301, "RequestPayloadTooLargeError", "Request body is larger than 102 MB"),
        ("target_too_large", 41302, "TargetFileTooLargeError", "The target file of {url} is larger than 1 GB"),
        ("generic", 50000, "Error", "Internal error"),
        ("ServiceDisabled", 50301, "ServiceDisabledError", "Service is temporarily disabled"),
        ("ServiceCrashed", 50302, "ServiceCrashedError", "Browser crashed, try again"),
        (
            "ServiceNodeResourceDrain",
            50303,
            "ServiceNodeResourceDrainError",
            "This specific worker node failed to open a new page, try again.",
        ),
        ("BadAttempt", 50304, "ServiceBadAttemptError", "Bad attempt, try again"),
        ("BadApproach", 50305, "ServiceBadApproachError", "Bad approach, try again"),
    )
}
"""Every error envelope by our own key; `error` fills the placeholders of a message."""


def error(
    key: str,
    facts: Mapping[str, object] | None = None,
    *,
    extra: Mapping[str, Any] | None = None,
    path: str | None = None,
) -> dict[str, Any]:
    """The error envelope of `ERRORS[key]`.

    Args:
        key: a key of `ERRORS`.
        facts: values for the placeholders of the message; superfluous ones are ignored.
        extra: further fields, such as ``retryAfter`` or ``cause``.
        path: the invalid parameter, for parameter errors.
    """
    shape = ERRORS[key]
    message = shape.message.format(**(facts or {}))
    where = f"({path})" if path else ""
    return {
        "data": None,
        **({"path": path} if path else {}),
        **(extra or {}),
        "code": shape.http,
        "name": shape.name,
        "status": shape.status,
        "message": message,
        "readableMessage": f"{shape.name}{where}: {message}",
    }
