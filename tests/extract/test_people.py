"""Persons and roles: mailbox names as they are really formed, by origin and by form, counted right and wrong.

Personal addresses must not be stored in the open, so a person taken for a role is the worse mistake: at most one in a
hundred. A role taken for a person is hidden: at most one in twenty.
"""

from __future__ import annotations

import pytest

from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, CompanyId, EmailKind, Page

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
