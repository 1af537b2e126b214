"""What registrars, parking services, site builders and hosting panels print where a site is gone or not there yet.

Each paragraph of `_TABLE` begins with what the phrases say and how surely: `sure` for a sentence that only such pages
print, `plain` for a statement that a living site may make of something else, `hint` for words beside it. A phrase is a
regular expression on one line. IT, SITE, SHOP, NAMED and NO_HOURS stand for "this" and the like, for words for a site,
for words for a shop, for a domain name, and for "not followed by opening hours or an occasion"; FIRM for "we
have", "the company is" and the like, OPERATIONS for words for business, NOT_AT for "not followed by a place".

Sources: the operators' help pages and default templates, and for unconnected domains fingerprints.json of
github.com/EdOverflow/can-i-take-over-xyz (seen in November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class SiteEnd(StrEnum):
    """What is left of a site; the value is the reason of an outcome."""

    PARKED = "parked"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    UNCONNECTED = "unconnected"
    CLOSED_SHOP = "closed_shop"
    CEASED = "ceased"
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
NAMED is your first and best source
first and best source for (?:all of )?(?:the )?information
we hope you find what you are (?:searching|looking) for
IT web ?site is for sale
domain (?:name )?(?:has been|was) (?:purchased and )?parked
domain (?:name )?(?:is )?(?:hosted and )?parked (?:by|with|at|on)
(?:the )?domain(?: name)? NAMED (?:is|may be|might be) (?:available|offered) (?:for|to)
owner (?:of this domain )?(?:is open to offers|may be offering (?:it|this domain) for sale)
domain has been seized
(?:该|此|本)域名(?:已)?(?:停放|注册|被停放)
域名 ?NAMED ?(?:正在)?(?:出售|转让)
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
reserved for (?:a )?future (?:web ?site|customer|use)
domain (?:name )?(?:has been|is|was) (?:registered|hosted|created)
domain has been successfully created

parked hint
related (?:searches|links|topics)
resources and information
what are you looking for
(?:web ?site|page) (?:is )?coming soon
brand new domain
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
web ?site (?:has |is )?expired\W{0,3}(?:this account|if you|please|the owner|renew)
(?:this|the (?:site|owner)['’]s) (?:account|premium plan|trial|plan|subscription) (?:has |is )?expired
your (?:web ?site|hosting) (?:plan|subscription) (?:has |is )?expired
hosting (?:account |plan )?(?:has |is )expired
domain name is on hold
registration has lapsed
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
(?:web ?site|site|store|page) (?:hasn['’]?t|has not|isn['’]?t|is not)(?: been)?(?: yet)? published
(?:site|page) you(?:['’]re| are) looking for (?:isn['’]?t|is not|has not been) published
IT (?:web ?)?(?:site|store) (?:has been|was) (?:taken down|removed|deleted|unpublished|deactivated)
IT (?:web ?)?site is not available\b
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
(?:IT )?SHOP is (?:currently |temporarily )?(?:unavailable|closed|inactive|offline|suspended|not available)\bNO_HOURS
(?:IT )?SHOP is password[- ]protected
enter (?:store )?using password
are you the store owner
(?:商店|店铺|店鋪)(?:已|暂停|暫停)(?:关闭|關閉|营业|營業)

ceased sure
FIRM (?:now )?(?:officially |permanently )?(?:ceased|stopped) (?:all )?(?:our |its )?(?:business )?OPERATIONS\bNOT_AT
FIRM (?:now |been )?permanently closed\bNOT_AT
FIRM (?:now |been )?closed (?:down )?(?:permanently|for good)\bNOT_AT
^[^\w\n]{0,20}permanently closed[^\w\n]{0,20}$
(?:have |has )closed (?:our|its|the) doors? (?:for good|permanently|for the last time)
FIRM no longer (?:in business|in operation|operating|trading)\bNOT_AT
(?:本店|本公司|我们|我們|小店)(?:现|現)?已(?:经|經)?(?:永久)?(?:结束营业|結束營業|停止营业|停止營業|停业|停業|结业|結業|关闭|關閉)

ceased plain
(?:our|the) (?:last|final) day of (?:operations?|business|trading) (?:was|is|will be)
FIRM closed (?:down|permanently)\bNOT_AT

ceased hint
thank(?:s| you)[^\n]{0,60}(?:support|memories|patronage|years)
heavy heart
it has been (?:a|an|our) (?:pleasure|honou?r|privilege)
感谢

closed_shop plain
^[^\w\n]{0,20}launching soon[^\w\n]{0,20}$
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
_BUSINESS = r"(?:shop|store|restaurant|cafe|café|business|company|clinic|school|studio)"
_IN_CAPITALS = r"(?-i:[A-Z])[\w&'’.-]{0,30}(?: (?:(?-i:[A-Z])[\w&'’.-]{0,30}|&|and)){0,5}"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun|public|\d)"
_OCCASION = (
    r"(?:on|every|each|from|during|over|between|for|in|at|until|till|to|today|tomorrow|tonight|this week|daily|"
    rf"after|before|{_DAY}\w*)"
)
_SHORT_FOR = {
    "IT": r"(?:this|the|your|our)",
    "SITE": r"(?:web ?site|site|web ?page|page|domain(?: name)?|blog|space)",
    "SHOP": r"(?:shop|store|online store|online shop|web ?store)",
    "NAMED": NAMED,
    "FIRM": rf"(?:we|(?:this |our |the )?{_BUSINESS}|{_IN_CAPITALS}) (?:are|is|have|has|were|was|will be)",
    "OPERATIONS": r"(?:operations?|operating|trading|business)",
    "NO_HOURS": rf"(?!\W{{0,3}}{_OCCASION}\b)",
    "NOT_AT": r"(?! (?:at|in) (?:the |our )?(?-i:[A-Z]))",
}

_ABBREVIATED = re.compile(r"\b(?:IT|SITE|SHOP|NAMED|FIRM|OPERATIONS)\b|NO_HOURS|NOT_AT")


_INNERMOST_GROUP = re.compile(r"\((?P<kind>\?-i:|\?:|\?<?!)(?P<body>[^()]*)\)(?P<times>[?*]|\{[^}]*\})?")
_NOT_FIXED = re.compile(r"(?:\\.|\[[^\]]*\]|.)(?:[?*]|\{[^}]*\})|\\[A-Za-z]|\[[^\]]*\]|[\^$.+]")
"""Optional and repeated characters, classes, boundaries."""
_GROUP = re.compile("([\ue000-\uf8ff])|\n")
"""What stands in place of a group: its number, or a line end where it can be missing."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said, how surely (3, 2 or 1), and the words.

    Every match holds one of `anchors`. To look for these in lower-case text is some ten times as fast as the pattern,
    which tries every phrase at every position, and most pages hold none.
    """

    end: SiteEnd
    weight: int
    pattern: re.Pattern[str]
    anchors: tuple[str, ...]

    def may_stand_in(self, lowered: str) -> bool:
        """False for a lower-case text without any of the phrases."""
        return any(anchor in lowered for anchor in self.anchors)


@cache
def phrases() -> tuple[Phrases, ...]:
    """The table."""
    found = []
    for paragraph in _TABLE.strip().split("\n\n"):
        head, *lines = paragraph.split("\n")
        end, surely = head.split()
        words = [re.sub(_ABBREVIATED, lambda match: _SHORT_FOR[match.group()], line) for line in lines]
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(words)})", re.IGNORECASE | re.MULTILINE)
        anchors = set[str]().union(*map(_anchors_of, words))
        found.append(Phrases(SiteEnd(end), WEIGHTS[surely], pattern, tuple(sorted(anchors))))
    return tuple(found)


def _anchors_of(phrase: str) -> frozenset[str]:
    """Pieces of text of which every match of a phrase holds at least one, as long as possible."""
    groups: list[frozenset[str]] = []
    while group := _INNERMOST_GROUP.search(phrase):
        certain = not group["times"] and group["kind"] in ("?:", "?-i:")
        if certain:
            groups.append(_anchors_among(group["body"], groups))
        phrase = phrase[: group.start()] + (chr(0xE000 + len(groups) - 1) if certain else "\n") + phrase[group.end() :]
    return _anchors_among(phrase, groups)


def _anchors_among(alternatives: str, groups: Sequence[frozenset[str]]) -> frozenset[str]:
    best = frozenset[str]()
    for alternative in alternatives.split("|"):
        pieces = _GROUP.split(_NOT_FIXED.sub("\n", alternative).replace("\\", ""))
        sets = [
            groups[ord(piece) - 0xE000] if _GROUP.match(piece) else frozenset((piece,)) for piece in pieces if piece
        ]
        best |= max(sets, key=lambda held: min(map(len, held)), default=frozenset(("",)))
    return best
