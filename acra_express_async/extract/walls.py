"""Recognise pages that replace a site: parked and hijacked domains, bot checks, fakes that ask for a password."""

from __future__ import annotations

import re

_PARKED = re.compile(
    r"domain (?:name )?(?:\S+ )?(?:is|may be|might be|could be)?\s*(?:available )?for sale|buy this domain|"
    r"this (?:domain|web ?page|site) (?:name )?(?:is|has been|was) (?:parked|registered|expired|suspended)|"
    r"domain (?:has )?expired|(?:renew|interested in) (?:this|your) domain|inquire about this domain|domain parking|"
    r"parked (?:free|domain|page)|hugedomains|afternic|sedo(?:parking)?\.com|dan\.com|make an offer (?:on|"
    r"for) this domain|"
    r"account (?:has been )?suspended|default web ?(?:site )?page|welcome to nginx|apache2? (?:\w+ )?default page|"
    r"related searches|future home of|website is no longer available|该域名|域名出售",
    re.IGNORECASE,
)
_GAMBLING = re.compile(
    r"slot gacor|\btogel\b|\bjudi\b|\bslots? online|online (?:casino|slots?|betting)|casino online|sportsbook|"
    r"live casino|"
    r"\bbandar\b|situs (?:slot|judi)|free spins|deposit pulsa|\brtp\b|\bbaccarat\b|博彩|娱乐城|百家乐|棋牌",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"verify your (?:account|identity|card)|confirm your (?:account|identity|card|details)|account (?:will be|"
    r"has been) "
    r"(?:locked|suspended|limited)|enter your (?:password|pin|otp|card|user ?id|login)|one-time password|"
    r"unusual activity|"
    r"unlock your account|claim your (?:prize|reward|refund)|update your (?:billing|payment|card)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"just a moment|attention required|access denied|verify(?:ing)? (?:that )?you are (?:a )?human|"
    r"checking your browser|"
    r"are you a robot|security check|enable javascript and cookies|request blocked|403 forbidden",
    re.IGNORECASE,
)
_SHORT = 600
"""Characters. Such a page says little else, while a real page may contain any of these words somewhere."""


def looks_parked(title: str, text: str) -> bool:
    """True for a domain that is for sale, expired, suspended or shows only the hosting provider's page."""
    match = _PARKED.search(title) or _PARKED.search(text[:3000])
    return match is not None and len(text.strip()) < 4 * _SHORT


def looks_hijacked(title: str, text: str) -> bool:
    """True when a gambling site has taken the domain over; one word is not enough, because hotels have casinos."""
    found = {match.group().lower() for match in _GAMBLING.finditer(f"{title}\n{text[:20_000]}")}
    return len(found) >= 2


def asks_for_credentials(title: str, text: str) -> bool:
    """True when the page urges visitors to enter a password, a code or a card number."""
    return _CREDENTIALS.search(f"{title}\n{text[:20_000]}") is not None


def is_challenge(title: str, text: str) -> bool:
    """True for a bot check or refusal instead of content."""
    return len(text.strip()) < _SHORT and _CHALLENGE.search(f"{title}\n{text}") is not None
