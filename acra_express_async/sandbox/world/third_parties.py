"""Third parties that mention companies: directories, social networks, job portals, and pages that only share words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acra_express_async.sandbox.draws import unit
from acra_express_async.sandbox.markup.fragments import Listing
from acra_express_async.sandbox.trades import Trade, trade_of
from acra_express_async.sandbox.world.company_draw import registered_place
from acra_express_async.sandbox.world.firms import Firm, joined, slug, written
from acra_express_async.sandbox.world.web import WebPage, error_page


@dataclass(frozen=True, slots=True)
class Directory:
    """A site that lists companies; `path` takes uen, slug and name of the listed company."""

    host: str
    path: str
    title: str
    known: bool = True

    def url(self, firm: Firm) -> str:
        """The URL of the company's entry."""
        return f"https://{self.host}" + self.path.format(uen=firm.uen, slug=slug(firm.name))


DIRECTORIES = (
    Directory("www.sgpbusiness.com", "/company/{slug}", "{name} - Singapore Company | SGPBusiness.com"),
    Directory("recordowl.com", "/company/{slug}", "{name} ({uen}) - RecordOwl"),
    Directory("opengovsg.com", "/corporate/{uen}", "{uen} - {name} - OpenGov SG"),
    Directory("www.companies.sg", "/business/{uen}/{slug}", "{name} | Companies.sg"),
    Directory("www.yellowpages.com.sg", "/company/{slug}", "{name} - Yellow Pages Singapore"),
    Directory("opencorporates.com", "/companies/sg/{uen}", "{name} :: Singapore :: OpenCorporates"),
    Directory("ltddir.com", "/companies/{slug}", "{name}, Singapore - Company Details"),
    Directory("sgpgrid.com", "/company-details/{slug}", "{name} | Company Details | SGP Grid"),
    Directory("www.dnb.com", "/business-directory/sg/{slug}", "{name} Company Profile | Singapore | D&B"),
    Directory("www.zoominfo.com", "/c/sg/{slug}", "{name} - Overview, Competitors, and Employees | ZoomInfo"),
    Directory("www.businesslist.sg", "/company/{slug}", "{name} - Singapore Business Directory"),
    Directory(
        "www.lionlistings.com.sg", "/biz/{uen}-{slug}", "{name}, Singapore - phone, address, reviews", known=False
    ),
    Directory("sgfirmfile.com", "/company/{slug}-{uen}", "{name} | Firm profile and contacts", known=False),
    Directory("firmatlas.sg", "/c/{uen}", "{name} - company profile", known=False),
)
"""Those with `known` exist and are on every list of directories; the others are invented and recognisable by shape."""

UNKNOWN_DIRECTORIES = tuple(directory.host.removeprefix("www.") for directory in DIRECTORIES if not directory.known)
FACEBOOK, INSTAGRAM, LINKEDIN, JOBSTREET = (
    "www.facebook.com",
    "www.instagram.com",
    "sg.linkedin.com",
    "sg.jobstreet.com",
)
WALLED_HOSTS = frozenset({FACEBOOK, INSTAGRAM, LINKEDIN, "www.linkedin.com"})
"""Sites that answer every request with a login page."""
MAGAZINE = "www.lioncitypicks.sg"
ENCYCLOPEDIA = "en.wikipedia.org"


def directory_listing(directory: Directory, firm: Firm) -> Listing:
    """The entry as a search result."""
    place = registered_place(firm)
    where = f" The address of the Company's registered office is at {place.street.upper()}." if place.street else ""
    return Listing(
        directory.title.format(name=firm.name, uen=firm.uen),
        directory.url(firm),
        f'{firm.name} (the "Company") is registered in Singapore under UEN {firm.uen}.{where}',
    )


def directory_page(directory: Directory, firm: Firm, neighbours: Sequence[Firm]) -> WebPage:
    """The entry: all facts of the registry, other companies, and the directory's own mail address."""
    place = registered_place(firm)
    rows = [
        ("UEN", firm.uen),
        ("Entity name", firm.name),
        ("Former name", ", ".join(firm.former_names)),
        ("Status", firm.status),
        ("Activity", firm.activity or trade_of(firm.ssic).title),
        ("Registered address", ", ".join(part for part in (place.street, place.unit, place.building) if part)),
        ("Postal code", place.postal),
    ]
    table = "| Field | Value |\n| --- | --- |\n" + "\n".join(f"| {key} | {value} |" for key, value in rows if value)
    similar = "\n".join(f"*   [{other.name}]({directory.url(other)}) UEN {other.uen}" for other in neighbours)
    host = directory.host.removeprefix("www.")
    return WebPage(
        directory.url(firm),
        title=directory.title.format(name=firm.name, uen=firm.uen),
        top=f"*   [Search](https://{directory.host}/)\n*   [Industries](https://{directory.host}/industries)",
        main=(
            f"{firm.name}\n{'=' * len(firm.name)}\n\n{table}\n\nIs this your business? [Claim this listing]"
            f"(https://{directory.host}/claim)\n\n[Buy report](https://{directory.host}/report/{firm.uen})\n\n"
            f"## Similar companies\n\n{similar}"
        ),
        foot=f"© 2026 {host}. Data from public registers, without warranty. Contact support@{host}",
    )


def social_listings(firm: Firm, *, facebook: bool, linkedin: bool, jobs: bool) -> list[Listing]:
    """Profiles and job adverts as search results."""
    name, label = written(firm.name), joined(firm.name) or firm.uen.lower()
    found = []
    if facebook:
        likes = int(unit("likes", firm.uen) * 4000)
        found.append(
            Listing(f"{name} - Home | Facebook", f"https://{FACEBOOK}/{label}/", f"{name}, Singapore. {likes} likes")
        )
    if linkedin:
        found.append(
            Listing(
                f"{name} | LinkedIn",
                f"https://{LINKEDIN}/company/{slug(firm.name)}",
                f"{name} | {int(unit('followers', firm.uen) * 900)} followers on LinkedIn. Singapore.",
            )
        )
    if jobs:
        found.append(
            Listing(
                f"Working at {name}: company reviews - Jobstreet",
                f"https://{JOBSTREET}/companies/{slug(firm.name)}",
                "Company overview, benefits, salaries and open jobs in Singapore.",
            )
        )
    return found


def filler_listings(trade: Trade, area: str) -> list[Listing]:
    """Articles, entries and threads about a trade, which only share a word with a company."""
    thing = trade.thing.replace(" ", "-").lower()
    return [
        Listing(
            f"10 best places for {trade.thing} in {area}",
            f"https://{MAGAZINE}/best-{thing}-{area.lower()}/",
            f"Our picks for {trade.thing} around {area}, with prices and opening hours.",
            "2025-11-02",
        ),
        Listing(
            f"{trade.title} - Wikipedia",
            f"https://{ENCYCLOPEDIA}/wiki/{trade.title.split()[0].rstrip(',')}",
            f"{trade.description}.",
        ),
        Listing(
            f"{trade.thing.capitalize()} prices in Singapore: a guide",
            f"https://{MAGAZINE}/guide-{thing}/",
            f"What {trade.thing} should cost you this year.",
        ),
        Listing(
            f"Government grants for small companies ({trade.title})",
            f"https://{MAGAZINE}/grants-{thing}/",
            "Who is eligible and how to apply.",
        ),
        Listing(
            f"r/askSingapore: whom do you trust for {trade.thing}?",
            f"https://www.reddit.com/r/askSingapore/{thing}/",
            "12 votes, 31 comments.",
        ),
        Listing(
            f"Industry outlook: {trade.title.lower()}",
            f"https://www.businesstimes.com.sg/{thing}-outlook",
            "Demand holds up while rents rise, traders say.",
        ),
    ]


def third_party_page(
    url: str, host: str, path: str, find: Callable[[str], Firm | None], some: Sequence[Firm]
) -> WebPage | None:
    """The page of a third party at `url`; None when the host belongs to none.

    Args:
        url: the requested URL.
        host: host of the URL, lower-case.
        path: path of the URL.
        find: returns the company that a path names by UEN or slug, or None.
        some: other companies, for lists of similar companies.
    """
    if host in WALLED_HOSTS:
        return WebPage(
            url, title="Log in or sign up to view", main="Log in\n\nSign up\n\nForgot account?", http_status=200
        )
    for directory in DIRECTORIES:
        if directory.host.removeprefix("www.") == host.removeprefix("www."):
            firm = find(path)
            if firm is None:
                return error_page(url, 404, "Not Found", "No such company.")
            return directory_page(directory, firm, [other for other in some if other.uen != firm.uen][:4])
    if host == JOBSTREET:
        firm = find(path)
        name = written(firm.name) if firm else "Employer"
        return WebPage(
            url,
            title=f"{name} - Jobstreet",
            main=f"{name}\n\n2 open jobs\n\nSales executive, Singapore\n\nDriver, Singapore",
        )
    if host in (MAGAZINE, ENCYCLOPEDIA, "www.reddit.com", "www.businesstimes.com.sg"):
        return _article(url, host, path)
    return None


def _article(url: str, host: str, path: str) -> WebPage:
    subject = path.strip("/").rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").capitalize() or host
    mail = f"\n\nTips for the editors: hello@{MAGAZINE.removeprefix('www.')}" if host == MAGAZINE else ""
    return WebPage(
        url,
        title=subject,
        main=(
            f"{subject}\n{'=' * len(subject)}\n\n"
            "Prices differ widely across the island, so ask for more than one quotation. "
            "Readers tell us that word of mouth is still the best guide, followed by a visit to the shop.\n\n"
            "Look at how long a business has been at its address, and whether it answers the telephone."
        ),
        foot=f"© 2026 {host}{mail}",
        published="Mon, 03 Aug 2026 02:00:00 GMT",
    )
