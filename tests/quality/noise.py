"""Lines that stand on real pages and mean nothing; the cases must come out the same with some of them sprinkled in."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from quality.cases import Case

LINES = (
    "Newsletter: your-name@example.com",
    "Enter your e-mail (e.g. name@domain.com)",
    "Report bugs to 605a7baede844d278b89dc95ae0a9123@sentry-next.wixpress.com",
    "jQuery 3.6.0 | swiper@8.4.5 | bootstrap@5.1.3/dist/css",
    "![Image 3](https://cdn.example.net/files/1/hero-banner@3x.webp)",
    "S$6,888.00 S$5,999.00 Add to cart",
    "Licence No. EA 12C5498",
    "GST Reg No. M2-0098765-4",
    "Lat 1.30042, Lng 103.84561",
    "Trading hours 1000 - 2200",
    "Copyright © 2009 - 2026",
    "ISO 9001:2015 | ISO 45001:2018 | bizSAFE STAR",
    "Use of this site constitutes acceptance of our [Terms](/terms) and [Privacy Policy](/privacy)",
    "[Home](/) [About](/about) [Products](/products) [Contact](/contact)",
    "* Home * About * Services * Contact",
    "English | 中文",
    "[Skip to content](#main)",
    "We use cookies to improve your experience. Accept all",
    "Website by Pixel Peak Studio | studio@pixelpeak.agency",
    "Google Rating 4.8 (1,234 reviews)",
    "Order ID 61234567",
    "Bank: UOB 601-234-5678",
    "Follow us: Facebook Instagram LinkedIn",
)


def noisy(case: Case, random: Random) -> Case:
    """The case with three such lines before or behind the text of every page that can be read."""
    pages = {}
    for url, page in case.pages.items():
        text = page.text
        for line in random.sample(LINES, 3):
            text = f"{line}\n\n{text}" if random.random() < 0.5 else f"{text}\n\n{line}\n"
        pages[url] = replace(page, text=text) if page.usable else page
    return replace(case, pages=pages)
