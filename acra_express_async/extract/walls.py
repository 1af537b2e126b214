"""Recognise pages that replace a site: hijacked domains, bot checks, fakes that ask for a password."""

from __future__ import annotations

import re
from functools import lru_cache

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.domains import domain_of, path_of, same_url
from acra_express_async.extract.emails import emails_in
from acra_express_async.extract.kept_answers import PAGES
from acra_express_async.extract.places import where_in
from acra_express_async.models import Page

_WORD = re.compile(r"[^\W\u3400-\u9fff]{2,}|[\u3400-\u9fff]")
_GAMBLING = re.compile(
    r"slot gacor|\btogel\b|\bjudi\b|\bslots? online|online (?:casino|slots?|betting)|casino online|sportsbook|"
    r"live casino|"
    r"\bbandar\b|situs (?:slot|judi)|free spins|deposit pulsa|\brtp\b|\bbaccarat\b|博彩|娱乐城|百家乐|棋牌",
)
"""For lower-case text."""
_CREDENTIALS = re.compile(
    r"verify your (?:account|identity|card)|confirm your (?:account|identity|card|details)|account (?:will be|"
    r"has been) "
    r"(?:locked|suspended|limited)|enter your (?:password|pin|otp|card|user ?id|login)|one-time password|"
    r"unusual activity|"
    r"unlock your account|claim your (?:prize|reward|refund)|update your (?:billing|payment|card)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"just a moment|attention required|access (?:to this page has been )?denied|i'?m not a robot|"
    r"verify(?:ing)? (?:that )?you(?:'re| are) (?:not a robot|(?:a )?human)|are you (?:a robot|human)|"
    r"checking (?:your browser|if the site connection is secure)|security check|enable javascript and cookies|"
    r"request (?:blocked|unsuccessful)|403 forbidden|"
    r"unusual traffic|pardon our interruption|press (?:and|&) hold|complete the (?:captcha|challenge|puzzle)|"
    r"human verification|ddos[- ](?:guard|protection)|incident id|website firewall|you have been blocked",
    re.IGNORECASE,
)
_UNLOADED = re.compile(
    r"\bloading\b|please wait|one moment|redirecting|(?:enable|requires?|turn on|need) java ?script|"
    r"java ?script (?:is )?(?:disabled|required|must be)|without java ?script|browser (?:is )?not supported",
    re.IGNORECASE,
)
_FEW_WORDS = 8
"""A page with at most this many words says nothing."""
_OWN_LINKS = 3
"""With this many links to the same site a page is a real page; a bot check links at most to its vendor."""
_LONGEST_WALL = 1500
"""Characters. Reader's CAPTCHA warning appears below 200 tokens, which is shorter."""
_SHORT = 600
"""Characters. Such a page says little else, while a real page may contain any of these words somewhere."""


def looks_hijacked(title: str, text: str) -> bool:
    """True when a gambling site has taken the domain over; one word is not enough, because hotels have casinos."""
    found = {match.group() for match in _GAMBLING.finditer(f"{title}\n{text[:20_000]}".lower())}
    return len(found) >= 2


def asks_for_credentials(title: str, text: str) -> bool:
    """True when the page urges visitors to enter a password, a code or a card number."""
    return _CREDENTIALS.search(f"{title}\n{text[:20_000]}") is not None


@lru_cache(maxsize=PAGES)
def blocked_by(page: Page) -> str:
    """What replaces the page: ``captcha`` or ``script``; '' for a usable page.

    Judged by what the page says: Reader's CAPTCHA warning only means that the word stands in the HTML of a short page,
    as with every contact form that asks for one. Who tells how to reach the company is no wall, whatever else is there.
    """
    text = page.text.strip()
    if len(text) > _LONGEST_WALL or _tells_how_to_reach(page) or links_within(page) >= _OWN_LINKS:
        return ""
    said = f"{page.title}\n{text}"
    words = len(_WORD.findall(_UNLOADED.sub(" ", text.replace(page.title, " "))))
    if len(text) < _SHORT and _CHALLENGE.search(said):
        return "captcha"
    if page.warning and "CAPTCHA" in page.warning and words < _FEW_WORDS:
        return "captcha"
    return "script" if words < _FEW_WORDS and _UNLOADED.search(said) else ""


def _tells_how_to_reach(page: Page) -> bool:
    where = where_in(clean(page.text))
    return bool(where.singapore or where.local_phone or where.bare_phone or emails_in(page))


def links_within(page: Page) -> int:
    """How many other pages of the same site a page links to."""
    domain = domain_of(page.url)
    return len({same_url(link.url) for link in page.links if path_of(link.url) and domain_of(link.url) == domain})
