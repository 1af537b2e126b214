"""What may be stored of an outcome: its detail with the evidence, and the facts, both without what must not be stored.

Pure: outcome in, plain values out. With `store_personal` False, addresses of persons and freemail boxes appear only as
keyed hashes, also where they occur inside texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from acra_express_async import __version__
from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.models import Email, EmailKind, Job, Outcome, OutcomeKind, Phone, Site

SERVICE = "acra-express"
MAX_ADDRESSES = 20
"""Addresses kept of one company: a page that lists more is a directory of staff or branches, not a contact page."""
MAX_DETAIL = 300
MAX_REJECTED = 5
MAX_NOTES = 20

# The left part is bounded (RFC 5321: 64) and so is each label: linear on hostile text.
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_REMOVED = "[address removed]"
_DIALLABLE = ("phone", "mobile", "whatsapp", "toll_free")
"""Kinds of numbers that a person answers, best first; a fax is not one of them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What goes into the platform's tables.

    `emails` may be stored in clear text, best first; `detail` becomes `source_json` and the detail of our own outcome.
    """

    detail: dict[str, Any]
    emails: tuple[Email, ...] = ()
    about: str | None = None
    phone: Phone | None = None
    linkedin_url: str | None = None
    postal_code: str | None = None
    domain: str | None = None


def facts_of(
    job: Job,
    outcome: Outcome,
    *,
    hashes: AddressHash,
    store_personal: bool,
    opted_out: Collection[str] = frozenset(),
) -> Facts:
    """What may be stored of this outcome; `opted_out` are hashes (hex) of addresses that have opted out."""
    known = tuple(email for email in outcome.emails if hashes.text(email.address) not in opted_out)[:MAX_ADDRESSES]
    emails = tuple(email for email in known if store_personal or email.kind is EmailKind.ROLE)
    scrub = _Scrubber({email.address.lower() for email in emails})
    detail = _detail(job, outcome, scrub)
    detail["emails"] = [_email(email, None if email in emails else hashes) for email in known]
    if outcome.kind is not OutcomeKind.ENRICHED or outcome.site is None:
        return Facts(detail=detail)
    return Facts(
        detail=detail,
        emails=emails,
        about=scrub.text(outcome.about).strip() or None if outcome.about else None,
        phone=_best_phone(outcome.phones),
        linkedin_url=next((url for name, url in outcome.socials if name.lower() == "linkedin"), None),
        postal_code=outcome.postal_code,
        domain=outcome.site.domain,
    )


class _Scrubber:
    """Removes every address from a text, except for the allowed ones."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed

    def text(self, value: str) -> str:
        return _ADDRESS.sub(lambda found: found[0] if found[0].lower() in self._allowed else _REMOVED, value)


def _detail(job: Job, outcome: Outcome, scrub: _Scrubber) -> dict[str, Any]:
    return {
        "service": SERVICE,
        "version": __version__,
        "job_id": int(job.job_id),
        "attempt": job.attempt,
        "outcome": outcome.kind.value,
        "reason": outcome.reason,
        "site": None if outcome.site is None else _site(outcome.site, scrub),
        "rejected": [_site(site, scrub) for site in outcome.rejected[:MAX_REJECTED]],
        "queries": [scrub.text(query) for query in outcome.queries],
        "pages": [scrub.text(url) for url in outcome.pages],
        "readings": [
            {
                "url": scrub.text(reading.url),
                "tokens": reading.tokens,
                "cut_at": reading.cut_at,
                "footer_read": reading.footer_read,
                "unusable_reason": reading.unusable_reason,
            }
            for reading in outcome.readings
        ],
        "phones": [
            {"number": phone.number, "kind": phone.kind, "url": scrub.text(phone.url), "read_at": _iso(phone.read_at)}
            for phone in outcome.phones
        ],
        "socials": [{"network": name, "url": scrub.text(url)} for name, url in outcome.socials],
        "postal_code": None
        if outcome.postal_code is None
        else {"value": outcome.postal_code, "url": scrub.text(outcome.postal_code_url or "")},
        "usage": {
            "searches": outcome.usage.searches,
            "pages": outcome.usage.pages,
            "tokens": outcome.usage.tokens,
            "verifications": outcome.usage.verifications,
            "failed": dict(Counter(refused.provider.value for refused in outcome.usage.refused)),
        },
        "waited_seconds": round(outcome.usage.waited, 3),
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in outcome.stage_seconds},
        "notes": [scrub.text(note)[:MAX_DETAIL] for note in outcome.notes[:MAX_NOTES]],
    }


def _site(site: Site, scrub: _Scrubber) -> dict[str, Any]:
    return {
        "domain": site.domain,
        "url": scrub.text(site.url),
        "points": site.points,
        "evidence": [
            {
                "signal": seen.signal,
                "points": seen.points,
                "url": scrub.text(seen.url),
                "detail": scrub.text(seen.detail)[:MAX_DETAIL],
            }
            for seen in site.evidence
        ],
    }


def _email(email: Email, hashes: AddressHash | None) -> dict[str, Any]:
    """One address and where it was seen; as a hash, and without its role, if `hashes` is given."""
    fields: dict[str, Any] = {"kind": email.kind.value, "read_at": _iso(email.read_at)}
    if hashes is None:
        fields |= {"address": email.address, "role": email.role, "url": email.url}
    else:
        fields |= {"address_hash": hashes.text(email.address), "url": _ADDRESS.sub(_REMOVED, email.url)}
    if email.verification is not None:
        fields["verdict"] = {
            "status": email.verification.status,
            "sub_status": email.verification.sub_status,
            "source": email.verification.source,
            "checked_at": _iso(email.verification.checked_at),
        }
    return fields


def _best_phone(phones: tuple[Phone, ...]) -> Phone | None:
    for kind in _DIALLABLE:
        for phone in phones:
            if phone.kind == kind:
                return phone
    return None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def without_facts(outcome: Outcome) -> Outcome:
    """The outcome of a company that opted out while it was being worked on: nothing that was found may be stored."""
    return replace(
        outcome,
        kind=OutcomeKind.SKIPPED,
        reason="opted_out",
        site=None,
        rejected=(),
        about=None,
        emails=(),
        phones=(),
        socials=(),
        postal_code=None,
        postal_code_url=None,
        pages=(),
        readings=(),
        notes=(),
    )
