"""The world: repeatable from a seed, found by sensible queries, and consistent with its truth."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.shared_data import shared

from acra_express_async.extract.queries import EXCLUDED
from acra_express_async.models import Company, CompanyId
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.world import Truth, World
from acra_express_async.sandbox.world.firms import core_words, firm_of, joined, words


def host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def everything_read(world: World, truth: Truth) -> str:
    """The text of the home page and of every page of the site that it links to, without images."""
    assert truth.domain is not None
    home = world.page(f"https://{truth.domain}/")
    links = [url for _, url in home.links() if host(url) == truth.domain]
    return "\n".join(page.markdown(images=False) for page in [home, *map(world.page, links)])


def decoded(text: str) -> str:
    """The text with every obfuscated mail address resolved, as a patient person would."""
    for match in re.findall(r"/cdn-cgi/l/email-protection#([0-9a-f]+)", text):
        raw = bytes.fromhex(match)
        text += "\n" + bytes(byte ^ raw[0] for byte in raw[1:]).decode()
    text = re.sub(r"\s*(?:\[at\]|\(at\)|\\@)\s*", "@", text)
    return re.sub(r"\s*\[dot\]\s*", ".", text)


def test_the_same_seed_gives_the_same_bytes(rows: list[dict[str, str]], world: World) -> None:
    again = World(rows, seed=10)
    for row in rows[:60]:
        query = f"{row['entity_name']} Singapore"
        assert again.search(query) == world.search(query)
        assert again.truth(row["uen"]) == world.truth(row["uen"])
        for listing in world.search(query):
            assert again.page(listing.url) == world.page(listing.url)


def test_another_seed_gives_another_world(rows: list[dict[str, str]], world: World) -> None:
    other = world.redrawn(seed=11)
    differing = sum(other.truth(row["uen"]) != world.truth(row["uen"]) for row in rows)
    assert differing > len(rows) / 2
    assert len(other) == len(world)


def test_an_evicted_draw_is_repeated_identically(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acra_express_async.sandbox.world.world.KEPT", 3)
    small = world.redrawn()
    assert [small.truth(uen) for uen in small.uens()] == [world.truth(uen) for uen in world.uens()]
    assert len(small._presences) == 3


def test_a_world_survives_a_json_round_trip(world: World, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    world.to_json(path)
    again = World.from_json(path)
    assert [again.firm(uen) for uen in again.uens()] == [world.firm(uen) for uen in world.uens()]
    assert [again.truth(uen) for uen in again.uens()] == [world.truth(uen) for uen in world.uens()]


def test_a_world_can_be_built_from_service_companies(rows: list[dict[str, str]]) -> None:
    company = Company(
        CompanyId(7),
        uen="201736405N",
        name="SERUNAI IT CONSULTING PTE. LTD.",
        former_names=("OLD NAME PTE. LTD.",),
        ssic_code="62021",
        block="12",
        street_name="UBI ROAD 1",
        postal_code="40861",
    )
    firm = firm_of(company)
    assert firm is not None
    assert (firm.uen, firm.name, firm.postal, firm.former_names) == (
        company.uen,
        company.name,
        "040861",
        ("OLD NAME PTE. LTD.",),
    )
    assert firm_of({"uen": "na", "entity_name": "X"}) is None
    assert len(World([company, *rows[:3]])) == 4


def test_kinds_of_sites_occur_at_their_shares() -> None:
    world = World(registry_sample.rows(2_000, seed=2), seed=2)
    kinds = Counter(world.truth(uen).kind for uen in world.uens())
    with_site = 1 - (kinds["none"] + kinds["silent"]) / len(world)
    assert 0.52 < with_site < 0.58
    assert 0.08 < kinds["unlisted"] / (with_site * len(world)) < 0.16
    assert set(kinds) == {
        "none",
        "silent",
        "unlisted",
        "plain",
        "moved",
        "chinese",
        "hosted",
        "brand",
        "acronym",
        "thin",
        "dead",
        "walled",
        "robots",
    }
    everybody = World(registry_sample.rows(200, seed=2), seed=2, site_share=1.0)
    assert all(everybody.truth(uen).own_domain for uen in everybody.uens())


PLAIN, PLACED, RENAMED = "plain", "placed", "renamed"


@pytest.fixture(scope="module")
def findable() -> dict[str, Counter[str]]:
    """For 800 companies: which kinds of query find the site, over all companies with one and in every combination."""
    rows = list(registry_sample.rows(800, seed=4))
    world = World(rows, seed=4)
    finds: dict[str, Counter[str]] = {"shares": Counter(), "alone": Counter()}
    for row in rows:
        truth = world.truth(row["uen"])
        if truth.own_domain is None:
            continue
        finds["shares"]["all"] += 1
        own = {truth.own_domain, *truth.aliases}
        by = {kind for kind, query in queries_of(row).items() if own & set(map(host, found_urls(world, query)))}
        finds["shares"].update(by)
        finds["alone"].update(by if len(by) == 1 else ())
    return finds


def queries_of(row: dict[str, str]) -> dict[str, str]:
    name = " ".join(core_words(row["entity_name"]))
    place = row["postal_code"] if row["postal_code"] != "na" else ""
    queries = {PLAIN: f"{name} Singapore", PLACED: f"{name} {place} contact -site:" + " -site:".join(EXCLUDED)}
    if row["former_entity_name1"] != "na":
        queries[RENAMED] = " ".join(core_words(row["former_entity_name1"])) + " Singapore"
    return queries


def found_urls(world: World, query: str) -> list[str]:
    return [listing.url for listing in world.search(query)]


def test_one_plain_query_finds_some_six_sites_in_ten(findable: dict[str, Counter[str]]) -> None:
    """Offices of statistics found 57.6 to 64.7 % of the true sites with one query to DuckDuckGo, Bing or Yahoo."""
    shares = findable["shares"]
    assert 0.52 <= shares[PLAIN] / shares["all"] <= 0.66


def test_place_and_exclusions_find_some_eight_in_ten(findable: dict[str, Counter[str]]) -> None:
    """With postal code and "contact" they found 72 %, and without known directories up to 87 to 89 %."""
    shares = findable["shares"]
    assert 0.76 <= shares[PLACED] / shares["all"] <= 0.89
    assert shares[PLACED] > 1.2 * shares[PLAIN]


def test_some_sites_are_found_by_one_kind_of_query_only(findable: dict[str, Counter[str]]) -> None:
    alone = findable["alone"]
    assert alone[PLACED] >= 30
    assert alone[RENAMED] >= 3


@pytest.mark.parametrize(
    "spelled",
    [str.lower, str.title, lambda query: query.replace(" ", ", "), lambda query: f"  {query} the ".replace(" ", "  ")],
)
def test_case_and_punctuation_of_a_query_do_not_matter(
    world: World, rows: list[dict[str, str]], spelled: Callable[[str], str]
) -> None:
    for row in rows[:40]:
        query = f"{' '.join(core_words(row['entity_name']))} Singapore"
        assert world.search(spelled(query)) == world.search(query)


def test_a_uen_finds_the_entries_of_its_company(rows: list[dict[str, str]], world: World) -> None:
    for row in rows[:40]:
        if world.truth(row["uen"]).kind != "silent":
            assert any(row["uen"] in page.markdown() for page in map(world.page, found_urls(world, row["uen"])))


def test_a_nonsense_query_finds_nothing(world: World) -> None:
    assert world.search("qwertz asdfgh yxcvbn") == ()
    assert world.search("") == ()
    assert world.search("Singapore Pte Ltd") == ()


def test_the_web_says_nothing_of_a_silent_company(world: World, of_kind: Callable[[str], Truth]) -> None:
    """Others of a similar name turn up instead."""
    truth = of_kind("silent")
    for listing in world.search(f"{truth.name} {truth.uen}"):
        assert truth.uen not in f"{listing.url} {listing.snippet}"
        assert truth.name not in listing.title


def test_every_true_mail_and_number_can_be_read_on_the_site(world: World, truths: list[Truth]) -> None:
    styles = 0
    for truth in truths:
        if truth.domain is None:
            continue
        text = decoded(everything_read(world, truth))
        digits = re.sub(r"[^\d]", "", text)
        for mail in truth.emails:
            assert mail.email in text, truth
            styles += 1
        for number in truth.phones:
            assert number.removeprefix("+65") in digits, truth
            assert phonenumbers.is_valid_number(phonenumbers.parse(number)), number
        if truth.postal_code:
            assert truth.postal_code in text, truth
        assert (truth.uen in text.replace("-", "")) == truth.uen_on_site, truth
    assert styles > 50


def test_the_truth_lists_everything_printed_on_the_site(world: World, truths: list[Truth]) -> None:
    for truth in truths:
        if truth.domain is None:
            continue
        printed = set(re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", decoded(everything_read(world, truth))))
        known = {mail.email for mail in truth.emails} | set(truth.forbidden_emails)
        assert {mail.rstrip(".") for mail in printed} <= known, truth


def test_a_company_without_a_site_has_no_contacts(truths: list[Truth]) -> None:
    for truth in truths:
        if truth.domain is None:
            assert not truth.emails
            assert not truth.phones
            assert truth.postal_code is None


def test_hosts_are_unique_and_resolve(world: World, truths: list[Truth]) -> None:
    domains = [domain for truth in truths for domain in (truth.own_domain, *truth.aliases) if domain]
    assert len(set(domains)) == len(domains)
    assert world.page("https://nobody-has-this-host.com.sg/").failure == "dns"


def test_namesakes_get_different_hosts() -> None:
    row = next(iter(registry_sample.rows(1)))
    twins = [{**row, "uen": registry_sample.uen("company", serial, 2015)} for serial in range(40)]
    world = World(twins, site_share=1.0)
    truths = [world.truth(twin["uen"]) for twin in twins]
    domains = [truth.own_domain for truth in truths]
    assert None not in domains
    assert len(set(domains)) == len(twins)
    for truth in truths:
        for mail in truth.emails:
            if mail.kind != "freemail":
                assert mail.email.endswith("@" + str(truth.domain)), "mail moves with the host"
    assert any(set(truth.trap_domains) & set(domains) for truth in truths), "namesakes are traps for each other"


def test_lookalikes_lack_the_proofs_of_the_company(world: World, truths: list[Truth]) -> None:
    kinds: Counter[str] = Counter()
    for truth in truths:
        for listing in world.search(truth.name):
            trap = host(listing.url)
            if trap not in truth.trap_domains or trap in ("lionlistings.com.sg", "sgfirmfile.com", "firmatlas.sg"):
                continue
            page = world.page(listing.url)
            text = page.markdown() + world.page(listing.url + "contact").markdown()
            assert truth.uen not in text.replace("-", "")
            kinds["parked" if "for sale" in text else "local" if "Pte. Ltd." in text else "foreign"] += 1
    assert kinds.keys() == {"parked", "local", "foreign"}


def test_directories_list_the_company_and_others(world: World, truths: list[Truth]) -> None:
    truth = truths[5]
    page = world.page(f"https://www.lionlistings.com.sg/biz/{truth.uen}-x")
    text = page.markdown()
    assert truth.uen in text
    assert "Claim this listing" in text
    assert len(set(re.findall(r"UEN (\w+)", text))) >= 3
    assert "support@lionlistings.com.sg" in text
    assert world.page("https://sgfirmfile.com/company/nobody-199900001A").http_status == 404


@pytest.mark.parametrize("kind", ["dead", "walled", "robots"])
def test_an_unreadable_site_is_not_an_expected_answer(world: World, truths: list[Truth], kind: str) -> None:
    for truth in truths:
        if truth.kind != kind:
            continue
        assert truth.domain is None
        assert truth.may_abstain
        page = world.page(f"https://{truth.own_domain}/")
        walled = not page.failure and page.reading().suspects_captcha
        assert page.failure or walled or page.robots_denied or page.http_status >= 400


def test_an_old_domain_leads_to_the_new_site(world: World, of_kind: Callable[[str], Truth]) -> None:
    truth = of_kind("moved")
    page = world.page(f"https://www.{truth.aliases[0]}/")
    assert host(page.url) == truth.domain


def test_mailboxes_have_every_status_and_ignore_case(world: World, truths: list[Truth]) -> None:
    boxes = {mail.email: world.mailbox(mail.email) for truth in truths for mail in truth.emails}
    assert {box.status for box in boxes.values()} >= {"valid", "do_not_mail", "catch-all", "invalid"}
    hidden = sum(bool(box.unknown) for box in boxes.values()) / len(boxes)
    assert 0 < hidden < 0.12
    address = next(iter(boxes))
    assert world.mailbox(address.upper()) == boxes[address]
    never_printed = "never.printed@" + address.partition("@")[2]
    assert world.mailbox(never_printed).status in ("invalid", "catch-all")
    assert world.mailbox("a@no-such-host.sg").sub_status == "no_dns_entries"
    assert world.mailbox("not an address").sub_status == "failed_syntax_check"


def test_the_real_sample_makes_a_world() -> None:
    world = World.from_csv(shared("acra_real_sample.csv"), seed=3)
    assert len(world) == 81
    for uen in world.uens():
        truth = world.truth(uen)
        listings = world.search(truth.name)
        assert listings or truth.kind == "silent", truth
        assert all(dataclasses.astuple(world.page(listing.url)) for listing in listings)


@given(st.text(max_size=40))
def test_any_text_works_as_a_name_or_query(text: str) -> None:
    assert isinstance(joined(text), str)
    assert all(word == word.casefold() for word in words(text))
    World([{"uen": "201736405N", "entity_name": text or "x"}], site_share=1.0).search(text)
