"""What one mailbox name stands for: a role, the company itself, or a person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from acra_express_async.extract.mailbox_roles import INVITATION_TIER, PLACE_TIER, TIER_OF, ordinary_word, role_in
from acra_express_async.extract.mailbox_words import ALSO_NAMES, CITY_CODES
from acra_express_async.extract.own_mailboxes import OwnWords
from acra_express_async.extract.personal_names import reads_as_a_name
from acra_express_async.extract.vocabulary import STRUCTURE

PERSON_TIER = 5

_LONGEST_INITIALS = 2
"""An unknown part of so many letters beside a role is a branch or a desk (sales.kl), a longer one may be a name."""
_NO_VOWEL = re.compile(r"[bcdfghjklmnpqrstvwxz]{3,4}")
"""An abbreviation that is no name beside a role: lpc-feedback."""
_CODE = 3
_LEAD, _ENDING = 4, 5
_OWN_WORD = 4
"""uobcustomerservice, kplsales: at most so many unknown letters before a role of at least so many."""
_SURNAMES = frozenset(["rosales"])
"""Surnames that end in a role."""


@dataclass(frozen=True, slots=True)
class Role:
    """The tier (see mailbox_roles.TIERS) and word of a mailbox; `is_a_word`: known by its word alone, no department."""

    tier: int
    word: str
    is_a_word: bool = False


def role_of(local: str, own: OwnWords) -> Role | None:
    """The role of a mailbox name, lower-case; None where it may be a person's."""
    parts = [part for part in re.split(r"[._+\-\d]+", local) if part]
    letters = "".join(parts)
    if not _has_an_initial(parts) and (whole := _part_role(letters, own)) is not None:
        return whole
    if len(parts) < 2:
        return None
    if own.name_the_mailbox(letters):
        return Role(0, "company")
    roles = [role for part in parts if (role := _part_role(part, own)) is not None]
    unknown = [part for part in parts if _part_role(part, own) is None]
    surely = not all(role.is_a_word for role in roles)
    if not roles or not all(part in CITY_CODES or (surely and _is_a_code(part)) for part in unknown):
        return None
    return min(roles, key=lambda role: (role.tier, role.word))


def _has_an_initial(parts: list[str]) -> bool:
    """True when a single letter stands beside a word: s.tay is a name, not the word "stay"."""
    return any(len(part) == 1 for part in parts) and any(len(part) > 1 for part in parts)


def _is_a_code(part: str) -> bool:
    return (len(part) <= _LONGEST_INITIALS and not reads_as_a_name(part)) or _NO_VOWEL.fullmatch(part) is not None


def _part_role(part: str, own: OwnWords) -> Role | None:
    if part in own.whole:
        return Role(0, "company")
    if part in ALSO_NAMES:
        return Role(INVITATION_TIER, part, is_a_word=True) if own.call_for(part) else None
    if (role := role_in(part)) is not None:
        return Role(*role, is_a_word=part == role[1] and part not in TIER_OF)
    if own.name_the_mailbox(part):
        return Role(0, "company", is_a_word=part in own.single)
    if (role := _beside_own_word(part, own) or _behind_some_letters(part)) is not None:
        return Role(*role)
    if own.describe(part):
        return Role(PLACE_TIER, part, is_a_word=True)
    if (role := ordinary_word(part)) is not None:
        return Role(*role, is_a_word=True)
    return None


def _beside_own_word(part: str, own: OwnWords) -> tuple[int, str] | None:
    """brightwaysales: the company's word before or after a role."""
    for word in own.whole | own.single:
        rest = part.removeprefix(word) if part.startswith(word) else part.removesuffix(word)
        if len(word) >= 2 and rest != part and (role := role_in(rest)) is not None:
            return role
        if len(word) >= _OWN_WORD and rest in STRUCTURE:
            return 0, "company"  # cresendotrading
    return None


def _behind_some_letters(part: str) -> tuple[int, str] | None:
    if part in _SURNAMES:
        return None
    if part[:_CODE] in CITY_CODES and len(part) >= 2 * _CODE and part[_CODE:] in TIER_OF:
        return TIER_OF[part[_CODE:]], part[_CODE:]  # sinops
    for lead in range(2, _LEAD + 1):
        ending = part[lead:]
        if reads_as_a_name(part[:lead]) and part[:lead] not in CITY_CODES:
            continue  # maysales: May in sales
        if len(ending) >= _ENDING and ending in TIER_OF:
            return min(TIER_OF[ending] + 1, 8), ending
    return None
