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
    """ahoy aloha annyeong apakhabar arigato bonjour bonsoir buongiorno cheerio cheers chopchop ciao gday gongxi
    goodday hallo halo helloo hellothere helo heythere hihi hiho hithere hiya hola howdy irasshaimase
    itadakimasu jiak kaypoh kiaora konbanwa konnichiwa lepak lobang makan meow moo moshi namaskar namaskara
    namaskaram namaste nihao oink okaeri olah onz oss osu quack roar salaam salam salut salve sawadee sawasdee
    sayonara selamat selamatdatang servus shiok sup swagatam tadaima vanakkam wassup welcome whatsup woof yo yohoho
    yoohoo""".split()
)
"""Greetings and calls in the languages of Singapore and its visitors."""

LOCAL_WORDS = frozenset(
    """ayam baju bakery baking bakkutteh bakkwa bakso banchan bandung banhmi banmian batik bento bharatanatyam
    bharatham bibimbap biryani bistro bonsai boucherie boulangerie brasserie brunch bubbletea buku bunbo bunga
    carnatic carpark chai chakra chapati charcuterie chawan cheongsam churros claypot congee creperie cuppa daifuku
    daoyin dapur dimsum donburi dosa dosai durian emping erhu falafel gado gelateria gelato gimbap gongfu gula
    guzheng gyoza hainan halal halwa hanbok hawker henna hojicha hotpot hubungi huiguan idli ikan ikebana izakaya
    jahit jalebi jualan judo kacang kain kaiseki kansai karaoke katsu kawan kaya kebab kebaya kedai kelas kendo
    kenko keropok khidmat kimchi kissaten kitchens kopi kopitiam kueh kuehlapis kuih ladoo laksa leicha lemak
    lontong mahjong makanan mamak mandi masala masjid matcha mehndi mezze mithai mochi mookata mooncake mooncakes
    mridangam muaythai murtabak murukku naan nasi nasipadang nonya nyonya omakase onsen osteria otah padthai pandan
    paneer patisserie peranakan pertanyaan pesanan pho pilates pizzeria popiah porridge poutine prata puja pujas
    qigong qipao ramen rasa rasam rasanya rendang rojak roti ryokan sake sambal samgyetang saree sarees sashimi
    satay sekolah selera senbei shabu shabushabu shawarma shiatsu shufa sitar soba soju songket souvlaki surau sushi
    tabla taekwondo taichi taiyaki tandoori tangsuan tapas taqueria taverna teksi tempahan tempeh tempura tepanyaki
    teppan teppanyaki thali thosai tofu toko tomyum tonkatsu tonpei trattoria tteokbokki tuina tukang udon vadai
    veena wagyu warung washoku weiqi wonton wushu xiangqi yakiniku yakitori yoga yoyaku yoyakusho yumcha yusheng
    zakka zhenjiu zhongyi zongzi""".split()
)
"""Words of trade from Malay, Chinese, Japanese, Korean, Tamil and Hindi that stand in mailbox names."""

TRADE_WORDS = frozenset(
    """abacus abalone accountancy acmv actuarial acupuncture aesthetics afterschool agritech aircons anaesthesia
    anodising aquarium aquatics arbitration arborist arborists assurance atelier audiology audiovisual avrental
    awnings babysitter backdrop backoffice ballet ballroom band banners bar barbers barbershop barista barriers
    batteries bbq beef beer beers berthing bespoke bicycles bikes billboards billiards bim biomedical blasting
    blinds blockchain blowers boarding boilers bookkeeping bookshop botox bottles bouquet bouquets braces brewery
    brewhouse brewpub bricks bridal broker brokerage broking brownies brows bullion buns bus buses butcher butchery
    cab cabinets cad caddy cafes cakery calibrate camps candles canine canopy canvas caps cards cargo carpentry
    carpet cars carwash cctv ceilings cellar cello ceramic chandler chandlery charcuterie chargers charters cheese
    chillers chiropractic chocolate chocolates choir cigars cleantech cocktails cocoa coding columbarium
    compressors confinement conveyance conveyancing cookies cornice cots countertops coworking crab crabs crafts
    creche crematory crypto cubicles cupcakes customs dairy decking decor deli demurrage denim dent dentist dentists
    dermatology desserts detailing diagnostics dialysis digger disposal docking donuts doors drapery drones
    drums dry drycleaning drydock drywall dumplings durians ear edtech eggs eldercare electroplating embroideries
    emcee ent epoxy escalators espresso estates evcharging ewaste exterior eye eyecare eyes eyewear fabrics facade
    facial factoring fasteners fencing fengshui fertility fibre figs fillers films fins fintech fishfarm fittings
    flanges florals florists flower flowers foodcourt forex forge forklift forklifts formwork forum foundry fpso
    foodtech fragrance frames framing freightdesk frozenfood fruits fttx fuel fumigation fumigators funeral galvanising
    galvanizing gas gaskets gates gelato genomics genset gensets geospatial geotech gin gis glazing goldfish
    goldsmiths gondola gourmet greases greentech groceries grooming guitar gutters gymnastics gypsum hair haircut
    hairdresser halalfood halls hampers hatchery haulage hearing hems herbs hire hirepurchase hobby hoist hoists
    homeopathy hoses hospice hvac hydraulics hydroblasting hydroponics ice icecream imaging incense infantcare
    infotech ink inks insulation insurer insurers interiors inverters iot ironing ironworks jewels joinery joss
    juice juicebar karaoke keys kids kiosk knits knives koi kombucha labels lacquer ladders landscape lanyards laser
    lasers lashes lashing lathe laundromat lawns laytime leaf leasing leather lens lenses lifts lights linen
    livestream loans lobster locks locksmith lorry lounge lubricants macarons maids makerspace makeup malls manicure
    mattress mechanical mediation medtech menu mep metal metaverse metrology mice microblading microbrewery
    microgreens milling millwork models moneychanger montessori mooring moorings mortgage mortgages mould mri museum
    mushrooms nail nails nanny naturopath neon neonsigns noodles notarial notaries notary nursery nut nuts
    oats offshore oils oncology optician optometry orchestra orchids organic orthotics osteopathy oven ovens oysters
    pabx packers paddle paddock paediatrics paint paints pallet pallets panels papers parquet partition partitions
    pastries pastry patent patents pawn pawnshop paws pearls pedicure pens perfume pestcontrol pet pets petshop
    phonics photobooth physio pianos pie pies pilot pipe pipes pit pitstop pizza plaster playgroup playwright
    plumb plumber plumbers podcast podiatry poke pool pools popsicle portraits pottery powdercoat powders prawns
    preowned printshop probate proptech prosthetics proteomics pub puppies quilts racquets radiology rafting rebar
    recycle recyclers reefer refinery refinish regtech rehome rehoming reinsurance remedial remit removals rentals
    reptiles rfid rig rigging rims robotics rodent roofing rov rubber rum safes sails sake salads salvage
    sandblasting sandwich sandwiches sanitaryware sash sashimi scada scaffold scrap scrapmetal scuba sea seafood
    seafoods seals seeds sewing sheetmetal sheets ship shipbrokers shipbroking shipchandler showers shows shutters silk
    ski skincare skip skips skylight slimming smoothies snacks soap soapworks sofa sofas soil solarpanels sommelier
    soundsystem soups soy spareparts spares speech spinal spirits splicing squash stables staging standee stationery
    steam steelworks stencil stevedore stevedoring stitching stools stucco studentcare subsea subtitling sugar suits
    surf surfaces surgeons surgery survey surveying surveyor surveys swimschool tailoring takaful tanning taproom
    tarts tattoo tattoos taxi tea teas telco temple tennis tents termite terrarium theatre thread threading tiling
    timbers tint tinting toddlers toilets token tongs towage towing toy trademarks trailers translation translations
    trellis trichology trucking trucks tshirts tug tugs turf turning turnstiles tyres ukulele umbrellas uniforms
    upholstery urinals valves vape vapes varnish vegan vegetarian vet vets videography villas vinyl vinylfloor
    violin violins visa visas vocals voice voiceover voip wall wallpaper walls wardrobes waste watches waterproof
    waterproofing wax wedding weddings weld welders whiskey whisky wifi wig wigs windows wine wines wool worktops
    wraps wrench yacht yarn yarns zoo""".split()
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
    "art": ("art", "galler", "paint", "draw", "design", "creativ", "studio", "museum", "print", "craft", "school"),
    "bunga": ("flor", "flower", "batik", "gift"),
    "flow": ("yoga", "pilates", "dance", "surf", "water", "plumb", "fluid", "wellness"),
    "glow": ("beaut", "skin", "facial", "spa", "wellness", "yoga", "candle", "light"),
    "grow": ("nurser", "garden", "plant", "farm", "educat", "learn", "child", "coach", "invest"),
    "kaya": ("toast", "kopi", "coffee", "food", "cater", "bakery", "spread", "jam"),
    "love": ("brid", "wedding", "gift", "matrimon", "florist", "flower", "dating"),
    "puja": ("temple", "hindu", "relig", "worship", "puja"),
    "salam": ("halal", "mosque", "masjid", "muslim", "restaurant", "cater"),
    "see": ("opt", "eye", "vision", "lens"),
    "sing": ("music", "choir", "vocal", "karaoke", "sing"),
    "slim": ("slim", "beauty", "spa", "wellness"),
    "stay": ("hotel", "hostel", "lodg", "accommodat", "residence", "resort", "villa", "inn", "suites", "boarding"),
    "tapas": ("restaurant", "bar", "food", "cater", "bistro", "cafe", "tapas"),
    "veena": ("music", "instrument", "veena", "carnatic", "dance"),
    "win": ("lotter", "gaming", "game", "prize", "contest", "compet", "sport", "casino"),
}
"""Words that are a role only in these trades, because elsewhere they are more likely a name (See, S. Tay, S. Lim)."""
