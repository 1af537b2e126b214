"""Legal names of other companies on a page: an imprint in another name is a sign of another owner."""

from __future__ import annotations

import re

from acra_express_async.extract.names import Name, name_of

_LEGAL_NAME = re.compile(
    r"(?P<name>(?:[A-Z0-9][\w&'.,\-]{0,40}[ \t]+|(?:&|and|of)[ \t]+|\((?:[A-Za-z]{1,20})\)[ \t]*){1,8})"
    r"(?:\(?(?:Pte|PTE|Private|PRIVATE)\.?\)?[ \t]*\.?(?:Ltd|LTD|Limited|LIMITED)\b|LLP\b)"
)
_IMPRINT = re.compile(r"©|\(c\)|copyright|all rights reserved|版权|版權", re.IGNORECASE)


def other_legal_names(text: str, names: tuple[Name, ...]) -> tuple[str, ...]:
    """Singapore legal names in copyright lines that are none of ours, each once.

    Only imprint lines count: partners and clients are named elsewhere on a page, owners there.
    """
    ours = {name.words for name in names}
    found: dict[str, None] = {}
    for line in text.split("\n"):
        if not _IMPRINT.search(line[:4000]):
            continue
        for match in _LEGAL_NAME.finditer(line[:4000]):
            other = name_of(re.sub(r"^[\d\s,.\-–]+", "", match.group()))
            if other.words and other.words not in ours and other.core not in {name.core for name in names}:
                found[other.legal] = None
    return tuple(found)
