"""What a site's own words say of an address: what it is for, whose it is, where it is, and that it is out of use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from acra_express_async.extract.emails import Seen
from acra_express_async.extract.mailbox_kinds import PERSON_TIER, Role
from acra_express_async.extract.mailbox_roles import ABROAD, INVITATION_TIER
from acra_express_async.extract.names import Name, legal_name_stands_in, padded, words_of
from acra_express_async.extract.places import states_postal_code, states_street, street_words
from acra_express_async.extract.uens import states_uen, strangers_in
from acra_express_async.extract.vocabulary import LEGAL
from acra_express_async.models import Company

_GENERAL = re.compile(
    r"\b(?:general|sales|quot(?:e|es|ation|ations)|reserv(?:e|ation|ations)|book(?:ing|ings)?|orders?|appointments?|"
    r"get in touch|talk to us|say hello|main office|head office|headquarters?|hq)\b|询价|订购|预约|销售",
    re.IGNORECASE,
)
_ANY_REQUEST = re.compile(r"\b(?:enquir|inquir|contact us|email us|write to us|reach us)|查询|咨询|联系", re.IGNORECASE)
_PRIVACY = (
    r"privacy|personal data|data protection|pdpa|dpo|legal|whistle-?blow\w*|unsubscribe|withdraw (?:your )?consent"
)
_CAREERS = (
    r"careers?|jobs?|hiring|vacanc(?:y|ies)|recruit\w*|r[eé]sum[eé]s?|curriculum vitae|cv|internships?|"
    r"join our team|join us|work with us|human resources?|(?-i:HR)"
)
_PRESS = (
    r"(?:media|press)(?=\W{0,3}(?:$|[:：&/-]|and\b|enquir|inquir|quer|contact|relation|team|office|kit|only))|"
    r"journalists?|newsroom|public relations|investors?|investor relations|shareholders?"
)
_DEPARTMENTS = (
    r"marketing|partnerships?|partner with|sponsor\w*|advertis\w+|franchis\w+|suppliers?|vendors?|billing|"
    r"invoices?|accounts?|finance|payments?|complaints?|affiliates?|influencers?|donations?|volunteers?"
)
_SERVICE = (
    r"support|customer (?:service|care|support)|after[- ]sales|service (?:centre|center|desk)|technical|warranty|"
    r"repairs?|operations?"
)
_PURPOSES = {8: _PRIVACY, 7: _CAREERS, 6: _PRESS, 4: _DEPARTMENTS, 2: _SERVICE}
"""The tiers of mailbox_roles, and how a site says that an address is for that."""
_PATTERNS = tuple((tier, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for tier, words in _PURPOSES.items())
_CHINESE = (("招聘", 7), ("加入我们", 7), ("媒体", 6), ("投资者", 6), ("隐私", 8), ("客服", 2), ("售后", 2))
_PAGES = (
    (8, re.compile(r"privacy|pdpa|data-protection|terms|legal|whistle", re.IGNORECASE)),
    (7, re.compile(r"career|/jobs?\b|join-us|recruit|vacanc", re.IGNORECASE)),
    (6, re.compile(r"/press|/media|newsroom|investor", re.IGNORECASE)),
)

_END = re.compile(r"[.!?。！？]\s|[;|•·\t]")
_LAST_ADDRESS = re.compile(r"[A-Za-z0-9]@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_MOST_WORDS = 8
"""A heading of more words is a sentence and says nothing of the addresses below it."""

_OUT_OF_USE = re.compile(
    r"\b(?:old|former|previous|no longer|outdated|deprecated|obsolete|discontinued)\b[^\n]{0,40}$|formerly",
    re.IGNORECASE,
)
_SAID_BEHIND = re.compile(
    r"^[\s)>\]*_]{0,6}\(?(?:is |are |has been |was |will be )?(?:no longer|not in use|discontinued|closed|deactivated|"
    r"old\b|former|previous|out of use|phased out)",
    re.IGNORECASE,
)
_COUNTRIES = re.compile(
    r"\b(?:malaysia|kuala lumpur|johor|penang|indonesia|jakarta|batam|thailand|bangkok|vietnam|hanoi|ho chi minh|"
    r"philippines|manila|china|shanghai|beijing|shenzhen|guangzhou|hong kong|taiwan|taipei|japan|tokyo|osaka|korea|"
    r"seoul|(?<!little )india|mumbai|delhi|chennai|sri lanka|australia|sydney|melbourne|new zealand|myanmar|cambodia|"
    r"brunei|dubai|uae|qatar|saudi|london|united kingdom|germany|france|new york|usa|united states|europe|africa)\b",
    re.IGNORECASE,
)
_HOME_DESKS = frozenset(("sg", "sgp", "sin", "spore", "singapore"))
_HOME = re.compile(r"\b(?:singapore|s'pore|sg|headquarters?|head office|hq)\b|新加坡", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an occurrence of an address stands on the site.

    `out_of_use`: the site says so. `ours` and `of_another_firm`: whose UEN or legal name its section shows. `tier`:
    what the address is for (see mailbox_roles.TIERS), by its name and by the words around it. `abroad`: of an office
    in another country. `at_our_address`: the section shows the registered address, UEN or name.
    """

    out_of_use: bool
    ours: bool
    of_another_firm: bool
    tier: int
    abroad: bool
    at_our_address: bool


def standing_of(seen: Seen, role: Role | None, company: Company, names: tuple[Name, ...]) -> Standing:
    """Read the words around one occurrence of an address."""
    said = _words_before(seen)
    section = padded(seen.section)
    ours = states_uen(seen.section, company.uen) or any(legal_name_stands_in(section, name) for name in names)
    return Standing(
        out_of_use=bool(_OUT_OF_USE.search(said.rpartition(")")[2]) or _SAID_BEHIND.search(seen.after)),
        ours=ours,
        of_another_firm=not ours and (_names_a_firm(seen.heading) or bool(strangers_in(seen.section, company.uen))),
        tier=_tier(role, seen, said),
        abroad=_is_abroad(seen, said),
        at_our_address=ours or _states_address(seen.section, company),
    )


def _states_address(text: str, company: Company) -> bool:
    return states_postal_code(text, company.postal_code or "") or states_street(
        street_words(text), company.block, company.street_name
    )


def _names_a_firm(heading: str) -> bool:
    return bool(LEGAL.intersection(words_of(heading)[-2:]))


def _words_before(seen: Seen) -> str:
    """The words of the line that lead to the address: behind the last other address and the last end of a sentence."""
    text = seen.before
    for match in _LAST_ADDRESS.finditer(seen.before):
        text = seen.before[match.end() :]
    parts = _END.split(text)
    if seen.before.lstrip().startswith("|"):  # a table: the label is in the cell before
        parts = [part for part in parts if part.strip()]
    return parts[-1].strip() if parts else ""


def _tier(role: Role | None, seen: Seen, said: str) -> int:
    """The tier of the mailbox, corrected by what the site says the address is for."""
    if role is None:
        return PERSON_TIER
    purpose = next((tier for tier in _purposes(seen, said) if tier is not None), None)
    if purpose is None:
        return role.tier
    if purpose > 0:
        return max(role.tier, purpose)
    return min(role.tier, INVITATION_TIER) if role.is_a_word else role.tier


def _purposes(seen: Seen, said: str) -> Iterator[int | None]:
    """Tiers of the purposes named nearest to the address first: on its line, the line above, the heading."""
    yield _purpose(said)
    yield _purpose(seen.label)
    if len(seen.heading.split()) <= _MOST_WORDS:
        yield _purpose(seen.heading)
    yield next((tier for tier, pattern in _PAGES if pattern.search(urlsplit(seen.url).path)), None)


def _purpose(words: str) -> int | None:
    if not words:
        return None
    if _GENERAL.search(words):
        return 0
    tiers = [tier for tier, pattern in _PATTERNS if pattern.search(words)]
    tiers += [tier for word, tier in _CHINESE if word in words]
    if tiers:
        return min(tiers)
    return 0 if _ANY_REQUEST.search(words) else None


def _is_abroad(seen: Seen, said: str) -> bool:
    """True for the mailbox of an office in another country, by its name, by the words beside it or by the heading."""
    parts = set(re.split(r"[._+\-\d]+", seen.local))
    beside = f"{said} {seen.label} {_END.split(seen.after[:40])[0]}"
    if parts & _HOME_DESKS or _HOME.search(beside):
        return False
    if parts & ABROAD or _COUNTRIES.search(beside):
        return True
    return _COUNTRIES.search(seen.heading) is not None and not _HOME.search(seen.heading)
