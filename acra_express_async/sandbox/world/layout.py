"""The layout of a site: the look that all its pages share, and the HTML of one page in that look.

A look is drawn once for each host, sizes included; a page brings its own menu entries, body and footer, which stand
where the look puts them. The odd ones are as common as they were on 83 real pages: no footer, no `main`, "footer" in
the class of `body`, footers of testimonials, footers inside footers, cookie dialogues with a footer.
"""

from __future__ import annotations

import html as escaping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from acra_express_async.sandbox.draws import draw
from acra_express_async.sandbox.markup.markdown_html import html_of
from acra_express_async.sandbox.markup.tokens import token_count
from acra_express_async.sandbox.world import furniture
from acra_express_async.sandbox.world.page_sizes import FOOTER, HOME_BODY, MENU, OTHER_BODY, PageSize, drawn_tokens
from acra_express_async.sandbox.world.web import WebPage, document

FooterKind = Literal["footer", "class", "id", "none"]
FOOTER_KINDS: dict[FooterKind, float] = {"footer": 0.74, "class": 0.13, "id": 0.08, "none": 0.05}
"""A `footer` element, a `div` known by its class or by its id, or nothing that says so."""

LOADING = '<div class="spinner">Loading</div>'
FORM = (
    '<form method="post" action="#"><label>Your name</label><input name="name"><label>Message</label>'
    '<textarea name="text"></textarea><div class="g-recaptcha" data-sitekey="0"></div><button>Send</button></form>\n'
)
"""With the word that makes Reader suspect a CAPTCHA on a page with little text."""
MAP = '<iframe src="https://www.google.com/maps/embed?pb=1" loading="lazy" title="Map"></iframe>\n'


@dataclass(frozen=True, slots=True)
class SiteLayout:
    """What all pages of a site share; `menu` and `footer` are in tokens, `root` is scheme and host."""

    root: str
    menu: int
    footer: int
    footer_kind: FooterKind
    cookies: Literal["first", "last", "none"]
    has_main: bool
    menu_twice: bool
    contacts_first: bool
    testimonials: bool
    body_class: str

    def dice(self, *purpose: object) -> Random:
        """A generator for one purpose, the same on every page of the site."""
        return draw("look", self.root, *purpose)


@dataclass(frozen=True, slots=True)
class Extras:
    """Additions to one page: a contact form with a CAPTCHA, a map, a body that a script fills in.

    With `text_last` the text of the page comes after the filler, not before it.
    """

    form: bool = False
    map: bool = False
    scripted: bool = False
    text_last: bool = False


def look_of(root: str, seed: int, size: PageSize) -> SiteLayout:
    """The look of the site at `root`; menu and footer grow with the size."""
    dice = draw(seed, "layout", root)
    return SiteLayout(
        root=root,
        menu=drawn_tokens(MENU, seed, "menu", root) * size,
        footer=drawn_tokens(FOOTER, seed, "footer size", root) * size,
        footer_kind=dice.choices(list(FOOTER_KINDS), list(FOOTER_KINDS.values()))[0],
        cookies=dice.choices(("first", "last", "none"), (30, 30, 40))[0],
        has_main=dice.random() < 0.55,
        menu_twice=dice.random() < 0.5,
        contacts_first=dice.random() < 0.35,
        testimonials=dice.random() < 0.10,
        body_class="home page has-footer sticky-footer" if dice.random() < 0.14 else "page",
    )


def laid_out(page: WebPage, look: SiteLayout, seed: int, *, extras: Extras | None = None) -> WebPage:
    """`page` as a whole HTML page in the look of its site.

    Args:
        page: `top`, `main` and `foot` are its own menu, text and footer, all of which stay on it.
        look: of the site.
        seed: of the world.
        extras: additions to the page.
    """
    extras = extras or Extras()
    is_home = page.url.rstrip("/") == look.root
    wanted = drawn_tokens(HOME_BODY if is_home else OTHER_BODY, seed, "body", page.url) * (page.http_status == 200)
    filler = furniture.filler_worth(wanted - token_count(page.main), look.root, draw(seed, "filler", page.url))
    own = html_of(page.main) + (FORM if extras.form else "") + (MAP if extras.map else "")
    rest = "".join(
        f'<section class="block"><div class="container">{html_of(part)}</div></section>\n' for part in filler
    )
    quotes = _testimonials(look) if look.testimonials else ""
    body = rest + quotes + own if extras.text_last else own + rest + quotes
    source = _assembled(page, look, body)
    first = _assembled(page, look, LOADING) if extras.scripted else ""
    return replace(page, source=source, first_source=first)


def _assembled(page: WebPage, look: SiteLayout, body: str) -> str:
    content = f"<main>{body}</main>\n" if look.has_main else f'<div id="content" class="site-content">{body}</div>\n'
    banner = _cookie_banner(look)
    parts = [
        banner if look.cookies == "first" else "",
        _header(page, look),
        content,
        _footer(page, look),
        banner if look.cookies == "last" else "",
    ]
    return document(page.title, page.description, "".join(parts), body_class=look.body_class)


def _header(page: WebPage, look: SiteLayout) -> str:
    """The menu: the page's own entries with furniture before the last one, which is usually the contact link."""
    own = page.top.rstrip()
    spent = token_count(own)
    twice = look.menu_twice and look.menu > 3 * spent
    more = furniture.menu_worth((look.menu // 2 if twice else look.menu) - spent, look.root, look.dice("menu"))
    head, last = own.rpartition("\n")[::2] if own.count("\n") else (own, "")
    menu = html_of("\n".join(part for part in (head, more, last) if part))
    header = f'<header class="site-header"><nav class="menu">{menu}</nav></header>\n'
    return header + (f'<div class="mobile-menu"><nav>{menu}</nav></div>\n' if twice else "")


def _footer(page: WebPage, look: SiteLayout) -> str:
    columns = furniture.columns_worth(look.footer - token_count(page.foot), look.root, look.dice("footer"))
    contacts, notice = _split_at_notice(page.foot)
    blocks = [f'<div class="footer-widget">{html_of(column)}</div>' for column in columns]
    address = f'<div class="footer-widget contact">{html_of(contacts)}</div>' if contacts else ""
    inner = [address, *blocks] if look.contacts_first else [*blocks, address]
    inside = f'<div class="footer-widgets">{"".join(inner)}</div>\n<div class="footer-bottom">{html_of(notice)}</div>'
    if not (contacts or notice or columns):
        return ""
    match look.footer_kind:
        case "footer":
            return f'<footer class="site-footer">{inside}</footer>\n'
        case "class":
            return f'<div class="page-footer">{inside}</div>\n'
        case "id":
            return f'<div id="footer">{inside}</div>\n'
        case "none":
            return f'<div class="bottom">{inside.replace("footer-", "end-")}</div>\n'


def _split_at_notice(foot: str) -> tuple[str, str]:
    """The text of the footer before its copyright notice, and the rest."""
    at = foot.find("©")
    start = foot.rfind("\n\n", 0, at) if at >= 0 else -1
    if at < 0:
        return foot, ""
    return (foot[:start], foot[start:].strip()) if start >= 0 else ("", foot)


def _cookie_banner(look: SiteLayout) -> str:
    dice = look.dice("cookies")
    text = html_of(dice.choice(furniture.COOKIES).replace("](/", f"]({look.root}/"))
    buttons = '<div class="modal-footer"><button>Close</button></div>' if dice.random() < 0.25 else ""
    return f'<div class="cookie-banner" role="dialog">{text}{buttons}</div>\n'


def _testimonials(look: SiteLayout) -> str:
    quotes = look.dice("quotes").sample(furniture.QUOTES, 2)
    return "".join(
        f"<article><blockquote><p>{escaping.escape(words)}</p><footer>{escaping.escape(who)}</footer></blockquote>"
        "</article>\n"
        for words, who in quotes
    )
