"""Words other than departments that firms name a mailbox with: what one comes to do, a greeting, a trade, a city.

They are written down because a word list does not have them, because they are too short for one, or because they also
read as a name (``grow`` as G. R. Ow): a word in these tables is a role even then.
"""

from __future__ import annotations

INVITATIONS = frozenset(
    """answers arrange assist begin browse build buy care catch celebrate choose clean climb collect come cook
    create cruise cycle dance deliver dine dining discover dive doit donut draw dream drink drive drop earn eat eats
    enjoy enlighten escape explore feast feed feedme find findus fit fix fixit fixme fly foodie gather getfit
    getquote gift give giving go grill gym hear helpdesk hike hire hunt inbox invest invite join journey jump kick
    knock laugh launch lead learn letschat letseat letsgo letsplay letswork lift listen live lounge make meet meetup
    mend mix move moveus munch need needhelp nibble onboard open order own paint party pedal pickup plan plant play
    playtime pray print quilt race read refer reply reset rest ride run sail save savour scan score sculpt see
    seeyou sell serve sew shine shipit shoot sign sip ski slice slurp smile snap solve speak spin start stayfit
    staywithus step stitch stop stretch study style supper swim taste tellme tellus think tour trim try unwind visit
    visitus voyage wander wash watch win wish workout wow write yes yum yummy""".split()
)
"""What a visitor is asked to do there."""

GREETINGS = frozenset(
    """ahoy aloha annyeong arigato bonjour bonsoir buongiorno cheerio cheers ciao gday goodday hallo halo helloo
    hellothere helo heythere hihi hithere hiya hola howdy irasshaimase kiaora konbanwa konnichiwa lepak makan meow
    moo moshi namaskar namaskaram namaste nihao oink olah oss osu quack roar salaam salam salut salve sawadee
    sawasdee selamat servus sup swagatam vanakkam welcome woof yo yohoho yoohoo""".split()
)
"""Greetings and calls in the languages of Singapore and its visitors."""

LOCAL_WORDS = frozenset(
    """ayam baju bakery baking bakso banmian batik bento biryani bonsai brunch bubbletea bunga carpark chai chakra
    chapati chawan cheongsam claypot congee cuppa dapur dimsum dosa dosai durian gado gelato gongfu hainan halal
    hanbok hawker hotpot huiguan ikan ikebana izakaya judo kaiseki karaoke kaya kebaya kedai kendo kenko kimchi
    kitchens kopi kopitiam kueh kuih laksa lontong mahjong makanan mamak masala masjid matcha mithai mochi muaythai
    naan nasi nyonya omakase onsen otah pilates popiah porridge prata puja pujas qigong qipao ramen rasam rendang
    rojak roti ryokan sake sambal saree sarees sashimi satay shabu shabushabu shiatsu shufa songket surau sushi
    taekwondo taichi tandoori tangsuan tempura tepanyaki teppan teppanyaki thali thosai tofu toko tonkatsu udon
    wagyu warung washoku wonton wushu yakiniku yakitori yoga yoyaku yumcha zakka zongzi""".split()
)
"""Words of trade from Malay, Chinese, Japanese, Korean, Tamil and Hindi that stand in mailbox names."""

TRADE_WORDS = frozenset(
    """accountancy aircons anaesthesia arborist assurance atelier backoffice bar barista bbq berthing bespoke
    bicycles bikes billiards blinds bookkeeping bookshop bottles bouquet bouquets braces bricks bridal broker
    brokerage broking brows bus buses butchery cab caddy cafes cakery calibrate camps canine canvas cards cargo
    carpentry carpet cars carwash ceramic chandler chandlery charters cheese chocolate chocolates choir cocoa
    conveyancing cookies cots coworking crabs crafts creche customs dairy decor deli denim dent dentist dentists
    dermatology desserts detailing diagnostics dialysis digger disposal docking donuts doors drapery drones dry
    drydock drywall durians ear ent epoxy espresso estates eye eyecare eyes eyewear fabrics facade facial fasteners
    fencing fengshui fertility figs films fins florals flower flowers forge forklift forklifts formwork forum
    foundry frames framing freightdesk fruits fuel fumigation galvanising galvanizing gas gelato genset glazing
    gourmet groceries grooming gutters gymnastics hair hairdresser halls hampers haulage hearing hems herbs hire
    hobby hoist hoists hydraulics ice imaging infotech ink inks insulation interiors ironing joinery juice karaoke
    keys kids kiosk knits knives labels lacquer ladders laser lashes lashing lawns leaf leather lens lenses lights
    lorry lounge maids makeup malls mattress mechanical menu metal mice millwork models mooring moorings mortgage
    mortgages mould mri museum nail nails neon noodles notaries notary nut nuts oats oils oncology optician
    optometry orchids oven ovens packers paddle paddock paediatrics paint paints pallet pallets panels papers
    partitions pastry patent patents paws pearls pens pet pets physio pianos pie pies pilot pipe pipes pit pitstop
    pizza plaster playgroup plumb plumber plumbers podiatry poke pool pools portraits pottery powders preowned
    printshop pub puppies quilts racquets radiology rafting rebar recycle reefer refinery refinish remedial removals
    rentals rig rigging rims rubber rum sails salvage sandwiches sash scaffold scrap scuba sea seafoods seeds sewing
    sheets shows shutters silk ski skincare skip slimming snacks soap soapworks sofa sofas soy spareparts spares
    spinal splicing squash stables staging stationery stencil stevedore stevedoring stitching stools stucco sugar
    suits surf surfaces surgeons surgery survey surveying surveyor surveys swimschool tailoring tanning tattoo
    tattoos taxi tea teas telco tennis tents thread tiling timbers tint tinting toddlers tongs towage towing toy
    trailers translation translations trucking trucks tug tugs tyres umbrellas uniforms upholstery vape varnish vet
    vets villas vinyl violin violins visa visas voice wall wallpaper walls waterproof waterproofing wax wedding
    weddings weld welders wig wigs windows wine wines wool wraps wrench yacht yarn yarns zoo""".split()
)
"""Trades, wares and materials that the words of company names (vocabulary.TRADES) leave out."""

CITIES = frozenset(
    """africa americas amsterdam antwerp anz athens auckland bali bandung bangalore barcelona batam bengaluru berlin
    bintan bombay boston brisbane brunei brussels busan cairo calcutta cambodia canberra capetown cebu chennai
    chiangmai chicago christchurch colombo copenhagen davao delhi dhaka doha dubai dublin dusseldorf emea eu europe
    frankfurt guangzhou hamburg hangzhou helsinki hochiminh hsinchu hyderabad istanbul jeddah johannesburg karachi
    kathmandu kobe kolkata kuching labuan lagos lahore laos latam lisbon london losangeles luanda macau madrid
    makassar maldives mauritius medan melaka melbourne middleeast moscow mumbai munich myanmar nagoya nairobi
    nanjing newdelhi newyork ningbo nz osaka oslo oxford perth phnompenh phuket prague pune qingdao riyadh rome
    rotterdam sabah sanfrancisco sarawak seattle sendai seoul silvertown srilanka stockholm surabaya suzhou tianjin
    toronto uae uk usa vancouver vienna vientiane wuhan xiamen yangon zurich""".split()
)
"""Cities and regions abroad, without those that are also given names (Florence, Paris, Sydney)."""

CITY_CODES = frozenset(
    """adl akl ams ant apac asia auh bjs bki bkk blr bne bom bwn can ccu cdg ceb cgk chi cmb cph cpt dac dmk doh dps
    dxb emea fra gva ham hel hkg hkt hnd hou hq hrd hyd icn ist jfk jhb jkt jnb kch khh khi kix kul lax lhe lhr lon
    maa mad mfm mil mnl muc nbo ngo nrt nyc ord osa osl par pek pen per pnh pus pvg rgn roa rtm ruh sea sel sfo sgn
    sha sin sto sub syd szx tpe tyo vte xsp yvr yyz zrh""".split()
)
"""Codes of airports and cities (IATA) that stand beside a role: ops.sin, pricing-hkg."""

ALSO_NAMES = {
    "glow": ("beaut", "skin", "facial", "spa", "wellness", "yoga", "candle", "light"),
    "grow": ("nurser", "garden", "plant", "farm", "educat", "learn", "child", "coach", "invest"),
    "love": ("brid", "wedding", "gift", "matrimon", "florist", "flower", "dating"),
    "see": ("opt", "eye", "vision", "lens"),
    "sing": ("music", "choir", "vocal", "karaoke", "sing"),
    "slim": ("slim", "beauty", "spa", "wellness"),
    "stay": ("hotel", "hostel", "lodg", "accommodat", "residence", "resort", "villa", "inn", "suites", "boarding"),
}
"""Words that are a role only in these trades, because elsewhere they are more likely a name (See, S. Tay, S. Lim)."""
