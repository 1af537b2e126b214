"""Words of a trade: what they resolve to, and what an operator reads when they resolve to nothing."""

from __future__ import annotations

import pytest
import pytest_asyncio

from acra_express_async.db.companies.selection import Selection
from acra_express_async.db.registry.ssic_codes import codes_in_words, codes_of
from acra_express_async.db.schema.platform_shape import PlatformShape, probe
from acra_express_async.db.session.pool import Connection, Database
from acra_express_async.errors import JobError
from acra_express_async.params import StagingParams
from acra_express_async.registry.nearest_titles import nearest_titles

TITLES = {
    "10711": "Manufacture of bread, cakes and confectionery (excluding frozen bakery products)",
    "47219": "Retail sale of bakery goods",
    "56111": "Restaurants",
    "64120": "Banks",
    "01111": "Growing of leafy vegetables",
}


@pytest_asyncio.fixture
async def shape(owner: Connection) -> PlatformShape:
    await owner.executemany(
        "INSERT INTO ssic_ref (code, title, version, source_file_hash) VALUES ($1, $2, 'v', 'h')", list(TITLES.items())
    )
    await owner.executemany(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description, primary_ssic_code,"
        " business_constitution_description) VALUES ($1, 'A', $2, $3, $4)",
        [
            ("201900001K", "Live Company", 10711, None),
            ("201900002K", "Live Company", 10711, "Sole-Proprietor"),
            ("201900003K", "Struck Off", 10711, None),
            ("201900004K", "Live Company", 47219, None),
            ("201900005K", "Live Company", 1111, None),
        ],
    )
    return await probe(owner)


async def test_terms_show_codes_with_their_live_companies(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    async with database.session() as connection:
        found = await codes_in_words(connection, "bakery", shape)
        assert [(line.code, line.companies, line.sole) for line in found] == [("10711", 2, 1), ("47219", 1, 0)]
        assert found[1].title == "Retail sale of bakery goods"
        [leafy] = await codes_in_words(connection, "011", shape)
        assert (leafy.code, leafy.companies) == ("01111", 1)
        with pytest.raises(JobError, match="'99999' matches no live company and no title"):
            await codes_in_words(connection, "99999", shape)


async def test_a_misspelt_term_is_answered_with_near_titles(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    async with database.session() as connection:
        with pytest.raises(JobError) as refused:
            await codes_of(connection, ["bakrey"], [], shape)
        assert str(refused.value) == (
            "term 'bakrey' matches no SSIC code; the nearest titles: Retail sale of bakery goods (47219), "
            "Manufacture of bread, cakes and confectionery (excluding frozen bakery products) (10711)"
        )
        await owner.execute("DELETE FROM ssic_ref")
        with pytest.raises(JobError, match=r"ssic_ref is empty: acra-express load-ssic FILE fills it"):
            await codes_of(connection, ["bakery"], [], shape)


@pytest.mark.parametrize(
    ("term", "codes"),
    [
        ("resturant", ["56111"]),
        ("leafy vegtables", ["01111"]),
        ("bank", ["64120"]),
        ("qwertzuiop", []),
        ("", []),
        ("12", []),
    ],
)
def test_nearest_titles_compare_word_by_word(term: str, codes: list[str]) -> None:
    assert [near.code for near in nearest_titles(term, TITLES)] == codes


DESCRIPTIONS = {
    "47219": "Examples: cake shops, patisseries; excludes restaurants with seats",
    "64120": "Full banks, wholesale banks, merchant banks",
}


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("patiseries", ["Retail sale of bakery goods (47219, for “patisseries”)"]),
        ("mercant bank", ["Banks (64120, for “merchant”)"]),
        ("resturants", ["Restaurants (56111)", "Retail sale of bakery goods (47219, for “restaurants”)"]),
        ("qwertzuiop", []),
    ],
)
def test_nearest_titles_know_the_descriptions(term: str, said: list[str]) -> None:
    assert [str(near) for near in nearest_titles(term, TITLES, DESCRIPTIONS)] == said


async def test_a_word_of_a_description_leads_to_its_title(
    owner: Connection, database: Database, shape: PlatformShape
) -> None:
    await owner.executemany("UPDATE ssic_ref SET description = $2 WHERE code = $1", list(DESCRIPTIONS.items()))
    async with database.session() as connection:
        with pytest.raises(JobError) as refused:
            await codes_of(connection, ["patiserries"], [], shape)
    assert str(refused.value) == (
        "term 'patiserries' matches no SSIC code; the nearest titles: Retail sale of bakery goods (47219, for "
        "“patisseries”)"
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("99999", "SSIC code '99999' matches no live company and no title"),
        ("4721", "SSIC code '4721' matches no live company and no title; codes that begin so: 47219"),
    ],
)
async def test_a_code_that_matches_nothing_is_refused(
    database: Database, shape: PlatformShape, code: str, said: str
) -> None:
    selection = Selection(database, shape=shape, include_sole_proprietors=False, recheck_days=7, hold_nights=2)
    with pytest.raises(JobError) as refused:
        await selection.count(StagingParams.parse({"ssic_codes": ["10711", code]}))
    assert str(refused.value) == said
    assert await selection.count(StagingParams.parse({"ssic_codes": ["10711", "56111", "1111"]})) == 2
