"""How the cost of reading a page grows with its length: hostile pages of n and 8 n characters, alternating."""

from __future__ import annotations

from functools import partial

from extract.hostile import REPEATED, cpu_seconds, everything, of_length, peak_megabytes

from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.markup.reader_page import RenderOptions
from acra_express_async.sandbox.world import PageSize, World

LENGTH, FACTOR = 10_000, 8
"""Both lengths are below the limit of 100,000 characters per page, so the limit hides nothing."""

MEGABYTE = 1_000_000


COMPANIES, SEED = 40, 7
"""Of the world whose middle home page is read."""


def pages(size: PageSize) -> list[tuple[str, ...]]:
    """Rows: content of the page, CPU ms at n and at 8 n characters, their ratio, peak MB for a page of one megabyte."""
    rows = []
    for name, piece in {**REPEATED, f"a home page of size {size}": home_page(size)}.items():
        little, much, megabyte = (of_length(piece, length) for length in (LENGTH, LENGTH * FACTOR, MEGABYTE))
        one, eight = cpu_seconds(partial(everything, little)), cpu_seconds(partial(everything, much))
        peak = peak_megabytes(partial(everything, megabyte))
        rows.append((name, f"{one * 1e3:.1f}", f"{eight * 1e3:.1f}", f"{eight / one:.1f}", f"{peak:.1f}"))
    return sorted(rows, key=lambda row: -float(row[3]))


def home_page(size: PageSize) -> str:
    """The text of the home page in the middle of a small world, by length."""
    world = World(list(registry_sample.rows(COMPANIES, seed=SEED)), seed=SEED, page_size=size)
    found = [truth.domain for truth in map(world.truth, world.uens()) if truth.domain]
    wanted = RenderOptions(images="none", links="text")
    texts = sorted((world.page(f"https://{domain}/").reading(wanted).text for domain in found), key=len)
    return texts[len(texts) // 2] + "\n\n"
