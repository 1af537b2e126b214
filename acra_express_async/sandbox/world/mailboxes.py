"""What a verifier learns about a mail address of the world."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from acra_express_async.sandbox.draws import hexadecimal, unit, weighted
from acra_express_async.sandbox.world.company_draw import FREE_HOSTS

ROLE_VERDICTS: dict[tuple[str, str], float] = {
    ("valid", ""): 0.42,
    ("do_not_mail", "role_based"): 0.34,
    ("catch-all", ""): 0.10,
    ("do_not_mail", "role_based_catch_all"): 0.04,
    ("invalid", "mailbox_not_found"): 0.07,
    ("valid", "role_based_accept_all"): 0.02,
    ("invalid", "mailbox_quota_exceeded"): 0.01,
}
PERSON_VERDICTS: dict[tuple[str, str], float] = {
    ("valid", ""): 0.74,
    ("catch-all", ""): 0.14,
    ("invalid", "mailbox_not_found"): 0.10,
    ("abuse", ""): 0.01,
    ("spamtrap", ""): 0.01,
}
FREE_VERDICTS: dict[tuple[str, str], float] = {
    ("valid", ""): 0.84,
    ("invalid", "mailbox_not_found"): 0.13,
    ("do_not_mail", "toxic"): 0.02,
    ("abuse", ""): 0.01,
}
UNKNOWN_HOSTS = 0.045
"""Share of mail hosts that hide their mailboxes from a verifier (documented: 3 to 6 %)."""
UNKNOWN_REASONS = tuple(
    """
    greylisted antispam_system failed_smtp_connection mail_server_did_not_respond timeout_exceeded
    mail_server_temporary_error forcible_disconnect exception_occurred
    """.split()
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address and how its host treats it.

    `unknown` is the sub-status while the host hides the mailbox, else "". A greylisting host answers after half an
    hour, other hiding hosts never do.
    """

    status: str
    sub_status: str
    free: bool = False
    unknown: str = ""
    mx_record: str | None = None
    domain_age_days: str | None = None


def mailbox_of(address: str, printed: Container[str], hosts: Container[str], seed: int) -> Mailbox:
    """The true state of `address`.

    Args:
        address: in upper or lower case.
        printed: addresses that exist because a page prints them.
        hosts: mail domains of the world; other domains have no DNS entry.
        seed: seed of the world.
    """
    address = address.lower()
    account, _, host = address.rpartition("@")
    if not account or " " in address or "." not in host:
        return Mailbox("invalid", "failed_syntax_check")
    if host in FREE_HOSTS:
        status, sub = weighted(FREE_VERDICTS, seed, "mailbox", address)
        return Mailbox(status, sub, free=True, mx_record=f"mx.{host}", domain_age_days="9000")
    if host not in hosts:
        return Mailbox("invalid", "no_dns_entries")
    role = "." not in account
    status, sub = weighted(ROLE_VERDICTS if role else PERSON_VERDICTS, seed, "mailbox", address)
    if address not in printed and status != "catch-all":
        status, sub = "invalid", "mailbox_not_found"
    hidden = unit(seed, "unknown host", host) < UNKNOWN_HOSTS
    return Mailbox(
        status,
        sub,
        unknown=UNKNOWN_REASONS[int(unit(seed, "why unknown", host) * len(UNKNOWN_REASONS))] if hidden else "",
        mx_record=f"mx{1 + int(hexadecimal(1, host), 16) % 3}.{host}",
        domain_age_days=str(300 + int(unit("age", host) * 8000)),
    )
