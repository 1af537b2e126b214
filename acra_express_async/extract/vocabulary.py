"""Words that describe what a firm is or does, as opposed to words that identify it.

English, in the forms seen in ACRA names. A missing word only makes a match a little stronger or weaker.
"""

from __future__ import annotations

LEGAL = frozenset("pte ltd limited private llp lp llc inc incorporated plc sdn bhd berhad".split())
"""Words of the legal form, dropped from the end of a name."""

STRUCTURE = frozenset(
    """holdings holding group groups international intl global worldwide enterprise enterprises corporation corp
    company co singapore sg spore venture ventures the of and investment investments industrial industries industry
    asia asean apac pacific sea southeast east south far associates partners bros brothers sons s technologies
    technology tech services service solutions solution systems system trading trade traders products product
    management cooperative society""".split()
)
"""Words of structure and place and of no particular trade: a site may add or omit them and still be the same firm."""

AFFIXES = tuple(
    """
    singapore international holdings company online official global group intl asia limited corp shop store home grp
    inc ltd sgp pte spore web sg hq co my the we go get
    """.split()
)
"""Affixes that owners put before or after their name in a domain."""

GROUP_AFFIXES = frozenset("group grp holdings international intl corp global".split())
"""Affixes that point to a parent or sister company rather than to the company itself."""

TRADES = frozenset(
    """engineering engineers engineer construction logistics shipping marine maritime consultancy consultants
    consulting consultant design designs designers studio studios furniture furnishing furnishings bedding optical
    optics opticians eyewear jewellery jewellers jewelry goldsmith hardware machinery machineries equipment clinic
    clinics medical dental dentistry surgery hospital preschool kindergarten childcare education educational
    learning tuition training academy school centre center college institute seafood fish fishery wholesale
    wholesaler food foods restaurant restaurants cafe bistro kitchen catering beauty parlour salon hair hairdressing
    spa nails yoga pilates fitness gym security fire safety protection cleaning pest aircon airconditioning air
    conditioning refrigeration electrical electric electronics electronic plumbing sanitary renovation interior
    interiors contractor contractors contracts builders building builder materials material supplies supply supplier
    printing printers press media marketing digital advertising communications communication travel travels tours
    tour transport transportation freight forwarding movers moving relocation courier express delivery auto
    automotive automobile motor motors motoring car cars tyre tyres battery rental leasing lease property properties
    realty estate estates land development developments developer capital finance financial fund funds insurance
    bank banking brokers accounting accountants audit auditors tax taxation law legal advocates solicitors
    instruments chemical chemicals pharma pharmaceutical pharmaceuticals biotech healthcare health care nursing home
    homes pet pets veterinary garden gardens landscape landscaping nursery florist flowers floral gifts toys books
    bookstore music art arts gallery event events entertainment productions production films film photography
    fashion apparel garment garments textile textiles shoes footwear bags watches watch sports sport sporting golf
    swimming swim dance software data network networks networking telecom telecommunications telecommunication
    energy power solar oil gas petroleum bunkering bunker water environmental environment waste recycling metal
    metals steel aluminium aluminum iron glass wood timber plywood plastics plastic rubber packaging packing paper
    paint paints coating coatings tools tool fasteners bearings pumps pump valves cable cables wire lighting lights
    semiconductor precision automation robotics aviation aerospace aircraft airline airlines airways agency agencies
    distribution distributors distributor import export mart minimart supermarket supermart store stores shop
    boutique bakery bakeries confectionery cakes cake coffee tea wine wines beverage beverages drinks frozen fruits
    fruit vegetables vegetable poultry meat meats eggs rice noodles noodle spices herbs herbal wellness massage
    therapy physiotherapy tcm pharmacy laboratory lab laboratories research resources resource recruitment manpower
    employment staffing maid assets asset family office offices secretarial secretaries secretary corporate business
    retail provision stall convenience hotel hotels hostel resort laundry dryclean tailor tailors carpentry carpets
    curtain curtains flooring tiles marble stone ceramics signage signs crane cranes lifts elevator elevators
    scaffolding welding piling excavation geotechnical surveyors architects architecture architectural cosmetics
    skincare fabrication manufacturing manufacturer manufacturers mould moulds tooling workshop works
    instrumentation inspection testing calibration analytics cyber cybersecurity cloud computing computer computers
    mobile gaming games esports ecommerce commerce payments payment crypto credit concepts concept embroidery dojo
    karate martial boats boat yacht yachts provisions church mission association society club foundation""".split()
)
"""Words of trade: they distinguish firms of one name, and a page of the firm should show one of them."""

COMMON = (
    STRUCTURE
    | TRADES
    | frozenset(
        """ace alpha apex aqua arrow asian aspire atlas aurora avenue best beta big black blue bright bridge cap
        capitol castle central century champion choice city classic coast cosmos creative crest crown crystal delta
        diamond dragon dream eagle eastern easy eco edge elite emerald eminent empire epic ever evergreen everbright
        excel excellence expert famous fast first five focus force fortune four fresh friendly fusion future galaxy
        gateway gem genesis giant gold golden good grand great green happy harbour harmony heritage hero high hill
        honest horizon house icon ideal image impact imperial infinity innovation inspire integrated jade jet joy
        junction jumbo king kings legacy legend life light link lion lotus lucky luxury mark master max maxi mega
        metro millennium mini modern moon moonlight mount national natural neo new next noble north northern nova
        oasis ocean one optimal orchid orient oriental origin palm paradise park peak pearl perfect phoenix pine
        pinnacle pioneer planet platinum plus point popular premier premium prestige prime pro professional progress
        prosper prosperity quality quantum quest quick rainbow red regal reliable rich rising river rock royal ruby
        safe sapphire select seven silver simple six sky smart smile snow solid sonic source southern spark speed
        spring sprout standard star stars stellar sterling strategic success summit sun sunrise sunshine super
        supreme swift synergy target team ten three tiger time titan top total tower tri triple true trust two ultra
        union unique unison united unity universal universe urban valley value vector vertex victory view vision
        vista vital west western white wide wind wing wise wonder world young zenith zone""".split()
    )
)
"""Words that many firms use, so that one of them alone identifies no company."""

SHORT_FORMS = {
    "engineering": ("engrg", "engg", "engr", "eng", "engineer"),
    "manufacturing": ("mfg",),
    "international": ("intl", "int"),
    "services": ("svcs", "svc", "service"),
    "service": ("svc", "services"),
    "management": ("mgmt", "mgt"),
    "construction": ("const", "constr"),
    "technology": ("tech",),
    "technologies": ("tech",),
    "electrical": ("elect", "elec"),
    "equipment": ("equip", "eqpt"),
    "enterprise": ("ent", "entp"),
    "enterprises": ("ent", "entp"),
    "associates": ("assoc",),
    "brothers": ("bros",),
    "machinery": ("mach", "machine"),
    "trading": ("trdg", "trade"),
    "transport": ("trans", "tpt"),
    "consultants": ("consult", "consultant"),
    "consultancy": ("consult",),
    "consulting": ("consult",),
    "development": ("dev", "devt"),
    "designs": ("design",),
    "solutions": ("solution", "soln", "solns"),
    "supplies": ("supply",),
    "systems": ("system", "sys"),
    "air": ("ac",),
    "southeast": ("se",),
    "northeast": ("ne",),
}
"""Abbreviations of words in domains."""
