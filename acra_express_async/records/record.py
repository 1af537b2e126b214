"""One company as an export shows it: the columns and how each is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from acra_express_async.db.records.record_pages import RecordRow
from acra_express_async.records.levels import is_judged, level_of
from acra_express_async.records.reasons import in_words
from acra_express_async.registry import ssic_digits

SSIC_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One company and the last decision about it; the fields are the export's columns, in its order.

    `emails_kind` and `emails_status` run parallel to `emails`; `emails_hidden` counts addresses of which only a hash is
    kept. `postal_code` is the one read on the company's site, else the registry's; `address` is the registry's with its
    own postal code, because the two may be different places. `judged_by` and `judged_at` belong to the newest judgement
    of a person that stands on the company.
    """

    uen: str
    name: str | None
    entity_status: str | None
    ssic: str | None
    ssic_title: str | None
    outcome: str
    reason: str
    reason_text: str
    website: str | None
    level: str | None
    points: int | None
    evidence: tuple[str, ...]
    emails: tuple[str, ...]
    emails_kind: tuple[str, ...]
    emails_status: tuple[str, ...]
    emails_hidden: int
    phones: tuple[str, ...]
    postal_code: str | None
    address: str | None
    linkedin: str | None
    socials: tuple[str, ...]
    about: str | None
    decided_at: datetime
    campaign_id: int | None
    campaign_name: str | None
    job_id: int
    judged_by: str | None
    judged_at: datetime | None


COLUMNS = tuple(field.name for field in fields(Record))


def record_of(row: RecordRow, titles: Mapping[str, str]) -> Record:
    """A stored company as a record.

    Args:
        titles: SSIC titles by code, digits without leading zeros.
    """
    found = found_in(row.detail) if row.kind == "enriched" else Found()
    ssic = ssic_digits(row.ssic_code)
    reason = row.reason
    return Record(
        uen=row.uen,
        name=row.name,
        entity_status=_text(row.entity_status) or None,
        ssic=ssic and ssic.zfill(SSIC_DIGITS),
        ssic_title=titles.get(ssic or "") or _text(row.ssic_description) or None,
        outcome=row.kind,
        reason=reason,
        reason_text=in_words(reason),
        website=found.website,
        level=row.level or found.level if found.website else None,
        points=found.points,
        evidence=found.evidence,
        emails=found.emails,
        emails_kind=found.emails_kind,
        emails_status=found.emails_status,
        emails_hidden=found.emails_hidden,
        phones=found.phones,
        postal_code=found.postal_code or _text(row.postal_code) or None,
        address=address_of(row),
        linkedin=found.linkedin,
        socials=found.socials,
        about=row.about,
        decided_at=row.ended_at,
        campaign_id=row.campaign_id,
        campaign_name=row.campaign_name,
        job_id=row.job_id,
        judged_by=row.judged_by,
        judged_at=row.judged_at,
    )


def as_object(record: Record, zone: ZoneInfo) -> dict[str, Any]:
    """The record for JSON: lists as arrays, moments as RFC 3339 with the offset of `zone`."""
    return {name: _value(getattr(record, name), zone) for name in COLUMNS}


def _value(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return list(value) if isinstance(value, tuple) else value


def address_of(row: RecordRow) -> str | None:
    """The registry's address on one line: block and street, unit, building, postal code; None when it has none."""
    street = " ".join(part for part in (_text(row.block), _text(row.street_name)) if part)
    level, unit = _text(row.level_no), _text(row.unit_no)
    where = f"#{level}-{unit}" if level and unit else (unit or level or "")
    lines = (
        street,
        where,
        _text(row.building_name),
        _text(row.other_address_line1),
        _text(row.other_address_line2),
    )
    known = [line for line in lines if line]
    postal = _text(row.postal_code)
    return ", ".join([*known, f"Singapore {postal}"] if known and postal else known) or None


def _text(cell: object) -> str:
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() == "na" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The part of a record that comes from the stored detail of a decision."""

    website: str | None = None
    level: str | None = None
    """By the present thresholds; a decision that stored its level keeps that one."""
    points: int | None = None
    evidence: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    emails_kind: tuple[str, ...] = ()
    emails_status: tuple[str, ...] = ()
    emails_hidden: int = 0
    phones: tuple[str, ...] = ()
    postal_code: str | None = None
    linkedin: str | None = None
    socials: tuple[str, ...] = ()


def found_in(detail: Mapping[str, Any]) -> Found:
    """Read the detail of an outcome; values that are missing or of another type are left out."""
    site = _mapping(detail.get("site"))
    seen = [_mapping(each) for each in _list(site.get("evidence"))]
    emails = [_mapping(each) for each in _list(detail.get("emails"))]
    shown = [email for email in emails if email.get("address")]
    socials = [_mapping(each) for each in _list(detail.get("socials"))]
    points = site.get("points")
    signals = tuple(f"{each['signal']} ({each['url']})" for each in seen if each.get("signal") and each.get("url"))
    return Found(
        website=site.get("domain"),
        points=points if isinstance(points, int) else None,
        level=level_of(points, judged=is_judged(str(each.get("signal")) for each in seen))
        if isinstance(points, int)
        else None,
        evidence=signals,
        emails=tuple(str(email["address"]) for email in shown),
        emails_kind=tuple(str(email.get("kind") or "") for email in shown),
        emails_status=tuple(str(_mapping(email.get("verdict")).get("status") or "unverified") for email in shown),
        emails_hidden=sum(1 for email in emails if not email.get("address") and email.get("address_hash")),
        phones=tuple(
            str(phone["number"]) for phone in map(_mapping, _list(detail.get("phones"))) if phone.get("number")
        ),
        postal_code=_mapping(detail.get("postal_code")).get("value"),
        linkedin=next(
            (str(each["url"]) for each in socials if each.get("network") == "linkedin" and each.get("url")), None
        ),
        socials=tuple(str(each["url"]) for each in socials if each.get("network") != "linkedin" and each.get("url")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
