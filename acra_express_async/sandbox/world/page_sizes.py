"""Sizes of the parts of real company pages, and draws from them.

The sizes come from 83 pages of 51 companies, schools and clinics (50 home, 29 contact and 4 about pages; a third of
the sites from Singapore), rendered by the open source of Jina Reader: tokens of the markdown with link addresses and
without pictures. Whole home pages had 435 / 1,440 / 5,809 tokens (10th, 50th, 90th percentile), 277 / 844 / 2,654 with
links as text; contact pages 234 / 750 / 2,060. They were exported sites; live corporate sites are heavier, which is
what size 4 stands for. The table is fitted so that whole pages of the world come out alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from acra_express_async.sandbox.draws import unit

PageSize = Literal[0, 1, 4]
"""0: short pages without furniture; 1: as counted; 4: menus and footers four times as large."""
PAGE_SIZE_OF: Mapping[str, PageSize] = {str(size): size for size in get_args(PageSize)}
"""By the text of a command line."""

SHARES = (0.0, 0.10, 0.25, 0.50, 0.75, 0.90, 1.0)
"""Of the pages that are at most as large as the figure at the same place below."""
MENU = (0, 0, 40, 150, 280, 480, 1_050)
FOOTER = (0, 12, 75, 240, 450, 1_350, 4_800)
HOME_BODY = (20, 40, 100, 400, 1_300, 3_600, 9_450)
OTHER_BODY = (20, 30, 50, 90, 220, 600, 4_500)
"""Tokens of a site's menu and footer, and of what stands between them on the home page and on other pages."""


def drawn_tokens(quantiles: Sequence[int], *key: object) -> int:
    """Tokens of one part, drawn by `key` along the quantiles."""
    point = unit(*key)
    for place in range(1, len(SHARES)):
        if point <= SHARES[place]:
            low, high = quantiles[place - 1], quantiles[place]
            way = (point - SHARES[place - 1]) / (SHARES[place] - SHARES[place - 1])
            return round(low + (high - low) * way)
    return quantiles[-1]
