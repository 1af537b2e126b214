"""The field history: what an answer changes, what never stands in it, and how it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from db.builders import AT
from records.test_record_pages import decided

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.records import field_history
from acra_express_async.db.records.field_history import Change, FieldHistory
from acra_express_async.db.session.pool import Connection, Database

UEN = "201912345K"
DAY = timedelta(days=1)


def a_detail(**more: Any) -> dict[str, Any]:
    return {
        "site": {"domain": "lotus.sg", "points": 90},
        "emails": [
            {"address": "sales@lotus.sg", "kind": "role"},
            {"address": "info@lotus.sg", "kind": "role", "verdict": {"status": "valid"}},
        ],
        "phones": [{"number": "+6562223333"}, {"number": "+6561112222"}],
        "postal_code": {"value": "637123"},
        "socials": [
            {"network": "linkedin", "url": "https://www.linkedin.com/company/lotus"},
            {"network": "facebook", "url": "https://www.facebook.com/lotus"},
        ],
    } | more


async def changes(
    database: Database, since: datetime = AT - DAY, uens: frozenset[str] | None = None
) -> list[tuple[str, Any, Any]]:
    return [(change.field, change.before, change.after) for change in await listed(database, since, uens)]


async def listed(database: Database, since: datetime = AT - DAY, uens: frozenset[str] | None = None) -> list[Change]:
    return [change async for page in FieldHistory(database).pages(since, uens) for change in page]


async def test_a_first_answer_changes_every_field_it_fills(owner: Connection, database: Database) -> None:
    await decided(owner, UEN, detail=a_detail())
    assert await changes(database) == [
        ("emails", None, ["info@lotus.sg", "sales@lotus.sg"]),
        ("emails_status", None, ["info@lotus.sg valid", "sales@lotus.sg unverified"]),
        ("linkedin", None, "https://www.linkedin.com/company/lotus"),
        ("outcome", None, "enriched"),
        ("phones", None, ["+6561112222", "+6562223333"]),
        ("postal_code", None, "637123"),
        ("socials", None, ["https://www.facebook.com/lotus"]),
        ("website", None, "lotus.sg"),
    ]


async def test_only_what_differs_is_a_change(owner: Connection, database: Database) -> None:
    await decided(owner, UEN, detail=a_detail())
    moved = a_detail(
        site={"domain": "lotus.com.sg", "points": 70},
        emails=list(reversed(a_detail()["emails"])),
        phones=[{"number": "+6561112222"}],
    )
    await decided(owner, UEN, at=AT + DAY, job=2, detail=moved)
    assert await changes(database, AT + DAY) == [
        ("phones", ["+6561112222", "+6562223333"], ["+6561112222"]),
        ("website", "lotus.sg", "lotus.com.sg"),
    ]
    await decided(owner, UEN, at=AT + 2 * DAY, job=3, detail=moved)
    assert await changes(database, AT + 2 * DAY) == []


async def test_a_lost_website_ends_every_field(owner: Connection, database: Database) -> None:
    await decided(owner, UEN, detail={"site": {"domain": "lotus.sg", "points": 90}})
    await decided(owner, UEN, "failed", at=AT + DAY, job=2, reason="provider_unavailable", detail=None)
    await decided(owner, UEN, "no_website", at=AT + 2 * DAY, job=3, reason="parked", detail={"emails": []})
    assert await changes(database, AT + DAY) == [
        ("outcome", "enriched", "no_website"),
        ("reason", None, "parked"),
        ("website", "lotus.sg", None),
    ]


@pytest.mark.parametrize(("before", "change"), [(None, []), ("unsure", [("level", "unsure", "certain")])])
async def test_a_level_that_was_never_stored_is_no_change(
    owner: Connection, database: Database, before: str | None, change: list[tuple[str, Any, Any]]
) -> None:
    """The previous version of the service stores none."""
    await decided(owner, UEN, detail={"site": {"domain": "lotus.sg"}}, level=before)
    await decided(owner, UEN, at=AT + DAY, job=2, detail={"site": {"domain": "lotus.sg"}}, level="certain")
    assert await changes(database, AT + DAY) == change


async def test_addresses_of_people_are_only_counted(owner: Connection, database: Database, hashes: AddressHash) -> None:
    """Also those that STORE_PERSONAL_EMAILS allowed into the outcome."""
    emails = [
        {"address": "mei.tan@lotus.sg", "kind": "person"},
        {"address_hash": hashes.text("lim@lotus.sg"), "kind": "person"},
    ]
    await decided(owner, UEN, detail={"site": {"domain": "lotus.sg"}, "emails": emails})
    assert ("emails_hidden", None, 2) in await changes(database)
    kept = str(await owner.fetch("SELECT * FROM acra_express.field_history"))
    assert "mei.tan" not in kept
    assert hashes.text("lim@lotus.sg") not in kept


@pytest.mark.parametrize(
    "detail",
    [
        [],
        {"site": "lotus.sg", "emails": "x", "phones": [1, None], "socials": {}},
        {"emails": [None, 1, {"kind": "role"}, {"kind": "role", "address": {"a": 1}}, {"address": "a@b.sg"}]},
        {"emails": [{"kind": "role", "address": "a@b.sg", "verdict": "valid"}], "postal_code": [], "site": []},
    ],
    ids=str,
)
async def test_a_detail_of_any_shape_is_no_error(owner: Connection, database: Database, detail: Any) -> None:
    await decided(owner, UEN, detail=detail)
    assert ("outcome", None, "enriched") in await changes(database)


async def test_pages_go_on_where_the_last_one_ended(
    owner: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_history, "PAGE", 3)
    for number, uen in enumerate("ABC"):
        await decided(owner, uen, at=AT + number * DAY, job=number, detail=a_detail())
    found = await listed(database)
    assert [(change.uen, change.field) for change in found] == sorted((c.uen, c.field) for c in found)
    assert len(found) == 3 * 8
    assert {change.uen for change in await listed(database, AT + DAY)} == {"B", "C"}
    assert {change.uen for change in await listed(database, uens=frozenset("AC"))} == {"A", "C"}


OPT_OUTS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("company", UEN, {}),
    ("domain", "lotus.sg", {"phones": ["+6561112222", "+6562223333"]}),
    ("address", "info@lotus.sg", {"emails": ["sales@lotus.sg"], "emails_status": ["sales@lotus.sg unverified"]}),
]


@pytest.mark.parametrize(("kind", "value", "left"), OPT_OUTS, ids=[kind for kind, _, _ in OPT_OUTS])
async def test_what_opted_out_after_the_change_never_leaves(
    owner: Connection, database: Database, hashes: AddressHash, kind: str, value: str, left: Mapping[str, Any]
) -> None:
    await decided(owner, UEN, detail=a_detail())
    await owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ($1, $2, now())",
        kind,
        hashes.text(value) if kind == "address" else value,
    )
    found = {field: after for field, _, after in await changes(database)}
    assert found.items() >= left.items()
    assert value not in str(found)


async def test_old_changes_are_pruned_in_bounded_steps(
    owner: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_history, "PRUNED_AT_ONCE", 5)
    now = await owner.fetchval("SELECT now()")
    await decided(owner, "A", at=now - 401 * DAY, detail=a_detail())
    await decided(owner, "B", at=now - 399 * DAY, detail=a_detail())
    history = FieldHistory(database)
    assert [await history.prune(400 * DAY) for _ in range(3)] == [5, 3, 0]
    assert {change.uen for change in await listed(database, now - 500 * DAY)} == {"B"}
