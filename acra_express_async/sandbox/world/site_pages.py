"""The pages of a company's own site: home, about, services, contact, careers, privacy."""

from __future__ import annotations

from acra_express_async.sandbox.draws import draw, lognormal
from acra_express_async.sandbox.trades import trade_of
from acra_express_async.sandbox.world import contact_block, phrases
from acra_express_async.sandbox.world.company_draw import SitePlan
from acra_express_async.sandbox.world.firms import Firm, written
from acra_express_async.sandbox.world.web import WebPage, error_page, nothing_at, wall_page

HOME_CHARACTERS = (4200, 12_000, 24_000)
"""Median, 95th percentile and maximum of a home page's body; pages read by Jina Reader have 1,000 to 6,000 tokens."""


def site_page(firm: Firm, plan: SitePlan, path: str, seed: int) -> WebPage:
    """The page at `path` of the site; the site's own 404 page when there is none.

    Args:
        firm: the owner of the site.
        plan: the drawn properties of the site.
        path: path of the URL with its leading slash; query and fragment are ignored.
        seed: seed of the world.
    """
    url = plan.root + (path or "/")
    if plan.kind == "dead":
        return _dead(url, plan)
    if plan.kind == "walled":
        return wall_page(url)
    page = _page_of(firm, plan, path, seed)
    if page is None:
        return error_page(url, 404, "Not Found", "Page not found\n==============\n\nThe page you want is not here.")
    title, main = page
    return WebPage(
        url=url,
        title=title,
        description=f"{plan.brand}: {trade_of(firm.ssic).thing} in Singapore",
        top=_menu(plan),
        main=main,
        foot=_footer(firm, plan, seed),
        robots_denied=plan.kind == "robots",
    )


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


def _page_of(firm: Firm, plan: SitePlan, path: str, seed: int) -> tuple[str, str] | None:
    """Title and body of a page; None when the site has no page there."""
    wanted = path.rstrip("/") or "/"
    if wanted == "/":
        return _home_title(firm, plan, seed), _home(firm, plan, seed)
    if wanted == plan.about_path.rstrip("/"):
        return f"About {plan.brand}", _about(firm, plan, seed)
    if wanted == plan.contact_path.rstrip("/"):
        return f"Contact {plan.brand}", contact_block.contact_page(firm, plan, seed)
    if wanted == "/services":
        return f"Services | {plan.brand}", _services(firm, plan, seed)
    if wanted == "/careers" and plan.contacts.careers:
        return f"Careers | {plan.brand}", f"Work with us\n============\n\nSend your CV to {plan.contacts.careers}."
    if wanted == "/privacy-policy":
        return f"Privacy policy | {plan.brand}", _privacy(firm, plan)
    return None


def _home_title(firm: Firm, plan: SitePlan, seed: int) -> str:
    trade = trade_of(firm.ssic)
    dice = draw(seed, "title", firm.uen)
    return dice.choice((plan.brand, f"{plan.brand} | {trade.thing.capitalize()} Singapore", f"Home - {plan.brand}"))


def _menu(plan: SitePlan) -> str:
    root = "" if plan.relative_links else plan.root
    logo = f"[![Image 1: {plan.brand}]({plan.root}/wp-content/uploads/logo@2x.png)]({plan.root}/)"
    entries = [("Home", "/"), ("About Us", plan.about_path), ("Services", "/services"), ("Contact", plan.contact_path)]
    if plan.kind == "chinese":
        entries = [("首页", "/"), ("关于我们", plan.about_path), ("服务", "/services"), ("联系我们", plan.contact_path)]
    if plan.contacts.careers:
        entries.append(("Careers", "/careers"))
    return logo + "\n\n" + "\n".join(f"*   [{label}]({root}{path})" for label, path in entries)


def _home(firm: Firm, plan: SitePlan, seed: int) -> str:
    dice = draw(seed, "home", firm.uen)
    trade = trade_of(firm.ssic)
    length = lognormal(*HOME_CHARACTERS, seed, "home length", firm.uen)
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
        former = f" (formerly {written(firm.former_names[0])})" if firm.former_names else ""
        lines.append(f"{written(firm.name)}{former} is registered in Singapore.")
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


def _privacy(firm: Firm, plan: SitePlan) -> str:
    name = written(firm.name) if plan.prints_name else plan.brand
    officer = (
        f" Our data protection officer can be reached at {plan.contacts.privacy}." if plan.contacts.privacy else ""
    )
    return (
        f"Privacy policy\n==============\n\nThis policy explains how {name} handles personal data under the Personal "
        f"Data Protection Act 2012 of Singapore.{officer}"
    )


def _footer(firm: Firm, plan: SitePlan, seed: int) -> str:
    dice = draw(seed, "footer", firm.uen)
    lines = contact_block.footer_lines(plan, dice)
    holder = written(firm.name) if plan.prints_name else plan.brand
    notice = f"© {dice.choice(('2019', '2022', '2024 - 2026', '2026'))} {holder.rstrip('.')}. All rights reserved."
    if plan.prints_uen:
        notice += " " + contact_block.uen_text(firm.uen, dice)
    lines.append(notice)
    lines.append(f"[Privacy policy]({plan.root}/privacy-policy)")
    if plan.agency:
        lines.append(f"Website by [{plan.agency}](https://{plan.agency}/) hello@{plan.agency}")
    return "\n\n".join(lines)
