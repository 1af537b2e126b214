"""What surrounds the content of a site: menus, link columns, cookie banners, filler; none of it identifies the site.

Everything is markdown without facts: no place, trade, name, number or address.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from acra_express_async.sandbox.markup.tokens import token_count

SECTIONS = (
    "Products, Solutions, Industries, Resources, Projects, Events, Support, Downloads, Gallery, Testimonials, "
    "Pricing, Case Studies, Insights, Training, Partners, Community, Quality, Portfolio"
).split(", ")
"""Headings of menus and of footer columns."""
KINDS = (
    "Standard, Premium, Compact, Classic, Modern, Outdoor, Indoor, Custom, Ready-made, Heavy-duty, Lightweight, "
    "Seasonal, Essential, Professional, Advanced, Complete, Portable, Modular, Smart"
).split(", ")
THINGS = (
    "Range, Series, Collection, Packages, Spare Parts, Accessories, Maintenance, Upgrades, Rentals, Workshops, "
    "Guides, Catalogue, Repairs, Installation, Consultation, Programmes, Samples, Kits"
).split(", ")
DECOYS = ("Contact Lenses", "Contactless Payment", "Office Furniture", "Company Secretary", "Reach Trucks")
"""Labels with the words of a contact or about page that lead to neither."""

SENTENCES = (
    "Every order is checked twice before it leaves our hands.",
    "We plan each step with you and tell you early when something changes.",
    "New colleagues learn the work beside those who have done it for years.",
    "The result should still please you long after the invoice is forgotten.",
    "Most requests are answered on the day they arrive.",
    "What began as a side project is now what we are asked for most.",
    "You decide how much of the work you want to hand over.",
    "Our stock changes with the seasons, so have a look from time to time.",
    "A clear plan saves more money than a low price.",
    "We keep notes of every job, so nobody has to explain things twice.",
    "Small batches are welcome, and samples are free of charge.",
    "Good tools and enough time are the whole secret.",
    "Those who come back tell us that reliability is what counts.",
    "The first meeting costs nothing and commits you to nothing.",
    "Where a standard solution does not fit, we build one that does.",
    "Older items can usually be repaired instead of replaced.",
    "We measure our work by how rarely you need to call us afterwards.",
    "Details matter: a loose screw can spoil a good day.",
)
QUOTES = (
    ("They did what they promised, on the day they promised it.", "A happy customer"),
    ("Friendly from the first mail to the last visit.", "Facilities manager"),
    ("The best we have worked with so far.", "Owner of a small shop"),
    ("We asked for a lot and got a little more.", "Project lead"),
)
COOKIES = (
    (
        "We use cookies to improve your experience. By continuing to browse you agree to our use of cookies. "
        "[Learn more](/cookie-policy)\n\nAccept all\n\nManage preferences"
    ),
    (
        "This website stores cookies on your computer. These cookies are used to collect information about how you "
        "interact with our website and allow us to remember you. We use this information to improve and customise your "
        "browsing experience. [Cookie policy](/cookie-policy)\n\nAccept\n\nDecline"
    ),
    (
        "**Your privacy**\n\nStrictly necessary cookies are always active. Performance cookies help us to understand "
        "how visitors use the site. Functional cookies remember your choices. Targeting cookies may be set through our "
        "site by advertising partners. [Privacy settings](/privacy-settings)\n\nReject all\n\nConfirm my choices\n\n"
        "Allow all"
    ),
)


LONG_BODY = 1_000
"""Tokens."""


def links_worth(tokens: int, root: str, dice: Random) -> Iterator[str]:
    """Entries of a menu or column, as markdown list items, that cost `tokens` together.

    Args:
        tokens: to spend.
        root: scheme and host of the site, which all entries stay on.
        dice: draws them.
    """
    while tokens > 0:
        label = f"{dice.choice(KINDS)} {dice.choice(THINGS)}"
        if dice.random() < 0.35:
            label += f" {dice.choice('ABCDEFGHKLMNPRSTVX')}{dice.randrange(1, 90) * 10}"
        slug = label.lower().replace(" ", "-")
        folder = dice.choice(SECTIONS).lower().replace(" ", "-")
        entry = f"*   [{label}]({root}/{folder}/{slug}{dice.choice(('', '', '/', '.html'))})"
        tokens -= token_count(entry) + 1
        yield entry


def menu_worth(tokens: int, root: str, dice: Random) -> str:
    """Nested menu entries that cost about `tokens`; empty for zero tokens."""
    lines: list[str] = []
    for entry in links_worth(tokens, root, dice):
        if len(lines) % 7 == 0:
            section = dice.choice(SECTIONS)
            lines.append(f"*   [{section}]({root}/{section.lower().replace(' ', '-')})")
        lines.append(f"    {entry}")
    return "\n".join(lines)


def columns_worth(tokens: int, root: str, dice: Random) -> list[str]:
    """Columns of a footer, each a heading with links, that cost about `tokens` together."""
    columns: list[list[str]] = []
    for number, entry in enumerate(links_worth(tokens, root, dice)):
        if number % 8 == 0:
            columns.append([f"#### {dice.choice(SECTIONS)}\n"])
        columns[-1].append(entry)
    return ["\n".join(column) for column in columns]


def filler_worth(tokens: int, root: str, dice: Random) -> list[str]:
    """Sections of a page that cost about `tokens`: paragraphs, and cards with a link to read on."""
    sections: list[str] = []
    cards = 0.5 if tokens < LONG_BODY else 0.9  # long pages are mostly lists
    while tokens > 0:
        is_card = dice.random() < cards
        text = " ".join(dice.sample(SENTENCES, 1 if is_card else dice.randint(2, 4)))
        if is_card:
            label = f"{dice.choice(KINDS)} {dice.choice(THINGS)}"
            address = f"{root}/{dice.choice(SECTIONS).lower().replace(' ', '-')}/{label.lower().replace(' ', '-')}"
            title, more = (
                (f"[{label}]({address})", "") if dice.random() < 0.6 else (label, f"\n\n[Read more]({address})")
            )
            text = f"### {title}\n\n{text}{more}"
        sections.append(text)
        tokens -= token_count(text) + 2
    return sections
