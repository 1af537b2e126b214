"""How the cost of reading a page grows with its length: hostile pages of n and 8 n characters, alternating."""

from __future__ import annotations

from functools import partial

from extract.hostile import REPEATED, cpu_seconds, everything, of_length, peak_megabytes

LENGTH, FACTOR = 10_000, 8
"""Both lengths lie below the 100,000 characters that are read of a page, so that the cut hides nothing."""

MEGABYTE = 1_000_000


def pages() -> list[tuple[str, ...]]:
    """Rows: content of the page, CPU ms at n and at 8 n characters, their ratio, peak MB for a page of one megabyte."""
    rows = []
    for name, piece in REPEATED.items():
        little, much, megabyte = (of_length(piece, length) for length in (LENGTH, LENGTH * FACTOR, MEGABYTE))
        one, eight = cpu_seconds(partial(everything, little)), cpu_seconds(partial(everything, much))
        peak = peak_megabytes(partial(everything, megabyte))
        rows.append((name, f"{one * 1e3:.1f}", f"{eight * 1e3:.1f}", f"{eight / one:.1f}", f"{peak:.1f}"))
    return sorted(rows, key=lambda row: -float(row[3]))
