"""Whatever a page holds: no crash, and work that grows with its length, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from extract.builders import company, hit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acra_express_async.extract.about import about_of
from acra_express_async.extract.candidates import candidates_in
from acra_express_async.extract.cleaning import MAX_CHARS, clean
from acra_express_async.extract.emails import MAX_PER_PAGE
from acra_express_async.extract.identity import judge
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.names import name_of
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.places import postal_code_of
from acra_express_async.extract.plan import names_for
from acra_express_async.extract.reading import leads_from
from acra_express_async.extract.socials import socials_of
from acra_express_async.models import Company, Link, Page, SearchHit

FIRM = company()
NAMES = names_for(FIRM)
DOMAIN = "orchidhardware.sg"
CANDIDATE = candidates_in([hit(f"https://{DOMAIN}/", "Orchid Hardware")], FIRM, NAMES)[0]


def everything(text: str, title: str = "", links: tuple[Link, ...] = ()) -> tuple[object, ...]:
    """Every reader of a page, once."""
    pages = [Page(f"https://{DOMAIN}/", title, text, links)]
    return (
        judge(CANDIDATE, pages, FIRM, NAMES),
        emails_of(pages, DOMAIN, FIRM, NAMES),
        phones_of(pages),
        postal_code_of(pages, FIRM),
        socials_of(pages),
        about_of(pages, NAMES),
        leads_from(pages, DOMAIN),
    )


PIECES = st.sampled_from(
    ["@", "info@x.com.sg", "(at)", " dot ", "[", "](", ")", "|", "\\", "&#64;", "+65 ", "6741 1100", "#01-", "S(",
     "415874", "\u0301", "\u200b", "\ud800", "\x00", "联系", "\ufdfa", "\u0456nfo@", "mailto:", "%40", "https://",
     "/cdn-cgi/l/email-protection#2f4c", "wa.me/", "© ", "Pte Ltd", "201506781N", "\n", "\r\n", " ", "x", "9"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.lists(PIECES | st.text(max_size=20), max_size=60).map("".join), title=st.text(max_size=40))
def test_no_page_breaks_a_reader_and_every_page_reads_the_same_twice(text: str, title: str) -> None:
    assert everything(text, title) == everything(text, title)


@settings(max_examples=100, deadline=None)
@given(
    name=st.text(min_size=1, max_size=80),
    urls=st.lists(st.text(max_size=60) | st.text(max_size=30).map("https://{}".format), max_size=6),
    title=st.text(max_size=60),
)
def test_no_result_and_no_name_breaks_discovery(name: str, urls: list[str], title: str) -> None:
    firm = Company(FIRM.company_id, FIRM.uen, name)
    hits = [SearchHit(rank, title, url, title) for rank, url in enumerate(urls, start=1)]
    names = (name_of(name),)
    for found in candidates_in(hits, firm, names):
        assert found.domain
        assert judge(found, [Page(found.urls[0], title, title)], firm, names).site.domain == found.domain


@given(st.binary(max_size=2000))
def test_bytes_of_any_kind(raw: bytes) -> None:
    everything(raw.decode("utf-8", "surrogateescape"))
    everything(raw.decode("latin-1"))


def test_a_hundred_thousand_addresses_are_bounded() -> None:
    text = " ".join(f"user{number}@{DOMAIN}" for number in range(100_000))
    pages = [Page(f"https://{DOMAIN}/", "", text)]
    assert len(emails_of(pages, DOMAIN, FIRM, NAMES)) <= MAX_PER_PAGE


def test_megabytes_are_cut_before_anything_looks_at_them() -> None:
    assert len(clean("[(" * 3_000_000)) <= MAX_CHARS
    assert len(clean("ﷺ" * 200_000)) <= MAX_CHARS


REPEATED = {
    "brackets": "[",
    "pairs": "[(",
    "ats": "a@",
    "bracketed": "(at)",
    "dots": "a.",
    "digits": "9",
    "spaced_digits": "9 ",
    "groups": "6741 ",
    "letters": "a ",
    "spoken": "x at y dot ",
    "escapes": "\\",
    "entities": "&#",
    "marks": "\u0301\u0316",
    "links": "[a](http://x.sg/contact) ",
    "names": "Abc Def Pte ",
    "imprint": "© Abc Def Ghi ",
    "blanks": " ",
    "lines": "\n",
    "codes": "/cdn-cgi/l/email-protection#",
    "units": "#01-",
    "chats": "api.whatsapp.com/send?",
    "phrases": "domain is ",
}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of the quickest of three runs; no wall clock, so a busy machine does not matter."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED.keys())
def test_work_grows_with_the_length(piece: str) -> None:
    small, factor = 3000, 8
    little = piece * (small // len(piece))
    # Eight times the text may cost eight times the work; a square would cost sixty-four times. Between the two lies
    # room for all that a shared machine does to a measurement; what takes no time at all proves nothing either way.
    ratio = cpu_seconds(lambda: everything(little * factor)) / max(cpu_seconds(lambda: everything(little)), 0.002)
    assert ratio < 3 * factor
