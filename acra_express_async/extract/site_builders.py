"""Website and shop builders, blog and booking services, and hosts that give customers a label under their own domain.

The public suffix list names some of them in its private section, which the operators fill in themselves; most have not.
`_TABLE` holds the others, and the domains of the operators, whose mailboxes are never a customer's contact.

Sources of the table: the builders' own help pages on free addresses ("your-name.jimdofree.com"), the public suffix
list of publicsuffixlist 1.1.2, and, as a cross-check of what is in use, free_subdomain_hosts.txt and
self_service_creation_platform_domains.txt of github.com/sublime-security/static-files (seen in November 2026). To add
one, write its own domains before the ">" and what customers get behind it.
"""

from __future__ import annotations

from functools import cache

_TABLE = """
wix.com wixpress.com editorx.com > wixsite.com wixstudio.com wixstudio.io editorx.io
strikingly.com > mystrikingly.com strikingly.com sxl.cn
jimdo.com > jimdofree.com jimdosite.com jimdoweb.com jimdo.com
weebly.com > weebly.com weeblysite.com
squareup.com square.com > square.site
squarespace.com > squarespace.com
webflow.com > webflow.io
carrd.co > carrd.co
godaddy.com secureserver.net > godaddysites.com mysimplestore.com
automattic.com wordpress.com > wordpress.com wpcomstaging.com business.blog food.blog home.blog tech.blog art.blog
automattic.com wordpress.com > travel.blog school.blog fashion.blog fitness.blog health.blog music.blog design.blog
google.com blogger.com > blogspot.com business.site blogspot.sg blogspot.my blogspot.hk blogspot.in blogspot.tw
google.com blogger.com > blogspot.co.id blogspot.co.uk blogspot.com.au blogspot.jp blogspot.ae blogspot.de blogspot.fr
shopify.com > myshopify.com shopifypreview.com
shopline.com shoplineapp.com shopline.hk > shoplineapp.com myshopline.com
easystore.co easystore.com > easy.co easystore.co
sitegiant.com sitegiant.sg > sitegiant.co sitegiant.my
myshopmatic.com goshopmatic.com > myshopmatic.com
oddle.me > oddle.me
cococart.co > cococart.co
take.app > take.app
boutir.com > boutir.com
ninjaos.com > ninjaos.com
storehub.com storehubhq.com > storehub.me beepit.com
getz.co > getz.co
haravan.com > myharavan.com
sapo.vn > mysapo.net bizwebvietnam.net
cyberbiz.io > cyberbiz.co
91app.com > 91app.com
mydukaan.io > mydukaan.io dukaan.store
instamojo.com > myinstamojo.com
bigcommerce.com > mybigcommerce.com
ecwid.com lightspeedhq.com > company.site ecwid.com shopsettings.com
volusion.com shift4shop.com > volusion.com 3dcartstores.com
bigcartel.com > bigcartel.com
storenvy.com > storenvy.com
sellfy.com > sellfy.store sellfy.com
gumroad.com > gumroad.com
payhip.com > payhip.com
shoplazza.com > myshoplaza.com shoplazza.com
zohocorp.com zohosites.com > zohosites.com zohosites.in zohosites.eu zohoecommerce.com
odoo.com > odoo.com
duda.co > multiscreensite.com dudaone.com
webador.com > webador.com webador.co.uk
webnode.com > webnode.page webnode.com
site123.com > site123.me
yola.com > yolasite.com
ueni.com > ueniweb.com
b12.io > b12sites.com
hostinger.com zyro.com 000webhost.com > zyrosite.com hostingersite.com hostingerapp.com 000webhostapp.com
canva.com > canva.site my.canva.site
notion.so notion.com > notion.site
super.so > super.site
framer.com > framer.website framer.app framer.ai framer.media framer.photos framer.wiki
tilda.cc > tilda.ws
taplink.at taplink.cc > taplink.ws
durable.co > durable.co mydurable.com
10web.io > 10web.site 10web.cloud 10web.club
simplesite.com > simplesite.com
mozello.com > mozello.com mozellosite.com
ukit.com ucoz.com > ukit.me ucoz.com ucoz.net
websites.co.in > websites.co.in
moonfruit.com > moonfruit.com
webs.com vistaprint.com > webs.com vpweb.com
lycos.com tripod.com > tripod.com
bravenet.com > bravesites.com bravehost.com
doodlekit.com > doodlekit.com
voog.com > voog.com
e-monsite.com > e-monsite.com
sitew.com > sitew.com
page4.com > page4.me
pagecloud.com > pagecloud.com
mmm.page hotglue.me > mmm.page hotglue.me
onepage.io > onepage.me
creatorlink.net > creatorlink.net
imweb.me cafe24.com > imweb.me cafe24.com
studio.design > studio.site
brizy.io > brizy.site
siter.io > siter.io
umso.com > umso.co
unicornplatform.com > unicornplatform.page
typedream.com > typedream.app
dorik.com > dorik.io dorik.dev
softr.io > softr.app
glideapps.com > glide.page glideapp.io
bubble.io > bubbleapps.io
gamma.app > gamma.site
lovable.dev base44.com > lovable.app base44.app
elementor.com > elementor.cloud
tumblr.com > tumblr.com
substack.com > substack.com
typepad.com > typepad.com
livejournal.com > livejournal.com
over-blog.com > over-blog.com
ghost.org > ghost.io
adobe.com > myportfolio.com
smugmug.com > smugmug.com
zenfolio.com > zenfolio.com
pixpa.com > pixpa.com
format.com > format.com
portfoliobox.net > portfoliobox.net
journoportfolio.com > journoportfolio.com
cargo.site > cargo.site
clickfunnels.com > clickfunnels.com myclickfunnels.com
kartra.com > kartra.com
systeme.io > systeme.io
kajabi.com > mykajabi.com
teachable.com > teachable.com
thinkific.com > thinkific.com
podia.com > podia.com
learnworlds.com > learnworlds.com
leadpages.com > lpages.co leadpages.co
unbounce.com > unbouncepages.com
instapage.com > pagedemo.co instapage.com
hubspot.com > hubspotpagebuilder.com hubspotpagebuilder.eu hs-sites.com hs-sites-eu1.com
mailchimp.com > mailchimpsites.com
getresponse.com > gr8.com grweb.site getresponsesite.com
constantcontact.com > constantcontactsites.com
mailerlite.com > mailerpage.com mailerpage.io
kit.com convertkit.com > ck.page
swipepages.com > swipepages.net
setmore.com > setmore.com
simplybook.me > simplybook.me simplybook.asia simplybook.it
acuityscheduling.com > as.me acuityscheduling.com
gettimely.com > gettimely.com
youcanbook.me > youcanbook.me
wildapricot.com > wildapricot.org
glueup.com > glueup.com
wpengine.com > wpengine.com wpenginepowered.com
kinsta.com > kinsta.cloud kinsta.page
cloudways.com > cloudwaysapps.com
siteground.com > sg-host.com
getflywheel.com > flywheelsites.com flywheelstaging.com
pantheon.io > pantheonsite.io
namecheap.com > easywp.com
bluehost.com > mybluehost.me bluehostwebsites.com
ionos.com > ionos.space live-website.com
dreamhost.com > dreamhosters.com
a2hosting.com > a2hosted.com
inmotionhosting.com > inmotionhosting.com
plesk.com > plesk.page
instawp.com > instawp.xyz instawp.site
infinityfree.com > infinityfreeapp.com rf.gd epizy.com great-site.net 42web.io
awardspace.com > atwebpages.com mypressonline.com
x10hosting.com > x10host.com x10.mx
somee.com > somee.com
netlify.com > netlify.app
vercel.com > vercel.app now.sh
github.com > github.io
gitlab.com > gitlab.io
bitbucket.org > bitbucket.io
cloudflare.com > pages.dev workers.dev
googleapis.com > web.app firebaseapp.com appspot.com run.app
heroku.com > herokuapp.com
render.com > onrender.com
railway.com > railway.app up.railway.app
fly.io > fly.dev
replit.com > repl.co replit.app
glitch.com > glitch.me
surge.sh > surge.sh
amazonaws.com > amplifyapp.com
digitalocean.com > ondigitalocean.app
azure.com > azurewebsites.net azurestaticapps.net
"""

SERVICE_LABELS = frozenset(
    """www help support app apps blog docs developer developers status cdn api account accounts admin login static
    assets forum forums community signup secure billing dashboard my checkout""".split()
)
"""Labels under which the operator itself speaks: support.wordpress.com is no customer of WordPress."""


@cache
def _table() -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    builders: dict[str, tuple[str, ...]] = {}
    own: set[str] = set()
    for line in _TABLE.strip().splitlines():
        operators, _, suffixes = line.partition(">")
        own.update((*operators.split(), *suffixes.split()))
        for suffix in suffixes.split():
            builders[suffix] = (*operators.split(), suffix)
    return builders, frozenset(own)


def suffix_in(host: str) -> str:
    """The domain of the table under which a host stands as a customer; '' for any other host, the operator's too."""
    builders, _ = _table()
    labels = host.split(".")
    for start in range(1, len(labels)):
        suffix = ".".join(labels[start:])
        if suffix in builders:
            return "" if labels[start - 1] in SERVICE_LABELS else suffix
    return ""


def operators_of(suffix: str) -> tuple[str, ...]:
    """The domains of those who run a suffix, the suffix included; only the suffix itself for one not in the table."""
    builders, _ = _table()
    return builders.get(suffix, (suffix,))


def is_operator(domain: str) -> bool:
    """True for a domain of a builder or host itself."""
    _, own = _table()
    return domain in own
