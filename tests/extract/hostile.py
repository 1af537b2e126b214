"""Pages designed to break extraction, and a function that runs every extractor on a page."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from extract.builders import company, hit

from acra_express_async.extract.about import about_of
from acra_express_async.extract.candidates import candidates_in
from acra_express_async.extract.dead_sites import remains_told
from acra_express_async.extract.identity import judge
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.next_page import leads_from
from acra_express_async.extract.phones import phones_of
from acra_express_async.extract.places import postal_code_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.extract.socials import socials_of
from acra_express_async.extract.walls import blocked_by
from acra_express_async.models import Link, Page
from acra_express_async.providers.cut_text import without_cut_end
from acra_express_async.providers.reader_links import links_of, with_contact_targets

FIRM = company()
NAMES = names_for(FIRM)
DOMAIN = "orchidhardware.sg"
CANDIDATE = candidates_in([hit(f"https://{DOMAIN}/", "Orchid Hardware")], FIRM, NAMES)[0]


def everything(text: str, title: str = "", links: tuple[Link, ...] = ()) -> tuple[object, ...]:
    """Read the page as a cut one and run every extractor once."""
    links = links_of(None, text, f"https://{DOMAIN}/") or links
    text = with_contact_targets(without_cut_end(text), links)
    pages = [Page(f"https://{DOMAIN}/", title, text, links, description=text)]
    return (
        blocked_by(pages[0]),
        remains_told(text),
        judge(CANDIDATE, pages, FIRM, NAMES),
        emails_of(pages, DOMAIN, FIRM, NAMES),
        phones_of(pages),
        postal_code_of(pages, FIRM),
        socials_of(pages),
        about_of(pages, NAMES),
        leads_from(pages, DOMAIN),
    )


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
    "homoglyphs": "info@оrchidhardware.sg Οrchid Ηardware ",
    "full_width": "６７４１ １１００ ｉｎｆｏ＠ｘ．ｓｇ ",
    "controls": "\x00\x07\x1b[2J\x7f\u202e\ufffeinfo@x.sg\r",
    "surrogates": "\udcff\udcfe\udcc3(info@x.sg",
    "addresses": "abc@orchidhardware.sg ",
    "postals": "Singapore 415874 ",
    "uens": "UEN 201506781N ",
    "cells": "| 6741 1100 ",
}
"""Parts of hostile, broken and careless pages, by what they attack."""


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of the fastest of three runs; it does not depend on the load of the machine."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def of_length(piece: str, characters: int) -> str:
    """The piece repeated to this many characters."""
    return (piece * (characters // len(piece) + 1))[:characters]


def peak_megabytes(work: Callable[[], object]) -> float:
    """The peak memory that the work allocated."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
