"""The benchmark of memory measures what is shipped."""

from __future__ import annotations

import re
from pathlib import Path

from .soak import ALLOCATOR, FIRST_HOUR, HOURS, ends_of_hours

ROOT = Path(__file__).resolve().parents[2]


def test_image_and_bin_run_set_the_measured_allocator() -> None:
    image = dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
    script = dict(re.findall(r"export (MALLOC_\w+)=.*:-(\d+)}", (ROOT / "bin" / "run").read_text(encoding="utf-8")))
    assert image == script == ALLOCATOR


def test_every_hour_of_a_full_day_has_equal_work() -> None:
    ends = ends_of_hours(FIRST_HOUR * HOURS)
    assert [late - early for early, late in zip([0, *ends], ends, strict=False)] == [FIRST_HOUR] * HOURS
