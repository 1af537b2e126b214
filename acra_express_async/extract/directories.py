"""Recognise directories and other sites about companies: known ones by domain, unknown ones by their wording and URLs.

Marketplaces and job boards are registered companies too, so a listed domain is not final: `identity` accepts it when
its own page shows the registered UEN and the domain label fits, or names the company as its operator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from acra_express_async.extract.domains import domain_of, host_of, label_of, path_of
from acra_express_async.extract.kept_answers import kept
from acra_express_async.extract.names import Name, joined

DIRECTORIES = frozenset(
    """sgpbusiness.com recordowl.com opengovsg.com companies.sg opencorporates.com sgpgrid.com
    yellowpages.com.sg thegreenbook.com dnb.com zoominfo.com rocketreach.co kompass.com crunchbase.com
    tracxn.com apollo.io lusha.com pitchbook.com bloomberg.com jobstreet.com jobsdb.com glassdoor.com
    glassdoor.sg indeed.com foundit.sg fastjobs.sg wikipedia.org wikidata.org straitstimes.com
    businesstimes.com.sg channelnewsasia.com mothership.sg todayonline.com sgx.com streetdirectory.com
    foursquare.com yelp.com burpple.com hungrygowhere.com chope.co foodpanda.sg deliveroo.com.sg shopee.sg
    carousell.sg carousell.com qoo10.sg alibaba.com made-in-china.com globalsources.com sgcarmart.com
    propertyguru.com.sg 99.co qanvast.com homerenoguru.sg hometrust.sg renopedia.sg fresha.com classpass.com
    medium.com scribd.com marinetraffic.com github.com nodeflair.com signalhire.com contactout.com hunter.io
    craft.co owler.com cbinsights.com datanyze.com similarweb.com trustpilot.com getatoz.sg sgdir.net
    businesslist.sg sgbizlist.com ltddir.com infobelgroup.com cybo.com yellowbot.com hotfrog.sg fyple.sg
    brownbook.net cylex.sg enrollbusiness.com waze.com mapquest.com booking.com agoda.com expedia.com klook.com
    eventbrite.sg meetup.com quora.com reddit.com issuu.com slideshare.net prnewswire.com businesswire.com
    amazon.com amazon.sg ebay.com etsy.com redmart.com fave.co kiasuparents.com seedly.sg moneysmart.sg
    beautyundercover.sg vanillaluxury.sg thesmartlocal.com timeout.com sethlui.com danielfooddiary.com
    google.com google.com.sg bing.com apple.com duckduckgo.com archive.org canva.com notion.so jotform.com
    flipsnack.com grab.com shopback.sg giving.sg eats365pos.com""".split()
)
"""Registrable domains of directories, marketplaces, job boards and media that list Singapore companies."""

SOCIAL = frozenset(
    """linkedin.com facebook.com fb.com instagram.com x.com twitter.com tiktok.com youtube.com youtu.be
    linktr.ee t.me telegram.me wa.me whatsapp.com pinterest.com threads.net xiaohongshu.com weibo.com wechat.com
    bio.site beacons.ai bio.link lnk.bio campsite.bio solo.to msha.ke taplink.cc taplink.at linkin.bio hoo.be
    heylink.me linkpop.com allmylinks.com snipfeed.co direct.me stan.store bit.ly tinyurl.com""".split()
)
"""A profile or a page of links holds the company's own words but is not its website; a short link is none either."""

_LABELS = frozenset("glassdoor lazada google tripadvisor indeed jobstreet jobsdb linkedin kompass yellowpages".split())
"""Labels of directories that have one domain per country."""

# Patterns for whole pages are written in lower case for lower-case text, see places.py.
_PHRASES = re.compile(
    r"claim (?:this|your) (?:listing|business|profile|page|company)|buy (?:the |this |full )?(?:report|"
    r"business profile)|"
    r"purchase (?:the |this |full )?(?:report|business profile)|(?:similar|nearby|related|other) companies|"
    r"companies nearby|"
    r"industry peers|(?:business|company|companies|industrial|trade) directory|view (?:directors|shareholders)|"
    r"is this your (?:business|company|listing)|(?:add|list|submit) your (?:business|company)|suggest an edit|"
    r"report (?:this|incorrect) (?:listing|information)|write a review|company profile and (?:contacts|financials)|"
    r"data(?:base)? of singapore companies|search (?:for )?(?:\w+ )?(?:companies|businesses)|"
    r"marketed by|appointed (?:sales|marketing) agen|developer['’]?s? (?:official )?sales (?:team|agent)|"
    r"information (?:is )?(?:sourced|extracted|obtained) from acra",
)
_LISTING_TITLE = re.compile(
    r"contact,? phone|phone,? e-?mail|company (?:profile|information|details)|business profile|reviews?\b.*\bhours|"
    r"directory|\(\d{8,9}[a-z]\)|^\d{8,9}[a-z]\b|employee|email format|jobs at|working at|careers and employment",
    re.IGNORECASE,
)
_GROUP_WORDS = re.compile(
    r"subsidiar|member of|part of|a company of|our (?:group|companies|subsidiaries|businesses|brands)|"
    r"group of companies|"
    r"operating compan|business units?",
)
_INVESTS = re.compile(
    r"portfolio|\binvest|\bventures?\b|\bfounders\b|start-?ups?\b|early[- ]stage|\bfunds?\b|\bbacked\b|accelerat|"
    r"incubat|franchise|winding[ -]up|liquidat|creditors?\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:members?|clients?|customers?|tenants?|suppliers?|distributors?|dealers?|exhibitors?|sponsors?|partners?|"
    r"donors?|vendors?|stockists?|agents|audit\w*|secretar\w*)\b",
    re.IGNORECASE,
)
"""Words of headings under which other companies stand for another reason than that they are a group."""
_LISTED = re.compile(
    r"\b(?:members|clients|customers|tenants|portfolio|exhibitors|sponsors|donors|vendors|stockists|distributors|dealers|"
    r"suppliers|merchants)\b",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"/(?:@[^/]|(?:u|users?|profiles?|p|shops?|stores?|sellers?|merchants?|restaurants?|vendors?|brands?|compan(?:y|ies)|"
    r"corporate|biz|business|places?|listings?|members?|agents?|providers?|employers?|outlets?|food|mart)/"
    r"(?!(?:about|contact|imprint|legal|terms|privacy|overview|history|profile|team|careers?|who-we-are)\b)[^/]+)"
)
"""Folders of entries; what lies below is somebody else's."""
_HEADING = 60
"""Longest line that may be a heading."""
_SECRETARIES = re.compile(
    r"registered (?:office )?address|virtual office|incorporat(?:e|ion) (?:services?|of compan|your)|"
    r"company incorporation|"
    r"corporate secretar|company secretar|nominee director|business registration|co-?working|serviced office|"
    r"accounting (?:and|&) (?:tax|secretar)",
)


def is_listed(domain: str) -> bool:
    """True for a known directory, marketplace, news medium or public body."""
    return domain in DIRECTORIES or domain.endswith("gov.sg") or label_of(domain) in _LABELS


def is_social(domain: str) -> bool:
    """True for a host of social media profiles."""
    return domain in SOCIAL


def is_public_body(domain: str) -> bool:
    """True for government and parliament domains, which never belong to a registered company."""
    return domain == "gov.sg" or domain.endswith((".gov.sg", ".gov"))


def is_listing_url(url: str, names: Sequence[Name], uen: str) -> bool:
    """True when the URL looks like a directory entry: the UEN or a name as a slug on a third party's domain."""
    path = re.sub(r"[^a-z0-9]", "", path_of(url))
    if uen.lower() in path:
        return True
    domain = domain_of(url)
    label = label_of(domain)
    if any(joined(name.brand) in label or label in (joined(name.core), joined(name.words)) for name in names):
        return False
    below = host_of(url)[: -len(domain) - 1].replace("-", "").replace(".", "") if domain else ""
    slugs = (joined(word for word in name.core if word != "and") for name in names)
    return any(len(slug) >= 6 and (slug in path.replace("and", "") or slug in path or slug in below) for slug in slugs)


def is_entry(url: str) -> bool:
    """True for a page that a marketplace or directory gives to a seller, member or company."""
    return _ENTRY.search(path_of(url)) is not None


def reads_like_listing(title: str) -> bool:
    """True when a search result's title uses the wording of directories."""
    return _LISTING_TITLE.search(title[:300]) is not None


@kept
def directory_phrases_in(text: str) -> tuple[str, ...]:
    """Phrases that only directories use, each once, lower-case."""
    return tuple(dict.fromkeys(match.group() for match in _PHRASES.finditer(text.lower())))


def invests_or_lists(title: str, text: str) -> bool:
    """True when a page speaks of companies that are not its group: a portfolio, members, clients, tenants."""
    headings = (line for line in text.split("\n") if is_heading(line))
    return _INVESTS.search(text) is not None or any(_OTHERS.search(line) for line in (title, *headings))


def is_heading(line: str) -> bool:
    """True for a line that may be a heading: short, no link and no sentence."""
    return len(line) <= _HEADING and "](" not in line and not line.rstrip().endswith((".", "!", "?", ";"))


def heads_a_list(line: str) -> bool:
    """True for a heading under which companies stand that are not the owner: members, clients, tenants."""
    return is_heading(line) and _LISTED.search(line) is not None


@kept
def names_a_group(text: str) -> bool:
    """True when a page describes the other companies of its group."""
    return _GROUP_WORDS.search(text.lower()) is not None


@kept
def sells_addresses(text: str) -> bool:
    """True when the page sells registered addresses or incorporation: many companies then share its postal code."""
    return _SECRETARIES.search(text.lower()) is not None
