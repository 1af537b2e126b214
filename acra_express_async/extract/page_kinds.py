"""Classify a page by its URL and title: contact page, home page, page about the owner or about others."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import unquote

from acra_express_async.extract.domains import domain_of, label_of, path_of
from acra_express_async.extract.kept_answers import kept_short

_APOSTROPHE = re.compile(r"['’`´]")
_BETWEEN = re.compile(r"[\W_]+")
_EXTENSION = re.compile(r"\.(?:html?|php\d?|aspx?|jspx?|cfm)$")

_GOODS = (
    r"lens|lenses|lense|less|cement|adhesives?|grills?|tracing|probes?|sensors?|tips?|points?|blocks?|sports?|dermatitis|"
    r"improv\w*|angle|wheels?|paper|free|relays?|switch(?:es)?|materials?|plates?|rollers?|thermometers?|solutions?|"
    r"allerg\w+|resistance|cleaners?|printing|dance|juggling|rings?|pins?|springs?|"
    r"cent(?:re|er)s? (?:software|solutions?|services?|outsourcing|agents?|jobs?|training)"
)
"""Words after "contact" that make it part of the name of a thing."""
_CONTACT = re.compile(
    r"(?<!\belectrical )(?<!\bdry )(?<!\bskin )(?<!\beye )(?<!\bauxiliary )(?<!\bnon )(?<!\bfull )(?<!\bsilver )"
    rf"\bcontacts?\b(?! (?:{_GOODS})\b)|\bcontact(?:us|page|form|info|details|me)\d?\b"
    r"|\b(?:get|be|keep|stay) in ?touch\b|\bgetintouch\b|\bsay (?:hello|hi)\b|\breach (?:us|out|me|our)\b"
    r"|\b(?:find|locate|call|ring|phone|e ?mail|mail|message|whatsapp|ask|visit) us\b"
    r"|\b(?:find|reach|locate|email|visit)us\b"
    r"|\b(?:talk|speak|chat|write) (?:to|with) (?:us|me|our|sales|an? (?:expert|specialist|advis[eo]r|consultant))\b"
    r"|\blets ?(?:talk|chat|connect|meet|discuss|work together|get started)\b"
    r"|^connect(?: (?:with|to) (?:us|me|our .*))?(?: (?:now|today))?$"
    r"|\bhow to (?:find|reach|get to|contact) us\b|\bwhere (?:we are|are we|to find us)\b|\bgetting here\b"
    r"|\bhow to get (?:here|there)\b|^(?:get |driving )?directions?$|\bdirections to\b|\blocation map\b"
    r"|\b(?:enquir|inquir)(?:e|y|ies)\b|\bdrop us a\b|\b(?:send|leave) (?:us )?an? (?:message|enquiry|note)\b"
    r"|\bcustomer (?:care|service|support)\b(?! (?:training|courses?|jobs?|software|solutions?|outsourcing|excellence))"
    r"|联系|聯系|聯絡|联络|聯繫|\blian ?xi\b|\blianxi ?women\b|\bhubungi\b|\bkontakt\b"
)
_PLACE = r"(?:store|shop|outlet|branch|office|clinic|showroom|restaurant|boutique|cent(?:re|er)|location|dealer)"
_PLACES = re.compile(
    r"^(?:(?:our|all|the|view|see|singapore|local|retail|store|shop|outlet|branch|office|clinic|showroom) )*"
    r"(?:locations?|branch(?:es)?|outlets|offices|stores|clinics|showrooms?|boutiques|headquarters)"
    r"(?: (?:locations?|locator|list|finder|map|network|near you|in singapore|address(?:es)?|and .*|hours|info\w*))*$"
    rf"|\b{_PLACE} (?:locator|locations?|finder|list|address(?:es)?|info\w*|directory|network)\b"
    rf"|\bfind (?:a|an|our|your(?: nearest)?|the nearest|nearest) {_PLACE}(?:e?s)?\b"
    r"|\b(?:our|head|main|regional|global|worldwide) "
    r"(?:offices?|headquarters|showrooms?|outlets?|clinics?|stores?|branch)\b"
    r"(?! (?:furniture|supplies|cleaning|renovation|equipment|space|chairs?|interiors?|design))"
    r"|\bstorelocator\b|\bvisit our (?:showroom|store|shop|office|outlet|gallery|clinic|centre|branch)\b"
    r"|门店|門店|分店|門市|门市|分行"
)
_OUR = (
    r"(?:story|company|history|heritage|journey|people|team|profile|background|mission|vision|values|group|firm|"
    r"founders?)"
)
_ABOUT = re.compile(
    r"^(?:(?:learn|more|all|read|find out) )*about(?: (?:us|me|page|company|singapore|sg|our .*|the (?:company|firm|"
    r"brand|school|clinic|group|team|practice|founders?)))?(?: \d)?$|^about us\b|\baboutus\b|\bwho we are\b|"
    r"\bwhoweare\b"
    rf"|\bour ?{_OUR}\b|\b(?:company|corporate|business|firm|group) ?(?:profile|info\w*|overview|history|background|"
    r"introduction|story|particulars|details)\b"
    r"|^(?:the )?(?:company|corporate|profile|history|overview|introduction|story|background|our company)$"
    r"|\bmeet (?:the |our )?(?:team|founders?)\b|\bimprint\b|\bimpressum\b|\btentang\b|\bguan ?yu\b"
    r"|关于|關於|公司简介|公司簡介|企业简介|企業簡介|^简介$|^簡介$"
)
_ABOUT_SOMETHING = re.compile(r"about ((?:\w+ ?){1,4})")
_LEGAL = re.compile(
    r"\bprivacy\b(?! (?:settings?|preferences?|choices|options|cent(?:re|er)))|^terms\b|\bterms (?:of|and)\b|"
    r"^legal(?: (?:notices?|info\w*|disclaimer|statement|terms))?$|"
    r"\bdisclaimer\b|\bpdpa\b|\bdata protection\b|\bconditions of\b|"
    r"\b(?:cookie|returns?|refund|website|site|shipping) polic(?:y|ies)\b|^polic(?:y|ies)$"
)
_SHELF = re.compile(
    r"/(?:products?|collections?|categor(?:y|ies)|product-category|shop|blogs?|news|articles?|posts?|insights?|tags?|"
    r"projects?|portfolio|services?|solutions?|courses?|jobs?|careers?|events?|listings?)/"
)

_HOMES = re.compile(r"^(?:/(?:sg|en|zh|cn|en-sg|sg-en|home|index|main|default)(?:\.\w{2,5})?){0,3}$")
_THIRD_PARTY = re.compile(
    r"/(?:news|blogs?|articles?|posts?|stor(?:y|ies)|press(?:-releases?)?|events?|work|works|portfolio|case-stud(?:y|ies)|"
    r"projects?|clients?|customers?|partners?|dealers?|distributors?|where-to-buy|stockists?|members?|directory|listings?|"
    r"profiles?|compan(?:y|ies)/[^/]+|biz|review|reviews|tag|category|jobs?|19\d\d|20\d\d|c|p)(?:/|$)"
    r"|\b(?:best|top)-(?:\d+-)?|-(?:best|top)-\d+|/\d{1,3}-best",
    re.IGNORECASE,
)


class PageKind(StrEnum):
    """What a page tells about the owner of its site."""

    CONTACT = "contact"
    PLACES = "places"
    ABOUT = "about"
    LEGAL = "legal"


@kept_short
def kind_of_words(words: str, domain: str = "") -> PageKind | None:
    """What the label of a link, a title or the last part of a path announces; None for anything else.

    Words count at their boundaries and in context: contact lenses, office furniture and a company secretary are goods
    and services. "About" with other words than us or the company counts where `domain` bears one of them.
    """
    text = _normal(words)
    if not text:
        return None
    if _CONTACT.search(text):
        return PageKind.CONTACT
    if _PLACES.search(text):
        return PageKind.PLACES
    if _ABOUT.search(text) or _is_about_bearer(text, domain):
        return PageKind.ABOUT
    return PageKind.LEGAL if _LEGAL.search(text) else None


@kept_short
def kind_of_url(url: str, *, at_root: bool = False) -> PageKind | None:
    """What the last part of a path announces; within a folder of goods or articles only a contact page counts."""
    shelf, _, last = path_of(url, at_root=at_root).rpartition("/")
    kind = kind_of_words(_EXTENSION.sub("", unquote(last)), domain_of(url))
    return None if kind is not PageKind.CONTACT and _SHELF.search(f"{shelf}/") else kind


def is_contact_page(url: str, title: str = "") -> bool:
    """True when URL or title announce contact details."""
    kinds = (PageKind.CONTACT, PageKind.PLACES)
    return kind_of_url(url) in kinds or kind_of_words(title[:80]) is PageKind.CONTACT


def is_home_page(url: str) -> bool:
    """True for the front page of a site or of its section for a country or language."""
    return _HOMES.match(path_of(url)) is not None


def speaks_for_its_owner(url: str) -> bool:
    """True for pages on which a site describes its owner: home, contact, about and legal pages."""
    return is_home_page(url) or (kind_of_url(url) is not None and not speaks_of_others(url))


def lists_places(url: str) -> bool:
    """True for lists of branches, outlets or offices, which may belong to other companies."""
    return kind_of_url(url) is PageKind.PLACES


def speaks_of_others(url: str) -> bool:
    """True for pages whose URL shows that they are about other companies: articles, portfolios, dealer lists."""
    return _THIRD_PARTY.search(path_of(url)) is not None


def _normal(words: str) -> str:
    return " ".join(_BETWEEN.sub(" ", _APOSTROPHE.sub("", words.casefold())).split())


def _is_about_bearer(text: str, domain: str) -> bool:
    match = _ABOUT_SOMETHING.fullmatch(text)
    label = label_of(domain)
    return match is not None and any(len(word) >= 3 and word in label for word in match[1].split())
