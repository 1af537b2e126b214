"""Persons and roles: mailbox names as they are really formed, by origin and by form, counted right and wrong.

Personal addresses must not be stored in the open, so a person taken for a role is the worse mistake: at most one in a
hundred. A role taken for a person is hidden: at most one in twenty.
"""

from __future__ import annotations

import pytest

from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.extract.word_lists import FAMILY_NAMES, GIVEN_NAMES, ORDINARY, WordList
from acra_express_async.models import Company, CompanyId, EmailKind, Link, Page

COMPANY = Company(CompanyId(1), "201912345K", "BRIGHTWAY MARINE SUPPLIES PTE. LTD.", street_name="Tuas Avenue 3")
DOMAIN = "brightwaymarine.com.sg"

PERSONS = {
    "Chinese": """
        jiahui tanweiming jlim siewling huimin kaiwen xinyi yuxuan zhihao weijie junhao meiling lihua xiaoming
        tankokwai limahbeng cheefatt bengkiat sweeling ahhuat guanyu zhiyong wenling peishan shihui jiaxin yiling
        junwei boonkeng chinhuat kimseng teckmeng hockchuan soonkiat yeowmeng weixiang enhui shuhui minghui qianyi
        jasontan davidlim marylee alvinng jochua tan.wei.ming lim_siewling wm.tan kctan ykwong jytoh hslee cmgoh
        sy.chan lkoh rachelteo weiming88 jiahui.tan ong-kian-seng jeantan tan.jia.hui kokleong yongqiang wei.ling
    """,
    "Malay": """
        faizal nurulhuda ahmadzaki sitinur hafizah azlan rosli zulkifli norashikin aminah khairul syafiq
        mohdfirdaus noraini fadzillah izzati hakim shahrul rahman suhaimi nurain amirul haziq farhana zulaikha
        muhammad.irfan siti.aisyah abdul.rahim iskandar nazri ridzuan sharifah norliza
    """,
    "Indian": """
        priyanka ramasamy muthu senthil karthik vijayalakshmi anand deepak suresh.kumar ganesan thiru selvam
        lakshmi arvind kavitha ravichandran krishnan balakrishnan sunita harpreet gurpreet jaswant mahesh vikram
        anbarasi shanti meenakshi prakash.rao rajendran saraswathi
    """,
    "Eurasian": """
        desouza dcruz pereira shepherdson oliveiro rozario monteiro aeria clarke.desilva minjoot hendricks
        galistan conceicao rodrigues barker.n nunis rosales
    """,
    "Western": """
        mike.johnson sarahb jsmith klaus.weber pierre olga giulia hans.mueller emma.w oconnor mckenzie
        anne-marie jan.vandijk lars sven ingrid francois beatrice rgreen tburton j.a.smith christophe marktan
        stephen.lee kate gavin hugo annabelle
    """,
}
ROLES = """
    info sales enquiry enquiries contact hello admin office support general mail hr careers career jobs marketing
    accounts account finance billing purchase purchasing procurement operations ops logistics shipping customerservice
    cs customercare service servicing helpdesk booking bookings reservation reservations events media press pr ir legal
    dpo pdpa privacy dataprotection feedback webmaster it training academy admissions enrolment clinic dental pharmacy
    reception frontdesk concierge orders order shop store online eshop ecommerce wholesale export import freight crewing
    bunker project projects tender tenders quotation quote technical engineering maintenance repair warranty aftersales
    spareparts parts warehouse delivery dispatch production factory quality qa qc safety hse corpsec secretariat payroll
    ap ar invoice invoices payment payments collections membership members donations volunteer partnership partners
    franchise leasing property carpark recruitment recruit talent internship newsletter social community editor design
    studio creative hotline hq headoffice tuas jurong tampines orchard woodlands sg singapore malaysia asia team
    salesteam hrdept techsupport salesenquiry sales1 info2 sales.sg enquiry.sg contact-us contactus getintouch
    customer.service client-services brightway brightwaymarine bms bms.sales brightwaysales infosg sgsales salessg
    accounts.payable hr_admin marine catering bakery printing lighting interior renovation cleaning security
    customerexperience businessdevelopment bd corporate corporatesales investor.relations media.relations school
    tuition preschool bukittimah paya.lebar newaccounts teamhr
""".split()


def kind_of(local: str) -> EmailKind:
    page = Page(f"https://{DOMAIN}/contact", "Contact us", f"Write to {local}@{DOMAIN}")
    [email] = emails_of([page], DOMAIN, COMPANY, names_for(COMPANY))
    return email.kind


@pytest.mark.parametrize("origin", PERSONS)
def test_persons_of_every_origin_are_hidden(origin: str) -> None:
    names = PERSONS[origin].split()
    shown = [local for local in names if kind_of(local) is not EmailKind.PERSON]
    assert shown == []


def test_at_most_one_role_in_twenty_is_hidden() -> None:
    hidden = [local for local in ROLES if kind_of(local) is EmailKind.PERSON]
    assert len(hidden) <= len(ROLES) / 20, hidden


def kind_at(company: str, address: str, *, page: str = "", **registry: str) -> EmailKind:
    """The kind of an address that stands on the contact page of a company's site."""
    domain = address.partition("@")[2]
    firm = Company(CompanyId(1), "201912345K", company, **registry)
    text = page or f"10 Kaki Bukit Avenue 4 Singapore 415874. Tel 6741 0258. {address}"
    [email] = emails_of([Page(f"https://{domain}/contact", "Contact us", text)], domain, firm, names_for(firm))
    return email.kind


def test_the_word_lists_hold_words_and_keep_names_apart() -> None:
    assert len(ORDINARY) > 30_000
    assert len(GIVEN_NAMES) > 5_000
    ordinary, given, family = map(set, (ORDINARY, GIVEN_NAMES, FAMILY_NAMES))
    assert all(word.isalpha() and word.islower() for word in ordinary | given | family)
    assert not ordinary & (given | family)


@pytest.mark.parametrize("words", [ORDINARY, GIVEN_NAMES, FAMILY_NAMES])
def test_a_word_list_finds_each_of_its_words_and_no_other(words: WordList) -> None:
    listed = list(words)
    assert len(listed) == len(words) == len(set(listed))
    assert all(word in words for word in listed)
    known = set(listed)
    strangers = {piece for word in listed for piece in (word[1:], f"{word}z", f"a{word}", word.upper())} - known
    assert not any(word in words for word in (*strangers, "", "\n", f"{listed[0]}\n{listed[1]}", "#", "é", "~"))


OWN_ROLES = {
    "what a visitor comes to do": """
        fly@ospreydrones.sg play@brambletoys.sg table@foxglove.sg bake@yeos.sg grill@smokesalt.sg study@aipg.sg
        breathe@ember.sg adopt@rescue.sg ride@monsoon.sg move@larkspur.sg eat@harvest.sg print_team@lantern.sg
    """,
    "greetings and calls": "namaste@lotus.sg ahoy@bayside.sg cheers@bottleshop.sg woof@paws.sg selamat@kampong.sg",
    "trade words": """
        vet@oakhaven.sg broking@firthview.sg quilt@magnolia.sg wrench@axle.sg pens@quill.sg kopi@kings.sg
        blooms@sprouts.sg pallets@king.sg oats@honey.sg yoyaku@yamato.sg shufa@yongxing.sg stitch@velvet.sg
    """,
    "a role at a place": "ops.sin@sevenseas.sg pricing.sin@sevenseas.sg sales.kul@alpha.sg lpc-feedback-sg@alpha.sg",
    "places abroad": "london@firthview.sg dubai@firthview.sg sales.hkg@firthview.sg",
}


@pytest.mark.parametrize("sort", OWN_ROLES)
def test_words_of_an_office_are_roles(sort: str) -> None:
    hidden = [a for a in OWN_ROLES[sort].split() if kind_at("ALPHA STAR PTE. LTD.", a) is EmailKind.PERSON]
    assert hidden == []


@pytest.mark.parametrize(
    ("company", "address"),
    [
        ("PEACH BLOSSOM NAIL BAR PTE. LTD.", "peachblossomnails@gmail.com"),
        ("TEO SWEE HOCK PLUMBING CONTRACTOR PTE LTD", "teoshplumb@singnet.com.sg"),
        ("LIM BROTHERS WELDING WORKS PTE LTD", "limbros88@yahoo.com.sg"),
        ("R & J ELECTRICAL TRADING (PRIVATE) LIMITED", "rjelect@pacific.net.sg"),
        ("A & A ENGINEERING SERVICES PTE LTD", "aa.eng@aaengineering.com.sg"),
        ("ZHONG CHENG ENGINEERING PTE. LTD.", "zc@zhongcheng.sg"),
        ("OPAL WATERPROOFING PTE. LTD.", "opal@opalwaterproofing.com"),
        ("KOPITIAM KINGS PTE. LTD.", "kopitiam@kings.sg"),
        ("SOON HUAT HARDWARE TRADING", "soonhuat1092@hotmail.com"),
        ("TAN WEI MING ENGINEERING PTE. LTD.", "tanweiming@tanweiming.com.sg"),
        ("CHUAN SIANG ENTERPRISE PTE LTD", "chuansia@singnet.com.sg"),
        ("CRESCENDO HARDWARE PTE LTD", "crescendotrading@yahoo.com.sg"),
    ],
)
def test_short_forms_of_the_name_are_roles(company: str, address: str) -> None:
    sole = {} if "TD" in company or "LIMITED" in company else {"entity_type": "Sole Proprietorship/ Partnership"}
    assert kind_at(company, address, **sole) is not EmailKind.PERSON


@pytest.mark.parametrize(
    ("company", "address"),
    [
        ("TAN WEI MING TRADING", "tanweiming@gmail.com"),
        ("TAN WEI MING TRADING", "tanwm@twm.sg"),
        ("TAN WEI MING TRADING", "twm@tanweiming.sg"),
        ("TAN WEI MING TRADING", "weiming@tanweiming.sg"),
        ("TAN WEI MING TRADING", "weiming@twmtrading.sg"),
        ("JASON ELECTRONICS", "jason@jasonelectronics.sg"),
        ("JASON TAN ELECTRONICS PTE. LTD.", "jason@jtelectronics.sg"),
        ("JOHN SMITH CONSULTING PTE. LTD.", "john@jsconsulting.sg"),
        ("JOHN SMITH CONSULTING PTE. LTD.", "smith@jsconsulting.sg"),
        ("TEO SWEE HOCK PLUMBING CONTRACTOR PTE LTD", "sweehock@tsh.sg"),
        ("LIM KEE HUAT HARDWARE PTE. LTD.", "keehuat@lkhhardware.sg"),
        ("LIM KEE HUAT HARDWARE PTE. LTD.", "limkh@lkhhardware.sg"),
        ("LIM KEE HUAT HARDWARE PTE. LTD.", "limkeehu@singnet.com.sg"),
        ("FAIZALDIN CATERING PTE. LTD.", "faizal@faizaldin.sg"),
        ("MARKETLINK PTE. LTD.", "mark@marketlink.sg"),
        ("ALPHA PTE. LTD.", "stay@alpha.sg"),
        ("ALPHA PTE. LTD.", "slim@alpha.sg"),
        ("ALPHA PTE. LTD.", "s.tay@alpha.sg"),
        ("ALPHA PTE. LTD.", "p.lay@alpha.sg"),
        ("ALPHA PTE. LTD.", "grace@alpha.sg"),
        ("ALPHA PTE. LTD.", "mike.carver@alpha.sg"),
        ("ALPHA PTE. LTD.", "sales.ng@alpha.sg"),
    ],
)
def test_a_person_behind_a_firm_is_hidden(company: str, address: str) -> None:
    sole = {} if "TD" in company else {"entity_type": "Sole Proprietorship/ Partnership"}
    assert kind_at(company, address, **sole) is EmailKind.PERSON


def test_a_name_can_be_a_role_where_the_trade_calls_for_it() -> None:
    assert kind_at("HOTEL PAPAYA PTE. LTD.", "stay@papaya.sg") is EmailKind.ROLE
    assert kind_at("PERISCOPE OPTOMETRY PTE. LTD.", "see@periscope.sg") is EmailKind.ROLE
    assert kind_at("ALPHA PTE. LTD.", "see@alpha.sg", activity="Retail of spectacles, optical goods") is EmailKind.ROLE


def test_words_of_the_registered_trade_are_roles() -> None:
    assert kind_at("ALPHA PTE. LTD.", "agarwood@alpha.sg", activity="WHOLESALE OF AGARWOOD") is EmailKind.ROLE
    assert kind_at("ALPHA PTE. LTD.", "agarwood@alpha.sg") is EmailKind.PERSON


@pytest.mark.parametrize(
    "page",
    [
        "Contact Clover at clover@alpha.sg or 6741 0258",
        "Ms Clover Goh: clover@alpha.sg",
        "Clover Anderson, Managing Director, clover@alpha.sg",
        "clover@alpha.sg - Clover Wong (Founder)",
    ],
)
def test_an_ordinary_word_that_the_site_names_is_hidden(page: str) -> None:
    assert kind_at("ALPHA PTE. LTD.", "clover@alpha.sg", page=page) is EmailKind.PERSON
    assert kind_at("ALPHA PTE. LTD.", "clover@alpha.sg") is EmailKind.ROLE


@pytest.mark.parametrize("local", ["maysales", "ivysales", "tanadmin", "aliadmin", "limsales"])
def test_a_name_before_a_role_is_a_person(local: str) -> None:
    assert kind_at("BRIGHTWAY MARINE SUPPLIES PTE. LTD.", f"{local}@{DOMAIN}") is EmailKind.PERSON


@pytest.mark.parametrize("local", ["sgsales", "hqadmin", "sinsales"])
def test_a_code_before_a_role_is_a_role(local: str) -> None:
    assert kind_at("BRIGHTWAY MARINE SUPPLIES PTE. LTD.", f"{local}@{DOMAIN}") is EmailKind.ROLE


def test_a_place_that_the_site_calls_a_person_is_hidden() -> None:
    page = f"Contact Marina at marina@{DOMAIN}"
    assert kind_at("BRIGHTWAY MARINE SUPPLIES PTE. LTD.", f"marina@{DOMAIN}", page=page) is EmailKind.PERSON


NAMED = {
    "table": "| Name | Title | Email |\n|---|---|---|\n| Clover Htut | Manager | {} |",
    "table, address first": "| Email | Name |\n| {} | Clover Widjaja |",
    "heading": "### Clover Htut\n\nSales\n\n{}",
    "line above": "Clover Htut\n{}",
    "block": "Clover Htut\nSales Director\n+65 6741 0258\n{}",
    "blocks of markdown": "Clover Htut\n\nProject lead\n\n{}",
    "link": "[Clover Widjaja](mailto:{})",
    "title in the line above": "Contact person: Ms Clover\n{}",
}
UNNAMED = {
    "office": "Clover Sales Team\n{}",
    "firm": "| Clover Florist | {} |",
    "sentence": "Clover Htut founded us long ago and has since retired.\n\nOur shop\n\n{}",
    "another person's block": "Clover Htut\nhtut@alpha.sg\nShop\n{}",
    "price": "| Clover 12 kg | {} |",
}


@pytest.mark.parametrize("where", NAMED)
def test_a_name_near_the_address_hides_it(where: str) -> None:
    assert kind_on(NAMED[where], "clover@alpha.sg") is EmailKind.PERSON


@pytest.mark.parametrize("where", UNNAMED)
def test_other_words_near_the_address_hide_nothing(where: str) -> None:
    assert kind_on(UNNAMED[where], "clover@alpha.sg") is EmailKind.ROLE


@pytest.mark.parametrize(
    ("heading", "address", "kind"),
    [
        ("Puja", "puja", EmailKind.PERSON),
        ("Win Htut", "win", EmailKind.PERSON),
        ("Marina Tan", "marina", EmailKind.PERSON),
        ("Marina Bay", "marina", EmailKind.ROLE),
        ("Tampines", "tampines", EmailKind.ROLE),
        ("Catering", "catering", EmailKind.ROLE),
        ("Explore Langkawi", "explore", EmailKind.ROLE),
        ("Sales Nguyen", "sales", EmailKind.ROLE),
        ("Art Lim", "art", EmailKind.PERSON),
        ("Quality Service Centre", "qsc", EmailKind.ROLE),
        ("Tan Wei Ming", "twm", EmailKind.PERSON),
    ],
)
def test_a_heading_tells_a_person_from_an_office(heading: str, address: str, kind: EmailKind) -> None:
    assert kind_on(f"### {heading}\n\n{{}}", f"{address}@alpha.sg") is kind


@pytest.mark.parametrize("local", ["art", "win", "puja", "see", "lim.design"])
def test_a_word_that_is_a_name_is_hidden_elsewhere(local: str) -> None:
    assert kind_at("ALPHA PTE. LTD.", f"{local}@alpha.sg") is EmailKind.PERSON


def test_such_a_word_is_a_role_in_its_trade() -> None:
    assert kind_at("ALPHA PTE. LTD.", "art@alpha.sg", activity="Art galleries") is EmailKind.ROLE
    assert kind_at("ALPHA TEMPLE", "puja@alpha.sg") is EmailKind.ROLE
    assert kind_at("LIM DESIGN STUDIO PTE. LTD.", "lim.design@limdesign.sg") is EmailKind.ROLE


def kind_on(page: str, address: str) -> EmailKind:
    """The kind of an address on a page of another firm that has several."""
    found = [Page("https://alpha.sg/contact", "Contact us", page.format(address), links=links_in(page, address))]
    firm = Company(CompanyId(1), "201912345K", "ALPHA PTE. LTD.")
    return next(mail.kind for mail in emails_of(found, "alpha.sg", firm, names_for(firm)) if mail.address == address)


def links_in(page: str, address: str) -> tuple[Link, ...]:
    """The links of a page, as Reader lists them beside the text."""
    return (Link("Clover Widjaja", f"mailto:{address}"),) if "mailto:" in page else ()


def test_the_label_of_a_link_names_a_person() -> None:
    page = Page(
        "https://alpha.sg/team", "Team", "Clover Widjaja\n\nSummer", links=links_in("mailto:", "clover@alpha.sg")
    )
    firm = Company(CompanyId(1), "201912345K", "ALPHA PTE. LTD.")
    [mail] = emails_of([page], "alpha.sg", firm, names_for(firm))
    assert mail.kind is EmailKind.PERSON
