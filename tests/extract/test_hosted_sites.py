"""Sites below the domain of a builder: the firm's label is the answer, and nothing of the builder's is a contact."""

from __future__ import annotations

import pytest
from extract.builders import UEN, company, hit, page

from acra_express_async.extract.candidates import Candidate, candidates_in, known_candidate
from acra_express_async.extract.contacts import Contacts, contacts_of
from acra_express_async.extract.domains import domain_of, hosted_under, is_within, label_of, labels_of
from acra_express_async.extract.identity import Doubt, Judgement, judge
from acra_express_async.extract.next_page import leads_from
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Link, Page

FIRM = company()
NAMES = names_for(FIRM)

HOSTED = """
    wixsite.com wixstudio.com editorx.io mystrikingly.com strikingly.com jimdofree.com jimdosite.com jimdo.com
    weebly.com weeblysite.com square.site squarespace.com webflow.io carrd.co godaddysites.com wordpress.com
    wpcomstaging.com business.blog blogspot.com business.site myshopify.com shoplineapp.com myshopline.com
    easy.co easystore.co sitegiant.co myshopmatic.com oddle.me cococart.co boutir.com ninjaos.com beepit.com
    mydukaan.io company.site mybigcommerce.com bigcartel.com storenvy.com zohosites.com odoo.com
    multiscreensite.com webador.com webnode.page webnode.com site123.me yolasite.com ueniweb.com b12sites.com
    zyrosite.com hostingersite.com 000webhostapp.com canva.site my.canva.site notion.site super.site
    framer.website framer.app tilda.ws taplink.ws durable.co 10web.site simplesite.com mozellosite.com ukit.me
    websites.co.in moonfruit.com webs.com tripod.com bravesites.com doodlekit.com e-monsite.com page4.me
    pagecloud.com imweb.me studio.site brizy.site umso.co typedream.app dorik.io softr.app glide.page
    bubbleapps.io gamma.site lovable.app elementor.cloud tumblr.com substack.com typepad.com ghost.io
    myportfolio.com smugmug.com zenfolio.com pixpa.com format.com clickfunnels.com systeme.io mykajabi.com
    teachable.com thinkific.com podia.com lpages.co unbouncepages.com hubspotpagebuilder.com hs-sites.com
    mailchimpsites.com setmore.com simplybook.me simplybook.asia as.me gettimely.com wildapricot.org glueup.com
    wpenginepowered.com wpengine.com kinsta.cloud cloudwaysapps.com sg-host.com flywheelsites.com
    pantheonsite.io mybluehost.me infinityfreeapp.com rf.gd netlify.app vercel.app github.io gitlab.io pages.dev
    web.app firebaseapp.com herokuapp.com onrender.com up.railway.app fly.dev replit.app glitch.me surge.sh
    azurewebsites.net amplifyapp.com
""".split()
OPERATORS = """
    support.wordpress.com www.weebly.com help.webnode.com app.oddle.me www.jimdo.com support.squarespace.com
    www.strikingly.com help.easystore.co docs.odoo.com developers.shoplineapp.com
""".split()
OWN = "orchid.uk.com orchid.co.com orchid.com.sg orchid.edu.sg orchid.eu.com orchid.us.com".split()


@pytest.mark.parametrize("builder", HOSTED)
def test_the_label_below_a_builder_is_the_firms_site(builder: str) -> None:
    url = f"https://www.orchid-hardware.{builder}/contact"
    domain = f"orchid-hardware.{builder}"
    assert domain_of(url) == domain
    assert (label_of(domain), hosted_under(domain)) == ("orchidhardware", builder)
    [candidate] = candidates_in([hit(url, "Orchid Hardware")], FIRM, NAMES)
    assert candidate.domain == domain
    assert candidate.credible


@pytest.mark.parametrize("host", OPERATORS)
def test_a_builders_own_host_is_no_customer(host: str) -> None:
    assert hosted_under(domain_of(f"https://{host}/")) == ""


@pytest.mark.parametrize("domain", OWN)
def test_a_domain_sold_by_a_registry_is_the_firms_own(domain: str) -> None:
    assert domain_of(f"https://www.{domain}/") == domain
    assert hosted_under(domain) == ""


@pytest.mark.parametrize(
    ("url", "site", "labels"),
    [
        (
            "https://sites.google.com/view/orchid-hardware/home",
            "sites.google.com/view/orchid-hardware",
            {"orchidhardware"},
        ),
        (
            "https://sites.google.com/view/OrchidHardware?a=1",
            "sites.google.com/view/orchidhardware",
            {"orchidhardware"},
        ),
        (
            "https://sites.google.com/orchid.com.sg/shop/about",
            "sites.google.com/orchid.com.sg/shop",
            {"shop", "orchid"},
        ),
        ("https://my.canva.site/orchid-hardware", "my.canva.site/orchid-hardware", {"orchidhardware"}),
        ("https://take.app/orchidhardware", "take.app/orchidhardware", {"orchidhardware"}),
        ("https://info93.wixsite.com/orchid-hardware/contact", "info93.wixsite.com", {"info93", "orchidhardware"}),
        ("https://sites.google.com/view/orchid_hardware", "sites.google.com/view/orchid_hardware", {"orchid_hardware"}),
        ("https://sites.google.com/u/0/view/orchid/home", "sites.google.com/view/orchid", {"orchid"}),
        ("https://orchid.blogspot.sg/2024/01/bolts.html", "orchid.blogspot.sg", {"orchid"}),
        ("https://www.orchid.per.sg/contact", "orchid.per.sg", {"orchid"}),
        ("https://sites.google.com/site/orchid/home", "google.com", {"google"}),
        ("https://sites.google.com/", "google.com", {"google"}),
        ("https://take.app/pricing", "take.app", {"take"}),
    ],
)
def test_where_the_path_tells_customers_apart_it_names_the_site(url: str, site: str, labels: set[str]) -> None:
    assert domain_of(url) == site
    assert set(labels_of(site, [url])) == labels
    assert is_within(url, site)


def test_a_site_named_by_its_path_is_read_and_judged_like_any() -> None:
    url = "https://sites.google.com/view/orchid-hardware/home"
    [candidate] = candidates_in([hit(url, "Orchid Hardware", "Bolts and nuts in Singapore")], FIRM, NAMES)
    home = page(
        url, f"# Orchid Hardware\n\nOrchid Hardware Pte. Ltd. UEN {UEN}\n\n[Contact](/view/orchid-hardware/contact-us)"
    )
    assert judge(candidate, [home], FIRM, NAMES).believed
    [lead, *_] = leads_from([home], candidate.domain)
    assert (lead.url, lead.is_contact) == ("https://sites.google.com/view/orchid-hardware/contact-us", True)
    other = page(url, "# Lotus\n\n[Contact](https://sites.google.com/view/lotus/contact)")
    assert all("/view/orchid-hardware" in lead.url for lead in leads_from([other], candidate.domain))
    known = known_candidate("sites.google.com/view/orchid-hardware", NAMES)
    assert known is not None
    assert known.domain == candidate.domain


FOOTERS = {
    "mystrikingly.com": "Powered by Strikingly | Questions? support@strikingly.com",
    "easy.co": "Powered by EasyStore\n\nEasyStore Support: support@easystore.co\n+65 3158 2277",
    "shoplineapp.com": "Create your own store with SHOPLINE\nSHOPLINE support: help@shoplineapp.com\n+65 3138 4700",
    "wordpress.com": "Create a free website or blog at WordPress.com. help@wordpress.com",
    "jimdofree.com": "This website was created with Jimdo. Sign up for free at https://www.jimdo.com support@jimdo.com",
    "square.site": "Built with Square Online · privacy@squareup.com",
    "weebly.com": "Powered by Weebly: create your own unique website. support@weebly.com",
    "webnode.page": "Powered by Webnode. Create your website for free! info@webnode.com",
    "oddle.me": "Powered by Oddle\nOddle customer service\n+65 6589 8755\nhello@oddle.me",
    "carrd.co": "Made with Carrd (carrd.co), contact@carrd.co",
    "myshopify.com": "Powered by Shopify, support@shopify.com",
    "odoo.com": "Powered by Odoo - The #1 Open Source eCommerce info@odoo.com",
}


def found_on(domain: str, text: str) -> Contacts:
    """The contacts on a page of a site."""
    return contacts_of([page(f"https://{domain}/", text)], domain, FIRM, NAMES)


@pytest.mark.parametrize("builder", FOOTERS)
def test_nothing_of_the_builder_is_a_contact(builder: str) -> None:
    ours = "# Orchid Hardware\n\n10 Kaki Bukit Avenue 4, Singapore 415874\n\nTel 6741 1100 orchidhardware@gmail.com"
    found = found_on(f"orchid-hardware.{builder}", f"{ours}\n\n{FOOTERS[builder]}")
    assert [email.address for email in found.emails] == ["orchidhardware@gmail.com"]
    assert [phone.number for phone in found.phones] == ["+6567411100"]
    assert found.postal_code == "415874"


@pytest.mark.parametrize("builder", FOOTERS)
def test_a_hosted_page_without_contacts_has_none(builder: str) -> None:
    found = found_on(f"orchid-hardware.{builder}", f"# Orchid Hardware\n\nBolts and nuts.\n\n{FOOTERS[builder]}")
    assert (found.emails, found.phones) == ((), ())


def test_a_contact_on_the_line_of_the_builder_stays() -> None:
    found = found_on("orchid-hardware.mystrikingly.com", "Tel 6741 1100 | Powered by Strikingly | sales@orchid.sg")
    assert [phone.number for phone in found.phones] == ["+6567411100"]
    assert [email.address for email in found.emails] == ["sales@orchid.sg"]


@pytest.mark.parametrize(
    "line",
    [
        "10 Kaki Bukit Avenue 4 Singapore 415874 Tel 6741 1100 powered by Strikingly sales@orchid.sg",
        "Made with Strikingly by Orchid, Tel 6741 1100, sales@orchid.sg, Singapore 415874",
        "Make a site visit: call 6741 1100 or sales@orchid.sg, Singapore 415874",
        "Open a shop account: call 6741 1100, sales@orchid.sg, Singapore 415874",
        "© 2026 Orchid Hardware, Singapore 415874. Tel 6741 1100. sales@orchid.sg. Built with Strikingly",
    ],
)
def test_a_builders_phrase_takes_nothing_of_the_firm(line: str) -> None:
    found = found_on("orchid-hardware.mystrikingly.com", line)
    assert [phone.number for phone in found.phones] == ["+6567411100"]
    assert [email.address for email in found.emails] == ["sales@orchid.sg"]
    assert found.postal_code == "415874"


@pytest.mark.parametrize("path", ["get-in-touch", "contact-1", "reach-our-team", "copy-of-home"])
def test_a_page_of_a_site_at_the_root_of_its_host_is_found(path: str) -> None:
    root = "https://orchidhardware.wixsite.com/"
    home = Page(root, "Orchid Hardware", "Bolts", links=(Link("Contact us", f"{root}{path}"),))
    [lead, *_] = leads_from([home], "orchidhardware.wixsite.com")
    assert (lead.url, lead.is_contact) == (f"{root}{path}", True)


def test_a_site_of_an_account_keeps_its_part_of_the_path() -> None:
    base = "https://info93.wixsite.com/orchid"
    home = Page(base, "Orchid Hardware", "Bolts", links=(Link("Contact", f"{base}/get-in-touch"), Link("Home", base)))
    assert [lead.url for lead in leads_from([home], "info93.wixsite.com")] == [f"{base}/get-in-touch"]


def test_a_mail_domain_may_be_the_beginning_of_the_name() -> None:
    firm = company("PAPERBOAT PRINTS PTE. LTD.")
    text = "Letterpress cards. ahoy@paperboat.sg, ahoy@letterpress.sg, ahoy@paper.sg"

    def on(site: str) -> list[str]:
        found = contacts_of(
            [page(f"https://{site}", text, "Cards")], domain_of(f"https://{site}"), firm, names_for(firm)
        )
        return [mail.address for mail in found.emails]

    assert on("studio8842.wixsite.com/paperboatprints") == ["ahoy@paperboat.sg"]
    assert on("printshop.sg/") == [], "below a domain of its own the firm has its mail there"


def order_leads(label: str, pages: int, *, contact: bool = False) -> list[str]:
    """The leads of a home page with this label and so many other pages of goods."""
    root = "https://kuehbyaminah.sg/"
    goods = tuple(Link(f"Kueh {number}", f"{root}kueh-{number}") for number in range(pages))
    links = (Link(label, f"{root}how"), *goods, *((Link("Contact", f"{root}contact"),) if contact else ()))
    found = leads_from([Page(root, "Kueh by Aminah", "Kueh", links=links)], "kuehbyaminah.sg")
    return [lead.url.removeprefix(root) for lead in found]


def test_a_small_site_may_tell_its_number_where_it_takes_orders() -> None:
    assert order_leads("Order now", 3)[0] == "how"
    assert order_leads("How to order", 3)[0] == "how"
    assert "how" not in order_leads("Order history", 3)
    assert "how" not in order_leads("Order now", 20), "a shop's order form"
    assert order_leads("Order now", 3, contact=True) == ["contact"]


def test_the_mark_of_a_google_account_is_left_out() -> None:
    found = candidates_in([hit("https://sites.google.com/u/1/view/orchid-hardware", "Orchid Hardware")], FIRM, NAMES)
    assert found[0].urls[0] == "https://sites.google.com/view/orchid-hardware"


def test_a_builder_is_a_company_with_contacts_as_well() -> None:
    firm = company("SHOPMATIC PTE. LTD.")
    found = contacts_of(
        [page("https://goshopmatic.com/", "help@goshopmatic.com")], "goshopmatic.com", firm, names_for(firm)
    )
    assert [email.address for email in found.emails] == ["help@goshopmatic.com"]


UNKNOWN = "https://orchidhardware.shopkaki.net/"
OWN_VOICE = (
    "# Orchid Hardware\n\nWe sell bolts. Visit our store: 10 Kaki Bukit Avenue 4 Singapore 415874, or write to us.\n\n"
    f"Orchid Hardware Pte. Ltd. UEN {UEN}\n\nTel 6741 1100"
)
BUILT = "\n\nPowered by ShopKaki. Open your free store with ShopKaki: support@shopkaki.net"


def unknown_host(text: str) -> tuple[Candidate, Judgement]:
    """The judgement of a page on a host that bears the name below an unknown domain."""
    [candidate] = candidates_in([hit(UNKNOWN, "Orchid Hardware", "Singapore")], FIRM, NAMES)
    return candidate, judge(candidate, [page(UNKNOWN, text)], FIRM, NAMES)


def test_a_builder_that_no_list_knows_is_told_by_its_page() -> None:
    candidate, judgement = unknown_host(OWN_VOICE + BUILT)
    assert judgement.believed
    assert candidate.urls == (UNKNOWN,)
    found = found_on(candidate.domain, OWN_VOICE + BUILT)
    assert (found.emails, [phone.number for phone in found.phones]) == ((), ["+6567411100"])


def test_the_pages_below_an_unknown_builder_are_its_leads() -> None:
    links = (Link("Contact", f"{UNKNOWN}contact"), Link("Contact", "https://shopkaki.net/contact"))
    home = Page(UNKNOWN, "Orchid Hardware", OWN_VOICE, links=links)
    assert [lead.url for lead in leads_from([home], "orchidhardware.shopkaki.net")] == [f"{UNKNOWN}contact"]


@pytest.mark.parametrize(
    "text",
    [
        OWN_VOICE,
        f"# Orchid Hardware\n\nOrchid Hardware Pte. Ltd., hardware dealer. UEN {UEN}. Powered by ShopKaki.",
        OWN_VOICE + BUILT + "\n\nClaim this listing. Similar companies: Lotus Hardware",
        "# Orchid Hardware\n\nWe sell bolts to our clients." + BUILT,
    ],
)
def test_a_host_per_entry_of_a_directory_is_no_site(text: str) -> None:
    _, judgement = unknown_host(text)
    assert judgement.doubt is Doubt.DIRECTORY


def test_a_domain_of_the_firm_is_read_before_an_unknown_host() -> None:
    hits = [hit(UNKNOWN, "Orchid Hardware", "Singapore", rank=1), hit("https://orchidhardware.sg/", "Orchid", rank=2)]
    assert candidates_in(hits, FIRM, NAMES)[0].domain == "orchidhardware.sg"


MARKET = company("KAKI TECHNOLOGIES PTE. LTD.")
ENTRIES = "Write a review. Business directory. Claim your listing. Search for companies."


@pytest.mark.parametrize(
    ("imprint", "own"),
    [
        (f"© 2026 Kaki Technologies Pte. Ltd. All rights reserved. UEN {UEN}", True),
        (f"This marketplace is operated by Kaki Technologies Pte Ltd (UEN {UEN}).", True),
        (f"New: Kaki Technologies Pte. Ltd., UEN {UEN}, Singapore 415874", False),
        (f"© 2026 SG Lists Pte. Ltd. Featured: Kaki Technologies Pte. Ltd. UEN {UEN}", False),
        ("© 2026 Kaki Technologies Pte. Ltd.", False),
    ],
)
def test_a_directory_is_the_firms_site_when_its_imprint_says_so(imprint: str, own: bool) -> None:
    names = names_for(MARKET)
    url = "https://www.findahandyman.sg/"
    found = candidates_in([hit(url, "Find a handyman: directory of Singapore", "Kaki Technologies")], MARKET, names)
    judgement = judge(found[0], [page(url, f"{ENTRIES}\n\n{imprint}", "Find a handyman")], MARKET, names)
    assert judgement.believed is own
