"""Does the site name a person, or an office, beside a mailbox?

Words of offices and trades are also names: clover@ may be the mailbox of Clover Widjaja, whose name stands in the table
cell, the heading or the line above. A name is told by its words: few, capitalised, the mailbox's among them, and none
of the others a word of an office or a trade. People in Singapore bear names of every language, so an unknown word
counts as a name beside a word of the dictionary; beside a trade, a place or a greeting the other words must be known
names.

Abbreviations of offices are as many as offices: qsm@ is the Quality Service Manager, where the site says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from acra_express_async.extract.emails import Seen
from acra_express_async.extract.mailbox_roles import PLACES, TIER_OF, says_what_it_is
from acra_express_async.extract.mailbox_words import ALSO_NAMES, GREETINGS, INVITATIONS
from acra_express_async.extract.names import words_of
from acra_express_async.extract.personal_names import SURNAMES, is_a_given_name, reads_as_a_name
from acra_express_async.extract.vocabulary import LEGAL, TRADES
from acra_express_async.extract.word_lists import FAMILY_NAMES, ORDINARY

_TITLE = r"(?:[Mm]rs?|[Mm]s|[Mm]dm|[Mm]adam|[Mm]iss|[Dd]r|[Mm]aster|[Pp]rof|[Ii]r|[Ee]r|[Aa]r)\b\.?"
_SALUTATION = (
    rf"(?:\b{_TITLE}|\b(?:[Cc]ontact(?: [Pp]erson)?|[Aa]ttn|[Aa]ttention|[Cc]all|[Tt]ext|[Ww]hats[Aa]pp|[Aa]sk for|"
    r"[Ss]peak (?:to|with)|[Cc]oach|[Tt]eacher|[Cc]hef)\b[.:]?)\s{1,3}(?:[A-Z][a-z]{1,20}\s{1,3})?"
)
_OFFICE = (
    r"\s{1,3}[A-Z][A-Za-z.]{0,20}[^\n@]{0,30}\b(?:[Dd]irector|[Mm]anager|[Ff]ounder|[Oo]wner|[Cc][EFOT]O|[Pp]artner|"
    r"[Pp]rincipal|[Cc]onsultant|[Ee]xecutive|[Aa]gent|[Ii]n[- ][Cc]harge)\b"
)
_PIECES = re.compile(r"[|;•·\t:,()\[\]<>/]|\s[-–—]\s|\s{3,}")
_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_BETWEEN = frozenset("bin binte bte ibni s/o d/o a/l a/p de da la van der von del dos".split())
_TITLES = frozenset("mr mrs ms mdm madam miss dr master prof ir er ar".split())
_ABBREVIATION = re.compile(r"[a-z]{2,5}")
_SMALL = frozenset(("and", "of", "the", "for", "our"))
_MOST_PIECES = 6
"""Cells of a table row: name, title, direct line, mobile, fax, address."""
_MOST_WORDS = 5
_LONGEST_PIECE = 60
_SHORTEST_UNKNOWN = 4
_LETTERS_ONLY = re.compile(r"[._+\-\d]+")


def names_a_person(seen: Seen) -> bool:
    """True when the site names a person of the mailbox's name beside it: "Contact Summer", "| Marina Tan |"."""
    word = _LETTERS_ONLY.split(seen.local)[0]
    if not word:
        return False
    name = re.escape(word.capitalize())
    told = f"{seen.before}\n{seen.label}"
    around = f"{seen.before} {seen.after}"
    if re.search(rf"{_SALUTATION}{name}\b", told) or re.search(rf"\b{name}{_OFFICE}", around):
        return True
    return any(_is_persons(piece, word) for piece in _pieces(seen))


def names_an_office(seen: Seen) -> str:
    """The office whose initials the mailbox is, as the site calls it beside: "quality service manager"; else ''."""
    if not _ABBREVIATION.fullmatch(seen.local):
        return ""
    for piece in _pieces(seen):
        words = [word for word in words_of(piece) if word not in _SMALL]
        if "".join(word[0] for word in words) == seen.local and all(_is_of_an_office(word) for word in words):
            return " ".join(words)
    return ""


def _is_of_an_office(word: str) -> bool:
    return says_what_it_is(word) and not is_a_given_name(word) and word not in SURNAMES


def _pieces(seen: Seen) -> Iterator[str]:
    """What stands nearest to the address: cells and phrases on its line, the lines above, the heading."""
    yield from reversed(_PIECES.split(seen.before)[-_MOST_PIECES:])
    yield from _PIECES.split(seen.after)[:_MOST_PIECES]
    for line in (seen.label, *seen.above, seen.heading):
        yield from _PIECES.split(line)[:_MOST_PIECES]


def _is_persons(piece: str, word: str) -> bool:
    piece = piece.strip(" \t*_#>-–—.~`")
    if not piece or len(piece) > _LONGEST_PIECE:
        return False
    said = piece.split()
    words = [part for part in said if part.casefold().rstrip(".") not in _TITLES | _BETWEEN]
    if not 1 <= len(words) <= _MOST_WORDS or not all(_WORD.fullmatch(part) and part[0].isupper() for part in words):
        return False
    lower = [part.casefold().rstrip(".") for part in words]
    if word not in lower:
        return False
    others = [part for part in lower if part != word]
    if not others:
        return len(said) > len(words) or (word not in PLACES | TRADES and _may_be_called(word))
    known = word in TIER_OF or word in PLACES or word in INVITATIONS | GREETINGS or word not in ORDINARY
    if word in TIER_OF and not reads_as_a_name(word):
        return False
    if all(len(part) == 1 for part in others):
        return _may_be_called(word)
    known = known and not _may_be_called(word)
    return all(_is_name(part, known=known, place=word in PLACES) for part in others if len(part) > 1)


def _may_be_called(word: str) -> bool:
    return is_a_given_name(word) or word in ALSO_NAMES


def _is_name(word: str, *, known: bool, place: bool) -> bool:
    """Whether a word beside the mailbox's is a name; unknown ones too, but no short one behind a place (Marina Bay)."""
    if reads_as_a_name(word) or word in FAMILY_NAMES:
        return True
    bare = re.sub(r"[^a-z]", "", word)
    unknown = not says_what_it_is(bare) and bare not in PLACES and bare not in LEGAL
    return unknown and not known and not (place and len(bare) < _SHORTEST_UNKNOWN)
