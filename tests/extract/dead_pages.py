"""Pages of gone sites and of living ones that use the same words, as registrars, builders, panels and firms print them.

`pages/dead.jsonl` and `pages/living.jsonl` hold one page a line: a name, what is left (`end`, for dead ones), title and
text as Jina Reader gives them, and in `menu` how many other pages of the site it links to. The site is that of
Brightway Marine Supplies unless `url` says otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from acra_express_async.models import Link, Page

HOME = "https://www.brightwaymarine.com.sg/"
_PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as Jina Reader shows it; `end` is '' for a living site."""

    name: str
    title: str
    text: str
    end: str = ""
    menu: int = 0
    url: str = HOME

    def page(self) -> Page:
        """The page with its links."""
        links = tuple(Link(f"Page {number}", f"{self.url}page-{number}") for number in range(self.menu))
        return Page(self.url, self.title, self.text, links=links)


def shown_in(name: str) -> tuple[Shown, ...]:
    """The pages of one file."""
    lines = (_PAGES / f"{name}.jsonl").read_text("utf-8").splitlines()
    return tuple(Shown(**json.loads(line)) for line in lines)


DEAD = shown_in("dead")
LIVE = shown_in("living")
