"""Opt-outs take effect at once and in any spelling."""

from __future__ import annotations

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.optouts import OptOuts, domain_and_parents, record_opt_out
from acra_express_async.db.session.pool import Connection, Database


async def test_companies_domains_and_addresses_can_be_opted_out(
    database: Database, owner: Connection, hashes: AddressHash
) -> None:
    listed = OptOuts(database, hashes)
    assert not await listed.company("201912345K")
    assert not await listed.domain("lotus.com.sg")
    assert not await listed.address("mei@rose.sg")
    for _ in range(2):
        await record_opt_out(owner, "company", " 201912345k ", hashes)
        await record_opt_out(owner, "domain", "WWW.Lotus.com.sg", hashes)
        await record_opt_out(owner, "address", "Mei@Rose.sg", hashes)
    assert await listed.company("201912345K")
    assert await listed.domain("lotus.com.sg")
    assert await listed.domain("Shop.Lotus.com.sg")
    assert not await listed.domain("notlotus.com.sg")
    assert not await listed.domain("com.sg")
    assert await listed.address("mei@rose.sg")
    assert not await listed.address("info@rose.sg")
    assert await listed.address("anyone@mail.lotus.com.sg")


async def test_an_opted_out_address_is_stored_only_as_a_hash(owner: Connection, hashes: AddressHash) -> None:
    await record_opt_out(owner, "address", "mei@rose.sg", hashes)
    value = await owner.fetchval("SELECT value FROM acra_express.opt_outs")
    assert value == hashes.text("MEI@rose.sg")
    assert value != AddressHash(b"another key").text("mei@rose.sg")
    assert "key" not in repr(hashes)


def test_a_domain_is_checked_with_its_parent_domains() -> None:
    assert domain_and_parents("a.b.com.sg.") == ["a.b.com.sg", "b.com.sg", "com.sg"]
    assert domain_and_parents("localhost") == ["localhost"]
    assert domain_and_parents("sites.google.com/view/lotus") == [
        "sites.google.com/view/lotus",
        "sites.google.com",
        "google.com",
    ]
