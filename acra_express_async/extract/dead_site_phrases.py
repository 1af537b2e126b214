"""What registrars, parking services, site builders and hosting panels print where a site is gone or not there yet.

Each paragraph of `_TABLE` begins with what the phrases say and how surely: `sure` for a sentence that only such pages
print, `plain` for a statement that a living site may make of something else, `hint` for words beside it. A phrase is a
regular expression on one line. IT, SITE, SHOP and NAMED stand for "this" and the like, for words for a site, for words
for a shop, and for a domain name. Sources: the operators' help pages and default templates, and for unconnected domains
fingerprints.json of github.com/EdOverflow/can-i-take-over-xyz (seen in November 2026).
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache


class SiteEnd(StrEnum):
    """What is left of a site; the value is the reason of an outcome."""

    PARKED = "parked"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    UNCONNECTED = "unconnected"
    CLOSED_SHOP = "closed_shop"
    DEFAULT_PAGE = "default_page"


WEIGHTS = {"sure": 3, "plain": 2, "hint": 1}

_TABLE = r"""
parked sure
IT (?:web ?page|domain(?: name)?|site|web ?site) is (?:currently )?parked
(?:domain(?: name)? )?(?:NAMED )?(?:is|has been) (?:currently )?parked (?:by|with|at|on|here|$)
domain(?: name)? NAMED is (?:currently )?parked
parked on the bun
parked free,? courtesy of
NAMED is listed for sale
domain (?:is )?(?:available )?for immediate purchase
parked domain name on
(?:provided|generated) by the domain owner using
sedo domain parking
sponsored listings displayed above are served automatically
(?:buy|get|inquire about) this domain
own this domain today
site ?owner, log in to launch
(?:domain(?: name)? )?NAMED\W{0,3} (?:is|may be|might be|could be) (?:available )?for sale
IT (?:premium )?domain(?: name)?(?: NAMED)? (?:is|may be|might be|could be) (?:available )?for sale
NAMED is available for (?:purchase|sale|lease)
the domain NAMED is available
owner of (?:the domain|this domain|NAMED)(?: NAMED)? (?:is )?offer(?:s|ing) it for
make an offer (?:on|for) this domain
interested in (?:buying |purchasing |acquiring )?this domain
IT domain (?:name )?(?:has been|was|is) (?:just |recently )?registered (?:with|at|by|via|through|for)
(?:该|此|本)域名(?:正在)?(?:出售|可转让|待售|可出售|转让)
您正在访问的域名(?:可以|可)(?:转让|出售)
域名出售

parked plain
domain (?:name )?for sale
domain parking
hugedomains|sedoparking|afternic|dan\.com
future home of (?:something|an?|this|your)
reserved for a future (?:web ?site|customer|use)

parked hint
related (?:searches|links|topics)
sponsored (?:listings|links)
make an offer
buy now for
lease to own

expired sure
(?:IT |notice: )?domain(?: name)?(?: NAMED)? (?:has |is |registration has )?(?:recently )?expired
NAMED (?:has |is |registration has )?(?:recently )?expired\b
pending renewal or deletion
(?:renew|restore) (?:this|your) domain
domain (?:is )?in (?:the )?redemption
(?:web ?site|account|hosting|plan|trial) (?:has |is )?expired\W{0,3}(?:this account|if you|please|the owner|renew)
please renew your subscription
域名(?:已)?(?:过期|到期)

suspended sure
(?:IT )?(?:(?:hosting )?account|SITE) (?:has been|is|was)(?: currently| temporarily)? (?:suspended|disabled|deactivated)
account suspended$
contact your hosting provider for more information
web ?site (?:is )?suspended\b
bandwidth limit exceeded
suspended .{0,60}\b(?:registrant|whois|contact) .{0,40}verif
(?:此|该|本)?(?:网站|账户|站点)已(?:被)?(?:暂停|停用|关闭)

suspended hint
account suspended

unconnected sure
domain (?:isn['’]?t|is not|not)(?: yet)? connected to (?:a|any|your) (?:web ?)?(?:site|store)
domain has been mapped to
not yet been verified with a web ?site
connect (?:it|this domain) to your
only one step left\W
finish setting up your new web address
do you want to register\b
is available to register
this subdomain is (?:currently )?available
there isn['’]?t a github pages site here
no such app\b
deployment (?:could not be|not) found|deployment_not_found
no site for domain
site not found\W+(?:well, this is awkward|why am i)
there is no web ?site configured
authors have deleted this site
blog (?:at \S+ )?has been removed
(?:site|store|page) (?:hasn['’]?t|has not) been published
IT (?:web ?)?site is (?:currently )?(?:private|not published|unpublished|offline)
IT (?:web ?)?site is no longer (?:available|active|online|published)
web ?site (?:is )?no longer available\b
IT (?:SHOP|site|web ?site|deployment|project|app) (?:does not|doesn['’]?t) exist
IT (?:SHOP|site|web ?site|deployment|project|app) (?:cannot|can['’]?t) be found
web ?site for NAMED is not available at this time
site is (?:temporarily )?unavailable\W.{0,20}if you manage this site
you have not put any content on your web ?site
web ?sites made with google business profiles
domain (?:is )?not configured
page (?:that )?was built by mailchimp
specified bucket does not exist
unknown domain:
database (?:does not exist|not found)\b
we couldn['’]?t find (?:that|this|the) (?:site|store|shop)

unconnected plain
site not found
looks like this (?:domain|site)
is this your (?:domain|site|web ?site)\b

closed_shop sure
(?:IT )?SHOP is (?:currently |temporarily )?(?:unavailable|closed|inactive|offline|suspended|not available)
(?:IT )?SHOP is password[- ]protected
enter (?:store )?using password
are you the store owner
(?:商店|店铺|店鋪)(?:已|暂停|暫停)(?:关闭|關閉|营业|營業)

closed_shop plain
be the first to know when we launch

closed_shop hint
opening soon
enter password
store password

default_page sure
welcome to nginx
nginx web server is successfully installed
apache2? .{0,24}default page
apache http server test page
proper operation of the (?:apache|nginx|web|http)
iis windows server
internet information services$
default web ?(?:site )?page
web server['’]?s default page
domain default page
page is generated by plesk
no web ?site (?:is )?at this address
possible you have reached this page because
this is the default (?:index|page|welcome|server|web ?site)
placeholder (?:page )?for (?:the )?(?:domain|sub)
apache is functioning normally
web server is (?:now )?(?:working|running)
site is created successfully
upload your web ?site files
you are all set to go
successfully installed (?:cyberpanel|tomcat|litespeed|caddy)
hosting is now active\W
upload your files (?:with|by|via|using|to)
laravel has wonderful documentation
web app is running and waiting for your content
welcome to (?:xampp|wamp|laragon|your new (?:web ?site|app|server|droplet))
edit or delete it, then start (?:writing|blogging)
just another wordpress site
web station has been enabled

default_page plain
^[^\w\n]{0,20}it works!?$
^[^\w\n]{0,20}index of /
another web ?site (?:powered|hosted) by
hosted by siteground
testing 123
"""

NAMED = r"(?:[\w-]{1,63}\.){1,4}[a-z]{2,24}"
_SHORT_FOR = {
    "IT": r"(?:this|the|your|our)",
    "SITE": r"(?:web ?site|site|web ?page|page|domain(?: name)?|blog|space)",
    "SHOP": r"(?:shop|store|online store|online shop|web ?store)",
    "NAMED": NAMED,
}


@cache
def phrases() -> tuple[tuple[SiteEnd, int, re.Pattern[str]], ...]:
    """The table: what is said, how surely (3, 2 or 1), and the words."""
    found = []
    for paragraph in _TABLE.strip().split("\n\n"):
        head, *lines = paragraph.split("\n")
        end, surely = head.split()
        words = [re.sub(r"\b(IT|SITE|SHOP|NAMED)\b", lambda match: _SHORT_FOR[match[1]], line) for line in lines]
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(words)})", re.IGNORECASE | re.MULTILINE)
        found.append((SiteEnd(end), WEIGHTS[surely], pattern))
    return tuple(found)
