"""Bodies of ZeroBounce v2: results with their exact field types, sandbox addresses, batch and error forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BAD_KEY_OR_NO_CREDITS = "Invalid API key or your account ran out of credits"
"""One text for two causes; only getcredits distinguishes them."""

SUB_STATUSES: Mapping[str, str] = {
    "alias_address": "valid",
    "leading_period_removed": "valid",
    "alternate": "valid",
    "gold": "valid",
    "role_based_accept_all": "valid",
    "accept_all": "catch-all",
    "ai_agent_mailbox": "valid",
    "allowed": "valid",
    "does_not_accept_mail": "invalid",
    "failed_syntax_check": "invalid",
    "possible_typo": "invalid",
    "mailbox_not_found": "invalid",
    "no_dns_entries": "invalid",
    "mailbox_quota_exceeded": "invalid",
    "unroutable_ip_address": "invalid",
    "role_based": "do_not_mail",
    "role_based_catch_all": "do_not_mail",
    "disposable": "do_not_mail",
    "toxic": "do_not_mail",
    "global_suppression": "do_not_mail",
    "possible_trap": "do_not_mail",
    "mx_forward": "do_not_mail",
    "blocked": "do_not_mail",
    "antispam_system": "unknown",
    "exception_occurred": "unknown",
    "failed_smtp_connection": "unknown",
    "forcible_disconnect": "unknown",
    "greylisted": "unknown",
    "mail_server_did_not_respond": "unknown",
    "mail_server_temporary_error": "unknown",
    "timeout_exceeded": "unknown",
}
"""Every documented sub-status and the status it comes with."""

SANDBOX: Mapping[str, tuple[str, str]] = {
    **{name: (status, name) for name, status in SUB_STATUSES.items()},
    "valid": ("valid", ""),
    "invalid": ("invalid", "mailbox_not_found"),
    "catch_all": ("catch-all", ""),
    "spamtrap": ("spamtrap", ""),
    "abuse": ("abuse", ""),
    "unknown": ("unknown", "mail_server_temporary_error"),
    "donotmail": ("do_not_mail", "role_based"),
    "free_email": ("valid", ""),
    "aiagentmailbox": ("valid", "ai_agent_mailbox"),
}
"""(status, sub_status) of ``<name>@example.com``; these addresses work with any valid key and cost nothing."""


def result(
    address: str,
    status: str,
    sub_status: str = "",
    *,
    processed_at: str,
    free_email: bool = False,
    domain_age_days: str | None = None,
    mx_record: str | None = None,
    smtp_provider: str | None = None,
    did_you_mean: str | None = None,
) -> dict[str, Any]:
    """One result. `mx_found` is the string "true" or "false", ages are strings, only `free_email` is a boolean.

    `processed_at` is UTC as ``YYYY-MM-DD HH:MM:SS.mmm``.
    """
    domain = address.rpartition("@")[2]
    return {
        "address": address,
        "status": status,
        "sub_status": sub_status,
        "free_email": free_email,
        "did_you_mean": did_you_mean,
        "account": None,  # as in every captured answer
        "domain": domain or None,
        "domain_age_days": domain_age_days,
        "smtp_provider": smtp_provider,
        "mx_found": "true" if mx_record else "false",
        "mx_record": mx_record,
        "firstname": None,
        "lastname": None,
        "gender": None,
        "country": None,
        "region": None,
        "city": None,
        "zipcode": None,
        "processed_at": processed_at,
    }


def sandbox_result(address: str, *, processed_at: str) -> dict[str, Any] | None:
    """The provider's fixed answer for a sandbox address; None for any other address."""
    name, _, domain = address.lower().partition("@")
    if domain != "example.com" or name not in SANDBOX:
        return None
    status, sub_status = SANDBOX[name]
    blank = "" if name == "failed_syntax_check" else None
    return {
        "address": address,
        "status": status,
        "sub_status": sub_status,
        "free_email": name == "free_email",
        "did_you_mean": None,
        "account": blank,
        "domain": blank,
        "domain_age_days": "9692",
        "smtp_provider": "example",
        "mx_found": "true",
        "mx_record": "mx.example.com",
        "firstname": "zero",
        "lastname": "bounce",
        "gender": "male",
        "country": "United States",
        "region": "Florida",
        "city": "West Palm Beach",
        "zipcode": "33401",
        "processed_at": processed_at,
    }


def error(text: str = BAD_KEY_OR_NO_CREDITS) -> dict[str, str]:
    """The JSON of a refusal: HTTP 200 for a bad key, 400 for a missing parameter."""
    return {"error": text}


def batch_refusal() -> dict[str, Any]:
    """The answer of validatebatch to a bad key, with HTTP 200."""
    refusal = "Invalid API Key or your account ran out of credits"
    return {"errors": [{"email_address": "all", "error": refusal}], "email_batch": []}


def credit_balance(left: int) -> dict[str, str]:
    """The answer of getcredits; for a bad key the string "-1"."""
    return {"Credits": str(left)}


def api_usage(counts: Mapping[tuple[str, str], int], start: str, end: str) -> dict[str, Any]:
    """The answer of getapiusage from counts by (status, sub_status)."""
    statuses = ("valid", "invalid", "catch_all", "do_not_mail", "spamtrap", "unknown")
    totals = {f"status_{name}": 0 for name in statuses} | {f"sub_status_{name}": 0 for name in SUB_STATUSES}
    for (status, sub_status), count in counts.items():
        for key in (f"status_{status.replace('-', '_')}", f"sub_status_{sub_status}"):
            if key in totals:
                totals[key] += count
    return {"total": sum(counts.values()), **totals, "start_date": start, "end_date": end}
