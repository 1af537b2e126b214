"""The pages of a company's own site: home, about, services, contact, careers, privacy."""

from __future__ import annotations

from dataclasses import replace

from acra_express_async.sandbox.draws import draw, lognormal, unit
from acra_express_async.sandbox.trades import trade_of
from acra_express_async.sandbox.world import contact_block, phrases
from acra_express_async.sandbox.world.company_draw import SitePlan
from acra_express_async.sandbox.world.firms import Firm, written
from acra_express_async.sandbox.world.furniture import DECOYS
from acra_express_async.sandbox.world.layout import Extras, laid_out, look_of
from acra_express_async.sandbox.world.page_sizes import PageSize
from acra_express_async.sandbox.world.web import WebPage, error_page, nothing_at, wall_page

HOME_CHARACTERS = (4200, 12_000, 24_000)
"""Median, 95th percentile and maximum of a home page's body; pages read by Jina Reader have 1,000 to 6,000 tokens."""

SHORT_HOME = 900
"""Characters of a home page's own text where the layout adds the rest."""
SINGLE_PAGE_SHARE, ICON_SHARE, DECOY_SHARE, DESCRIPTION_SHARE = 0.10, 0.35, 0.06, 0.75
"""Shares of the larger sites with: everything on one page, contacts behind icons, a menu entry that only sounds like
the contact page, a description in the head of a page."""
FORM_SHARE, MAP_SHARE, SCRIPTED_SHARE, TEXT_LAST_SHARE = 0.40, 0.40, 0.06, 0.60
"""Shares of their contact pages with: a form with a CAPTCHA, a map, a body that a script fills in, contacts
at the end."""


def site_page(firm: Firm, plan: SitePlan, path: str, seed: int, size: PageSize = 0) -> WebPage:
    """The page at `path` of the site; the site's own 404 page when there is none.

    Args:
        firm: the owner of the site.
        plan: the drawn properties of the site.
        path: path of the URL with its leading slash; query and fragment are ignored.
        seed: seed of the world.
        size: size of its pages; above 0 they have a layout, and some have oddities.
    """
    url = plan.root + (path or "/")
    if plan.kind == "dead":
        return _dead(url, plan)
    if plan.kind == "walled":
        return wall_page(url)
    single = size > 0 and unit(seed, "single page", firm.uen) < SINGLE_PAGE_SHARE
    page = _page_of(firm, plan, path, seed, single=single, size=size)
    if page is None:
        text = "Page not found\n==============\n\nThe page you want is not here."
        missing = error_page(url, 404, "Not Found", text)
        return missing if size == 0 else _laid_out(replace(missing, top=_menu(plan)), firm, plan, seed, size)
    title, main = page
    built = WebPage(
        url=url,
        title=title,
        description=f"{plan.brand}: {trade_of(firm.ssic).thing} in Singapore",
        top=_menu(plan),
        main=main,
        foot=_footer(firm, plan, seed),
        robots_denied=plan.kind == "robots",
    )
    if size == 0:
        return built
    return _laid_out(_of_real_size(built, firm, plan, seed, single=single), firm, plan, seed, size)


def _of_real_size(page: WebPage, firm: Firm, plan: SitePlan, seed: int, *, single: bool) -> WebPage:
    """Add what larger sites have: icons, decoys in the menu, anchors on a single page, no description."""
    icons = plan.kind != "thin" and unit(seed, "icons", firm.uen) < ICON_SHARE
    top = _menu(plan, single=single)
    if unit(seed, "decoy", firm.uen) < DECOY_SHARE:
        label = draw(seed, "decoy", firm.uen).choice(DECOYS)
        top += f"\n*   [{label}]({plan.root}/products/{label.lower().replace(' ', '-')})"
    described = unit(seed, "described", page.url) < DESCRIPTION_SHARE
    foot = _footer(firm, plan, seed, icons=icons)
    main = page.main.replace("\\@", "@").replace("\\*", "*")  # markdown escapes do not occur in HTML
    return replace(page, top=top, main=main, foot=foot, description=page.description if described else "")


def _laid_out(page: WebPage, firm: Firm, plan: SitePlan, seed: int, size: PageSize) -> WebPage:
    look = look_of(plan.root, seed, size)
    if page.url.rstrip("/") != plan.root + plan.contact_path.rstrip("/"):
        return laid_out(page, look, seed)
    extras = Extras(
        form=plan.contacts.style in ("form", "image") or unit(seed, "form", firm.uen) < FORM_SHARE,
        map=unit(seed, "map", firm.uen) < MAP_SHARE,
        scripted=unit(seed, "scripted", firm.uen) < SCRIPTED_SHARE,
        text_last=unit(seed, "text last", firm.uen) < TEXT_LAST_SHARE,
    )
    return laid_out(page, look, seed, extras=extras)


def _dead(url: str, plan: SitePlan) -> WebPage:
    match plan.death:
        case "http_404":
            return error_page(url, 404, "Not Found", "The requested URL was not found on this server.")
        case "http_403":
            return error_page(url, 403, "Forbidden", "You don't have permission to access this resource.")
        case "http_500":
            return error_page(url, 500, "Internal Server Error", "Error establishing a database connection")
        case "timeout" | "dns" | "refused" | "empty":
            return nothing_at(url, plan.death)
    return nothing_at(url, "dns")


def _page_of(
    firm: Firm, plan: SitePlan, path: str, seed: int, *, single: bool, size: PageSize
) -> tuple[str, str] | None:
    """Title and body of a page; None when the site has no page there."""
    wanted = path.rstrip("/") or "/"
    if wanted == "/":
        parts = [_home(firm, plan, seed, short=size > 0)]
        if single:
            parts += [_about(firm, plan, seed), contact_block.contact_page(firm, plan, seed)]
        return _home_title(firm, plan, seed), "\n\n".join(parts)
    if single and wanted not in ("/careers", "/privacy-policy"):
        return None
    if wanted == plan.about_path.rstrip("/"):
        return f"About {plan.brand}", _about(firm, plan, seed)
    if wanted == plan.contact_path.rstrip("/"):
        return f"Contact {plan.brand}", contact_block.contact_page(firm, plan, seed)
    if wanted == "/services":
        return f"Services | {plan.brand}", _services(firm, plan, seed)
    if wanted == "/careers" and plan.contacts.careers:
        return f"Careers | {plan.brand}", f"Work with us\n============\n\nSend your CV to {plan.contacts.careers}."
    if wanted == "/privacy-policy":
        return f"Privacy policy | {plan.brand}", _privacy(plan)
    return None


def _home_title(firm: Firm, plan: SitePlan, seed: int) -> str:
    trade = trade_of(firm.ssic)
    dice = draw(seed, "title", firm.uen)
    return dice.choice((plan.brand, f"{plan.brand} | {trade.thing.capitalize()} Singapore", f"Home - {plan.brand}"))


def _menu(plan: SitePlan, *, single: bool = False) -> str:
    root = "" if plan.relative_links else plan.root
    logo = f"[![Image 1: {plan.brand}]({plan.root}/wp-content/uploads/logo@2x.png)]({plan.root}/)"
    entries = [("Home", "/"), ("About Us", plan.about_path), ("Services", "/services"), ("Contact", plan.contact_path)]
    if plan.kind == "chinese":
        entries = [("首页", "/"), ("关于我们", plan.about_path), ("服务", "/services"), ("联系我们", plan.contact_path)]
    if plan.contacts.careers:
        entries.append(("Careers", "/careers"))
    if single:
        entries = [(label, f"/#{path.strip('/')}") for label, path in entries]
    return logo + "\n\n" + "\n".join(f"*   [{label}]({root}{path})" for label, path in entries)


def _home(firm: Firm, plan: SitePlan, seed: int, *, short: bool = False) -> str:
    """The text of the home page; with `short` the layout adds the rest."""
    dice = draw(seed, "home", firm.uen)
    trade = trade_of(firm.ssic)
    length = SHORT_HOME if short else lognormal(*HOME_CHARACTERS, seed, "home length", firm.uen)
    head = f"{plan.brand}\n{'=' * len(plan.brand)}"
    if plan.kind == "chinese":
        parts = [head, phrases.chinese_paragraph(plan.brand, dice)]
        while sum(map(len, parts)) < length / 6:
            parts.append(phrases.chinese_paragraph(plan.brand, dice))
        return "\n\n".join(parts)
    parts = [head, phrases.opening(trade, plan.brand, plan.place.street, dice)]
    offers = "\n".join(f"*   [{offer}]({plan.root}/services)" for offer in trade.offers)
    parts += [f"![Image 2: banner]({plan.root}/images/banner.jpg)", f"## What we do\n\n{offers}"]
    while sum(map(len, parts)) < length:
        if dice.random() < 0.12:
            parts.append(f"> {dice.choice(phrases.QUOTES)}")
        elif dice.random() < 0.2:
            parts.append(f"### {dice.choice(trade.offers)}")
        parts.append(phrases.paragraph(trade, dice))
    return "\n\n".join(parts)


def _about(firm: Firm, plan: SitePlan, seed: int) -> str:
    dice = draw(seed, "about", firm.uen)
    lines = ["About us\n========"]
    if plan.prints_name and dice.random() < 0.6:
        renamed = firm.former_names and plan.legal == firm.name
        former = f" (formerly {written(firm.former_names[0])})" if renamed else ""
        lines.append(f"{written(plan.legal)}{former} is registered in Singapore.")
    if plan.kind == "chinese":
        return "\n\n".join([*lines, phrases.chinese_paragraph(plan.brand, dice)])
    trade = trade_of(firm.ssic)
    lines += [phrases.paragraph(trade, dice) for _ in range(dice.randint(2, 5))]
    if plan.contacts.person_name:
        lines.append(f"**{plan.contacts.person_name}**, Director")
    return "\n\n".join(lines)


def _services(firm: Firm, plan: SitePlan, seed: int) -> str:
    dice = draw(seed, "services", firm.uen)
    if plan.kind == "chinese":
        return "服务项目\n====\n\n" + phrases.chinese_paragraph(plan.brand, dice)
    trade = trade_of(firm.ssic)
    return "Services\n========\n\n" + "\n\n".join(
        f"## {offer}\n\n{phrases.paragraph(trade, dice)}" for offer in trade.offers
    )


def _privacy(plan: SitePlan) -> str:
    name = written(plan.legal) if plan.prints_name else plan.brand
    officer = (
        f" Our data protection officer can be reached at {plan.contacts.privacy}." if plan.contacts.privacy else ""
    )
    return (
        f"Privacy policy\n==============\n\nThis policy explains how {name} handles personal data under the Personal "
        f"Data Protection Act 2012 of Singapore.{officer}"
    )


def _footer(firm: Firm, plan: SitePlan, seed: int, *, icons: bool = False) -> str:
    dice = draw(seed, "footer", firm.uen)
    lines = contact_block.footer_lines(plan, dice, icons=icons)
    holder = written(plan.legal) if plan.prints_name else plan.brand
    notice = f"© {dice.choice(('2019', '2022', '2024 - 2026', '2026'))} {holder.rstrip('.')}. All rights reserved."
    if plan.prints_uen:
        notice += " " + contact_block.uen_text(firm.uen, dice)
    lines.append(notice)
    lines.append(f"[Privacy policy]({plan.root}/privacy-policy)")
    if plan.agency:
        lines.append(f"Website by [{plan.agency}](https://{plan.agency}/) hello@{plan.agency}")
    return "\n\n".join(lines)
