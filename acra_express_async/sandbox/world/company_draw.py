"""The seeded draw of one company: its site, how the site prints contacts, and which sites resemble it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from acra_express_async.sandbox.draws import draw, unit
from acra_express_async.sandbox.registry_sample import FIRST_WORDS, SECOND_WORDS, STREETS
from acra_express_async.sandbox.world.firms import Firm, core_words, joined, own_name

SiteKind = Literal["plain", "moved", "chinese", "hosted", "brand", "acronym", "thin", "dead", "walled", "robots"]
SITE_KINDS: dict[SiteKind, float] = {
    "plain": 0.64,
    "moved": 0.08,
    "chinese": 0.06,
    "hosted": 0.05,
    "brand": 0.04,
    "acronym": 0.04,
    "thin": 0.02,
    "dead": 0.04,
    "walled": 0.02,
    "robots": 0.01,
}
"""Shares among companies with a site; `dead`, `walled` and `robots` are unreadable, `thin` proves nothing."""

UNREADABLE: frozenset[SiteKind] = frozenset({"dead", "walled", "robots"})

FORMER_NAME_SHARE = 0.4
"""Share of the renamed companies whose site still has the former name everywhere."""

MailStyle = Literal["everywhere", "contact", "bracketed", "cloudflare", "image", "free", "form"]
MAIL_STYLES: dict[MailStyle, float] = {
    "everywhere": 0.38,
    "contact": 0.26,
    "bracketed": 0.10,
    "cloudflare": 0.07,
    "image": 0.05,
    "free": 0.08,
    "form": 0.06,
}
"""How a site prints its mail address: in every footer, only on the contact page, obfuscated, as an image, …"""

Death = Literal["http_404", "http_403", "http_500", "timeout", "dns", "refused", "empty"]
DEATHS: tuple[Death, ...] = ("http_404", "http_403", "http_500", "timeout", "dns", "refused", "empty")

ROLES = ("info", "enquiry", "sales", "contact", "hello", "admin", "office", "enquiries")
SECOND_ROLES = ("sales", "support", "marketing", "accounts", "orders")
FREE_HOSTS = ("gmail.com", "yahoo.com.sg", "singnet.com.sg", "hotmail.com", "outlook.com")
HOSTS_FOR_RENT = ("wixsite.com", "weebly.com", "business.site", "wordpress.com")
PEOPLE = (
    "Wei Ling Tan",
    "Kumar Rajan",
    "Nurul Aisyah",
    "Jason Lim",
    "Grace Koh",
    "Daniel Ong",
    "Siti Hajar",
    "Marcus Teo",
)
AGENCIES = ("pixelpeppermint.sg", "webforgeasia.com", "tinybyte.com.sg")
FOREIGN_SUFFIXES = ("com.my", "co.uk", "com.au", "in", "com.ph", "co.nz", "us")


@dataclass(frozen=True, slots=True)
class Place:
    """A Singapore address as printed; `postal` has six digits."""

    street: str
    unit: str
    building: str
    postal: str


@dataclass(frozen=True, slots=True)
class PublishedContacts:
    """The contacts that a site publishes.

    `role`, `second`, `person`, `careers` and `privacy` are mail addresses or empty; `numbers` maps phone, mobile, fax
    and toll_free to a number in E.164.
    """

    style: MailStyle
    role: str = ""
    second: str = ""
    person: str = ""
    person_name: str = ""
    careers: str = ""
    privacy: str = ""
    numbers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SitePlan:
    """A company's own site.

    `host` is without "www.", `legal` the legal name that it prints (some still print a former one), `old_host`
    redirects to it, `listed` says whether a search engine has crawled it, `registered_place` whether the address
    printed is the registry's, `exact_label` whether the domain is the whole name.
    """

    kind: SiteKind
    host: str
    contacts: PublishedContacts
    place: Place
    brand: str
    legal: str
    old_host: str = ""
    death: Death | None = None
    listed: bool = True
    registered_place: bool = False
    exact_label: bool = False
    prints_uen: bool = False
    prints_name: bool = True
    www: bool = True
    contact_path: str = "/contact"
    about_path: str = "/about"
    relative_links: bool = False
    agency: str = ""

    @property
    def root(self) -> str:
        """Scheme and host, no slash at the end."""
        return f"https://www.{self.host}" if self.www else f"https://{self.host}"

    @property
    def readable(self) -> bool:
        """True when Jina Reader can read at least one page."""
        return self.kind not in UNREADABLE

    @property
    def provable(self) -> bool:
        """True when the site offers a proof: UEN, registered address, or the exact domain."""
        return self.kind != "thin" and (self.prints_uen or self.registered_place or self.exact_label)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A site of another owner that a search for the company returns."""

    kind: Literal["foreign", "local", "parked"]
    host: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Everything the web holds about one company; `silent` means that a search finds nothing."""

    site: SitePlan | None
    lookalikes: tuple[Lookalike, ...]
    silent: bool
    facebook: bool
    linkedin: bool
    jobs: bool


def presence_of(firm: Firm, seed: int, site_share: float) -> Presence:
    """The draw for `firm`, always the same for one seed.

    Hosts of two companies may collide; the world then adds a number to one.
    """
    dice = draw(seed, "presence", firm.uen)
    site = _site(firm, seed, dice) if unit(seed, "site", firm.uen) < site_share else None
    fate = dice.random()
    likes: list[Lookalike] = []
    if site is None and fate < 0.30:
        return Presence(None, (), silent=True, facebook=False, linkedin=False, jobs=False)
    if fate > (0.85 if site else 0.55):
        kind: Literal["foreign", "local", "parked"] = dice.choice(("foreign", "local", "parked"))
        likes.append(Lookalike(kind, _lookalike_host(firm, kind, site, dice)))
    return Presence(
        site,
        tuple(likes),
        silent=False,
        facebook=dice.random() < 0.5,
        linkedin=dice.random() < 0.5,
        jobs=dice.random() < 0.3,
    )


def _site(firm: Firm, seed: int, dice: Random) -> SitePlan:
    kind = dice.choices(list(SITE_KINDS), list(SITE_KINDS.values()))[0]
    called = _as_it_calls_itself(firm, kind, seed)
    label, brand = _label(called, kind, dice)
    suffix = dice.choices(("com.sg", "sg", "com"), (45, 20, 35))[0]
    host = f"{label}.{dice.choice(HOSTS_FOR_RENT)}" if kind == "hosted" else f"{label}.{suffix}"
    old = ""
    if kind == "moved":
        old = f"{label}.{'com' if suffix != 'com' else 'net'}"
    registered = bool(firm.postal) and len(firm.postal) == 6 and dice.random() < 0.8
    thin = kind == "thin"
    # A site whose domain is not the name and whose address is not the registered one must at least state its UEN.
    must_prove = kind in ("brand", "acronym", "chinese") and not registered
    return SitePlan(
        kind=kind,
        host=host,
        contacts=_contacts(host, label, kind, dice),
        place=registered_place(firm) if registered else invented_place(dice),
        brand=brand,
        legal=called.name,
        registered_place=registered,
        exact_label=label == joined(firm.name),
        old_host=old,
        death=dice.choice(DEATHS) if kind == "dead" else None,
        listed=unit(seed, "listed", firm.uen) >= 0.12,
        prints_uen=not thin and (must_prove or dice.random() < 0.5),
        prints_name=not thin,
        www=kind != "hosted" and dice.random() < 0.7,
        contact_path=dice.choice(("/contact", "/contact-us", "/contact-us/", "/contact.html", "/get-in-touch")),
        about_path=dice.choice(("/about", "/about-us", "/about-us/", "/our-story")),
        relative_links=dice.random() < 0.25,
        agency=dice.choice(AGENCIES) if dice.random() < 0.12 else "",
    )


def _as_it_calls_itself(firm: Firm, kind: SiteKind, seed: int) -> Firm:
    """The firm under the name that its site uses: some sites were never changed after the company's name was."""
    keeps = kind == "plain" and firm.former_names and unit(seed, "keeps its name", firm.uen) < FORMER_NAME_SHARE
    return replace(firm, name=firm.former_names[0], former_names=()) if keeps else firm


def _label(firm: Firm, kind: SiteKind, dice: Random) -> tuple[str, str]:
    """The domain's label and the name that the site uses for itself."""
    core = [word for word in core_words(firm.name) if word != "and"]
    ascii_core = [word for word in core if word.isascii()] or ["firm", firm.uen[-5:-1]]
    name = own_name(firm)
    initials = "".join(word[0] for word in ascii_core)
    if kind == "brand":
        first, second = dice.choice(FIRST_WORDS).lower(), dice.choice(SECOND_WORDS).lower()
        return first + second, f"{first.capitalize()} {second.capitalize()}"
    if kind == "acronym" and len(initials) >= 3:
        return initials, name
    whole = "".join(ascii_core)
    short = "".join(ascii_core[:2])
    if len(whole) < 4:
        whole = short = whole + "sg"
    shape = dice.random()
    if shape < 0.5 and len(whole) <= 28:
        return whole, name
    if shape < 0.85 or len(ascii_core) < 2 or len(whole) > 28:
        return (short if len(short) >= 5 else whole[:28]), name
    return "-".join(ascii_core[:2]), name


def _contacts(host: str, label: str, kind: SiteKind, dice: Random) -> PublishedContacts:
    style = dice.choices(list(MAIL_STYLES), list(MAIL_STYLES.values()))[0]
    hosted = kind == "hosted"
    if hosted and style in ("everywhere", "contact", "cloudflare"):
        style = "free"  # a hosted subdomain has no mailboxes
    numbers = {"phone": f"+656{dice.choice('2345')}{dice.randrange(10**6):06d}"}
    if dice.random() < 0.45:
        numbers["mobile"] = f"+65{dice.choice('89')}{dice.randint(1, 7)}{dice.randrange(10**6):06d}"
    if dice.random() < 0.2:
        numbers["fax"] = f"+656{dice.choice('2345')}{dice.randrange(10**6):06d}"
    if dice.random() < 0.06:
        numbers["toll_free"] = f"+651800{dice.randint(200, 899)}{dice.randrange(10**4):04d}"
    if style == "free":
        return PublishedContacts(style, role=f"{label.replace('-', '')}@{dice.choice(FREE_HOSTS)}", numbers=numbers)
    if style in ("form", "image") or hosted:
        return PublishedContacts("form" if style == "bracketed" else style, numbers=numbers)
    person = dice.choice(PEOPLE) if dice.random() < 0.15 else ""
    second = dice.choice(SECOND_ROLES) if dice.random() < 0.25 else ""
    role = dice.choice(ROLES)
    return PublishedContacts(
        style,
        role=f"{role}@{host}",
        second=f"{second}@{host}" if second and second != role else "",
        person=f"{person.split()[0].lower()}.{person.split()[-1].lower()}@{host}" if person else "",
        person_name=person,
        careers=f"careers@{host}" if dice.random() < 0.12 else "",
        privacy=f"dpo@{host}" if dice.random() < 0.15 else "",
        numbers=numbers,
    )


def registered_place(firm: Firm) -> Place:
    """The registered address as a site prints it."""
    unit_text = f"#{firm.level}-{firm.unit_number}" if firm.level and firm.unit_number else ""
    street = " ".join(part for part in (firm.block, firm.street.title()) if part)
    return Place(street, unit_text, firm.building.title(), firm.postal)


def invented_place(dice: Random) -> Place:
    """An invented address, for an outlet or a namesake."""
    street, building = dice.choice(STREETS)
    postal = f"{dice.randint(10, 80)}{dice.randrange(10**4):04d}"
    return Place(
        f"{dice.randint(1, 300)} {street.title()}",
        f"#{dice.randint(1, 15):02d}-{dice.randint(1, 80):02d}",
        building.title(),
        postal,
    )


def _lookalike_host(firm: Firm, kind: str, site: SitePlan | None, dice: Random) -> str:
    label = joined(firm.name) or firm.uen.lower()
    label = label if label.isascii() and len(label) <= 28 else "".join(core_words(firm.name)[:2])[:28]
    label = label if label.isascii() else f"firm{firm.uen[-5:-1]}"
    if len(label) < 4:
        label += "group"
    if kind == "foreign":
        return f"{label}.{dice.choice(FOREIGN_SUFFIXES)}"
    if kind == "local":
        return dice.choice((f"{label}group.com.sg", f"{label}-sg.com", f"{label}.sg", f"the{label}.com"))
    taken = site.host if site else ""
    return next(host for host in (f"{label}.com", f"{label}.net", f"{label}.org") if host != taken)
