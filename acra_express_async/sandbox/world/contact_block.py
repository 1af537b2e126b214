"""How a site prints its address, phone numbers and mail addresses."""

from __future__ import annotations

from random import Random

from acra_express_async.sandbox.draws import draw
from acra_express_async.sandbox.world.company_draw import Place, SitePlan
from acra_express_async.sandbox.world.firms import Firm, written


def contact_page(firm: Firm, plan: SitePlan, seed: int) -> str:
    """The body of the contact page."""
    dice = draw(seed, "contact", firm.uen)
    chinese = plan.kind == "chinese"
    lines = ["联系我们\n====" if chinese else "Contact us\n=========="]
    if plan.prints_name:
        lines.append(f"**{written(plan.legal)}**")
    if plan.kind != "thin":
        lines.append(address_text(plan.place, dice))
    lines += number_lines(plan, dice)
    lines += mail_lines(plan, dice)
    lines += social_lines(plan, dice)
    hours = dice.choice(("Mon - Fri: 9am - 6pm", "Monday to Saturday, 10:00 to 19:00", "Daily 8.30am - 5.30pm"))
    lines.append(f"营业时间: {hours}" if chinese else f"Opening hours: {hours}")
    if plan.contacts.style in ("form", "image"):
        lines.append("Name \\*\n\nEmail \\*\n\nMessage\n\nSend")
    if dice.random() < 0.1:
        lines.append("Newsletter: your-name@example.com")
    return "\n\n".join(lines)


def icon_line(plan: SitePlan) -> str:
    """Mail, telephone, WhatsApp and profile as icons: links without a label."""
    contacts, label = plan.contacts, plan.host.split(".")[0]
    targets = [f"tel:{contacts.numbers['phone']}", f"https://www.facebook.com/{label}/"]
    if contacts.style == "everywhere":
        targets.insert(0, f"mailto:{contacts.role}")
    if "mobile" in contacts.numbers:
        targets.append(f"https://wa.me/{contacts.numbers['mobile'][1:]}")
    return " ".join(f"[]({target})" for target in targets)


def footer_lines(plan: SitePlan, dice: Random, *, icons: bool = False) -> list[str]:
    """The footer of every page; some sites show little there. `icons`: the mail address is only behind an icon."""
    lines = []
    if plan.kind == "thin":
        return ["Follow us for news."]
    if dice.random() < 0.6:
        lines.append(address_text(plan.place, dice))
    if dice.random() < 0.6:
        lines += number_lines(plan, dice)[:1]
    if icons:
        lines.append(icon_line(plan))
    elif plan.contacts.style == "everywhere":
        lines.append(f"Email: [{plan.contacts.role}](mailto:{plan.contacts.role})")
    return lines


def address_text(place: Place, dice: Random) -> str:
    """An address in one of the formats used in Singapore."""
    first = ", ".join(part for part in (place.street, place.unit, place.building) if part)
    return first + dice.choice(
        (
            f", Singapore {place.postal}",
            f"\n\nSingapore {place.postal}",
            f", S({place.postal})",
            f" SINGAPORE {place.postal}",
        )
    )


def uen_text(uen: str, dice: Random) -> str:
    """The UEN with one of the usual labels, sometimes with dashes."""
    dashed = f"{uen[:4]}-{uen[4:-1]}-{uen[-1]}" if len(uen) == 10 and uen[0].isdigit() else uen
    label = dice.choice(("UEN", "UEN:", "Co. Reg. No.", "Company Registration No:", "ROC", "GST Reg No"))
    return f"{label} {dashed if dice.random() < 0.15 else uen}"


def number_lines(plan: SitePlan, dice: Random) -> list[str]:
    """The phone first, then the other numbers, each with a usual label."""
    numbers = plan.contacts.numbers
    lines = [
        dice.choice(("Tel: {}", "Phone: {}", "T {}", "Call us at {}", "[{0}](tel:{1})")).format(
            printed_number(numbers["phone"], dice), numbers["phone"]
        )
    ]
    if "mobile" in numbers:
        mobile = numbers["mobile"]
        shown = printed_number(mobile, dice)
        lines.append(
            dice.choice((f"WhatsApp [{shown}](https://wa.me/{mobile[1:]})", f"Mobile: {shown}", f"HP {shown}"))
        )
    if "fax" in numbers:
        lines.append(f"Fax: {printed_number(numbers['fax'], dice)}")
    if "toll_free" in numbers:
        free = numbers["toll_free"].removeprefix("+65")
        lines.append(f"Hotline: {free[:4]} {free[4:7]} {free[7:]}")
    return lines


def printed_number(number: str, dice: Random) -> str:
    """A Singapore number in one of the usual groupings."""
    local = number.removeprefix("+65")
    first, last = local[:4], local[4:]
    return dice.choice(
        (f"+65 {first} {last}", f"{first} {last}", f"(65) {first} {last}", f"(+65) {first}-{last}", f"65-{local}")
    )


def mail_lines(plan: SitePlan, dice: Random) -> list[str]:
    """The mail addresses of the contact page in the site's style."""
    contacts = plan.contacts
    if contacts.style == "form":
        return []
    if contacts.style == "image":
        return [f"![Image 7: email]({plan.root}/images/email.png)"]
    lines = [f"Email: {_dressed(contacts.role, plan, dice)}"]
    if contacts.second:
        lines.append(f"{contacts.second.partition('@')[0].capitalize()}: {_dressed(contacts.second, plan, dice)}")
    if contacts.person:
        lines.append(f"{contacts.person_name}: {_dressed(contacts.person, plan, dice)}")
    return lines


def _dressed(address: str, plan: SitePlan, dice: Random) -> str:
    account, _, host = address.partition("@")
    match plan.contacts.style:
        case "bracketed":
            dots = host.replace(".", " [dot] ") if dice.random() < 0.3 else host
            return dice.choice((f"{account} [at] {dots}", f"{account}[at]{dots}", f"{account} (at) {dots}"))
        case "cloudflare":
            return f"[[email protected]]({plan.root}/cdn-cgi/l/email-protection#{_cloudflare(address)})"
        case "contact" if dice.random() < 0.3:
            return address.replace("@", "\\@") if dice.random() < 0.2 else address
        case _:
            return f"[{address}](mailto:{address})"


def _cloudflare(address: str) -> str:
    key = sum(address.encode()) % 200 + 17
    return f"{key:02x}" + "".join(f"{byte ^ key:02x}" for byte in address.encode())


def social_lines(plan: SitePlan, dice: Random) -> list[str]:
    """Links to the social media profiles of a site."""
    label = plan.host.split(".")[0]
    lines = []
    if dice.random() < 0.45:
        lines.append(f"[Facebook](https://www.facebook.com/{label}/)")
    if dice.random() < 0.3:
        lines.append(f"[Instagram](https://www.instagram.com/{label}/)")
    if dice.random() < 0.2:
        lines.append(f"[LinkedIn](https://www.linkedin.com/company/{label}/)")
    return lines
