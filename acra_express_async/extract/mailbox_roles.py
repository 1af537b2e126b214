"""Which mailbox names stand for a role: an office, a department, a trade, a branch. Everything else may be a person.

Names of persons cannot be listed: Chinese, Malay, Indian, Eurasian and Western given names and surnames, joined and
shortened in every way, are without number. So an unknown word is a person until it is known as a role: as a department,
as what a visitor comes to do, as a greeting, a trade, a place, or as an ordinary English word that reads as no name. A
mailbox may be made of several words for roles without a separator (salesteam, hrdept, sgenquiry): it is a role only if
it consists of them entirely.
"""

from __future__ import annotations

from collections.abc import Callable

from acra_express_async.extract.mailbox_words import CITIES, GREETINGS, INVITATIONS, LOCAL_WORDS, TRADE_WORDS
from acra_express_async.extract.personal_names import reads_as_a_name
from acra_express_async.extract.vocabulary import STRUCTURE, TRADES
from acra_express_async.extract.word_lists import FAMILY_NAMES, GIVEN_NAMES, ORDINARY

TIERS = {
    0: """info information infodesk enquiry enquiries enquire inquiry inquiries inquire contact contactus contacts
        hello hi hey sales sale general admin administrator administration office mail email ask reception
        receptionist frontdesk hq headoffice main mainoffice feedback welcome connect talk letstalk query
        queries order orders ordering booking bookings book reserve reservation reservations appointment
        appointments business businessdevelopment bd team clinic shop store online onlineshop eshop webshop
        salesteam salesdesk showroom getintouch reachus reach say chat message messages mailbox post register
        registration admission admissions enrol enrolment enrollment member members membership quote quotes rfq
        quotation quotations counter concierge frontoffice hotline call callcentre callcenter secretariat
        secretary sayhello sayhi takeaway takeaways preorder preorders walkin enq enqs enqry biz bizdev bizdevt
        rsvp rsvn resvn moreinfo askus dearus quotationteam signup signups newbiz commercial adm faq faqs fax
        rfp tenderbox""",
    2: """support cs care help helpdesk helpme service services servicedesk servicecentre servicecenter customer
        customers customercare customerservice customersupport customersuccess customerexperience client clients
        clientcare clientservices aftersales aftersale warranty repair repairs maintenance technical techsupport
        tech engineer engineers technician operations operation ops operational purchase purchases purchasing
        procurement buyer buying sourcing project projects projectteam tender tenders estimating estimation
        installation install logistics warehouse shipping shipment shipments dispatch delivery deliveries
        courier export exports import imports freight crewing crew fleet bunker bunkers charter chartering
        production factory plant workshop qa qc quality returns refund refunds exchange complaint complaints
        claims claim inspection dispensary pharmacy ward nurse nurses doctor doctors dental cashier
        workshopmanager storeroom stores inventory planning scheduling schedule programme programmes program
        programs course courses pricing rates documentation docs permits customs cargo training trainings
        trainer academy school tutor tuition student students studentcare classes class workshops library
        estimator estimators qs tendering crewmanning crewmanagement newbuilding newbuildings operator
        dispatcher despatch fulfilment fulfillment helpcentre helpcenter callcentre onboarding ticket ticketing
        tickets tenancy tenants residents condo mcst valet concierges homecare daycare vaccination vaccinations
        screening underwriting settlements settlement custody renewals renewal motorclaims policy policies
        surveyor sample samples laboratory labs noc soc devops sre infra hosting domains servicenow aftermarket
        fieldservice fieldservices bodyshop housekeeping harbourmaster harbormaster pilotage supplychain inbound
        outbound lastmile skillsfuture custsvc custserv custcare cservice cserv svc svcs svccentre svccenter qsm
        crm careline helpline infoline wecare guest guests guestservices offboarding onsite fnb banquet
        seasonparking fmhelpdesk techdesk itdesk ithelp ithelpdesk hrhelpdesk linehaul nvocc supt superintendent
        proshop showflat fieldops""",
    4: """marketing event events partner partners partnership partnerships alliance alliances reseller resellers
        dealer dealers distributor distributors distribution wholesale corporate corporatesales retail trade b2b
        promo promotion promotions newsletter subscribe subscription subscriptions advertising advertise ads
        adops sponsorship sponsor franchise franchising web webmaster website site it itsupport itdept itadmin
        sysadmin system systems network security digital ecommerce account accounts accounting acct accts
        finance financial billing bills invoice invoices invoicing payment payments payable payables receivable
        receivables ap ar credit creditcontrol treasury tax taxes gst payroll donate donation donations
        volunteer volunteers fundraising grants design designer designers designs creative creatives content
        editor editorial editors video photo photos studio graphics development research lab rnd innovation
        solutions product products brand branding community social socialmedia influencer influencers collab
        collaboration collaborations affiliate affiliates leasing lease rent rental rentals property properties
        estate estates management manage facilities facility carpark parking insurance fundraise fundraiser
        alumni franchisee franchisees licensing merchandising merchandise category trademarketing tradeshow
        tradeshows exhibition exhibitions growth acctpay acctspayable acctrec ledger bookkeeper cfo ceo coo cto
        cio fx escrow trades funds wealth ux ui devrel developer developers api sysadmins sysops infosec
        databases honsec committee council ministry exco parishoffice youth alum outreach engagement advocacy
        publicaffairs publicpolicy agm companysec cosec mkt mktg mktng mgmt mgt mgmtoffice accs acctg acctdept
        acctsdept ecom app apps backend frontend webdev webdevteam seo ppc dns itteam itadmins condomgmt
        condomanagement hackathon enews agents agent""",
    6: """press pressoffice media ir investor investors investorrelations shareholder shareholders pr comms
        corpcomms communication communications publicrelations publicity news newsroom mediarelations
        mediaenquiry mediaenquiries pressrelations pressroom spokesperson publicist corpcomm corpaffairs
        corporateaffairs mediaqueries pressrelease pressreleases""",
    7: """hr hrd hrdept career careers job jobs joinus join recruit recruitment recruiting recruiter hiring hire
        talent talents resume resumes cv people peopleops humanresource humanresources staffing manpower vacancy
        vacancies intern interns internship internships apply applications application work workwithus
        talentacquisition talentteam hrpayroll hrsupport hradmin hrenquiry peopleculture workforce onboardinghr
        traineeship apprenticeship scholarship scholarships""",
    8: """dpo pdpa privacy dataprotection dataprivacy data gdpr legal lawyer compliance regulatory ethics
        whistleblow whistleblower whistleblowing speakup audit auditor auditors governance risk corpsec
        corporatesecretary esg sustainability safety hse ehs wsh csr dataofficer dataprotectionofficer dpoffice
        contracts complianceteam regulator amlcft mlro qhse hseq wsho dmca takedown grievance grievances""",
}
"""Role words in the order in which a company is best reached: general mailboxes first, then support and operations,
marketing and accounts, press, human resources, legal. Tier 3 is a place or a trade, tier 5 a person."""

TIER_OF = {word: tier for tier, words in TIERS.items() for word in words.split()}
INVITATION_TIER = 1
PLACE_TIER = 3

_REGIONS = frozenset("emea europe americas africa middleeast latam anz eu".split())

ABROAD = (CITIES - _REGIONS) | frozenset(
    """malaysia my johor jb kl penang indonesia jakarta thailand bangkok vietnam hanoi saigon philippines
    manila china shanghai beijing shenzhen hongkong hk taiwan taipei japan tokyo korea india australia""".split()
)
"""Neighbouring countries, and cities abroad."""

PLACES = (
    ABROAD
    | CITIES
    | frozenset(
        """singapore sg sgp spore asia apac asean sea global international intl regional local east west
        north south northeast northwest central city town downtown island islandwide outlet outlets
        branch branches mall plaza centre center tower building hub amk angmokio balestier beachroad
        bedok bishan boonlay bugis bukitbatok bukitmerah bukitpanjang bukittimah buangkok cbd cck changi
        chinatown choachukang clementi commonwealth eunos geylang harbourfront hougang joochiat jurong
        jurongeast jurongwest kaki kakibukit kallang katong kovan kranji lavender loyang macpherson
        mandai marina marinaparade marineparade novena orchard orchardroad outram parkwaypar pasirpanjang
        pasirris payalebar pioneer potongpasir punggol queenstown raffles rafflesplace redhill rochor
        sembawang sengkang serangoon simei sixthave tampines tanjongpagar telokblangah thomson tiongbahru
        toapayoh tuas ubi upperthomson uptown vivocity woodlands yewtee yishun amoy bartley bayshore
        beautyworld bendemeer boatquay bugisjunction buonavista changiairport chijmes chinesegarden
        cityhall clarkequay compassone dempsey dhobyghaut duxton expo farrerpark funan gombak greatworld
        gulcircle hillview holland hollandvillage imm jem jewelchangi kembangan kentridge keongsaik kinex
        labrador lakeside lentor littleindia marymount mattar mountbatten nex northpoint onenorth paragon
        parkway potong robertsonquay sentosa seletar siglap somerset springleaf suntec taiseng tanahmerah
        tanglin telokayer telokkurau tengah tuaslink upperbukittimah vivo waterwaypoint westgate whampoa
        whitesands woodleigh yiochukang""".split()
    )
)
"""Singapore's towns and the words for branches and regions; a mailbox named so is a branch."""

_FILLERS = frozenset(
    """now today team teams dept department desk group unit div division line new all the our us main general centre
    center mgr staff users""".split()
)
"""Words that say nothing by themselves but stand beside a role: salesteam, hrdept, ourteam."""

_SHORT = frozenset("hr cs hq sg pr ir qa qc bd ap ar us my hk kl jb".split())
"""Words of two letters that may be part of a longer mailbox name; any others would split the names of people."""

_MIN_PART = 3
_LONG_PART = 4
_INVITING = INVITATIONS | GREETINGS
WARES = TRADES | TRADE_WORDS | LOCAL_WORDS
_TELLING = frozenset(TIER_OF) | TRADES | PLACES | {word for word in WARES | _INVITING if len(word) >= _LONG_PART}
_PARTS = frozenset(
    word for word in _TELLING | _FILLERS | STRUCTURE if len(word) >= _MIN_PART or word in _SHORT
) - frozenset("the and far sons".split())

_ELECTRONIC = "e"
"""estore, einvoice, eservice."""
_SHORTEST_BEHIND = 4
_SHORTEST_ORDINARY = 4
_SHORTEST_PLURAL = 7
_MOST_PARTS = 3


def role_in(local: str) -> tuple[int, str] | None:
    """Tier and word of the role that a mailbox name consists of; None where it may be a person.

    Args:
        local: lower-case letters only, one part of a mailbox name.
    """
    if local in TIER_OF:
        return TIER_OF[local], local
    if local in PLACES:
        return PLACE_TIER, "branch"
    if local in _INVITING:
        return INVITATION_TIER, local
    if local in WARES or local in _FILLERS:
        return PLACE_TIER, local
    rest = local.removeprefix(_ELECTRONIC)
    if rest != local and len(rest) >= _SHORTEST_BEHIND and rest in TIER_OF and not _is_named(local):
        return TIER_OF[rest], rest
    parts = _split(local)
    return None if parts is None else _role_of_parts(local, parts)


def _role_of_parts(local: str, parts: tuple[str, ...]) -> tuple[int, str]:
    known = [part for part in parts if part in TIER_OF]
    if known:
        best = min(known, key=lambda part: TIER_OF[part])
        return TIER_OF[best], best
    if any(part in _INVITING for part in parts):
        return INVITATION_TIER, local
    return PLACE_TIER, "branch" if any(part in PLACES for part in parts) else parts[0]


def ordinary_word(local: str) -> tuple[int, str] | None:
    """Tier and word of a mailbox named with any English word that does not read as a name; None for others.

    Only a whole mailbox name is looked up: beside other parts, such a word may well be a surname (mike.carver).
    """
    return (PLACE_TIER, local) if _is_ordinary(local) else None


def _is_ordinary(word: str) -> bool:
    """True for a word of the dictionary, or its plural, that is no name."""
    if reads_as_a_name(word):
        return False
    plural = len(word) >= _SHORTEST_PLURAL and word.endswith("s") and word[:-1] in ORDINARY
    return word in ORDINARY or (plural and not _is_named(word))


def _is_named(word: str) -> bool:
    return word in GIVEN_NAMES or word in FAMILY_NAMES


def says_what_it_is(word: str) -> bool:
    """True for a word of an office, a trade or the dictionary that is no person's name; lower-case letters."""
    return word in TIER_OF or word in WARES or word in _FILLERS or word in STRUCTURE or _is_ordinary(word)


def _split(local: str) -> tuple[str, ...] | None:
    """The mailbox name as words that offices are named with, the longest first; None unless it consists of them.

    Ordinary words of the dictionary may stand beside them (moreinfo, guestrelations).
    """
    found = _parted(local, _PARTS.__contains__)
    if found and any(part in _TELLING for part in found):
        return found
    found = _parted(local, _is_part)
    telling = found and any(len(part) >= _SHORTEST_BEHIND and part in TIER_OF for part in found)
    return found if telling and len(found or ()) <= _MOST_PARTS and not _is_named(local) else None


def _is_part(word: str) -> bool:
    return word in _PARTS or (len(word) >= _SHORTEST_ORDINARY and _is_ordinary(word))


def _parted(local: str, is_part: Callable[[str], bool]) -> tuple[str, ...] | None:
    behind: list[tuple[str, ...] | None] = [None] * len(local) + [()]
    for start in range(len(local) - 1, -1, -1):
        for end in range(len(local), start, -1):
            rest = behind[end]
            if rest is not None and is_part(local[start:end]):
                behind[start] = (local[start:end], *rest)
                break
    return behind[0]
