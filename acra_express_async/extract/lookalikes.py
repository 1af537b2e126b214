"""Recognise domains that imitate a company's domain."""

from __future__ import annotations

from acra_express_async.extract.domains import label_of
from acra_express_async.extract.names import Name, joined, resembles

_LURES = frozenset(
    """secure login signin verify verification account accounts update support helpdesk portal refund claim
    claims prize reward rewards wallet pay payment ebanking ibanking banking auth otp alert notice
    service-center my-account""".split()
)
_SWAPS = str.maketrans("013458", "oleasb")
_FOREIGN_LETTERS = str.maketrans("аеорсухіјѕһԁɡӏвкмнтαορυν", "aeopcyxijshdglbkmhtaopuv")


def imitates(domain: str, name: Name) -> bool:
    """True when the label is the name with look-alike letters, or the name next to a word such as "login"."""
    raw = domain.partition(".")[0]
    starts = {joined(name.core[:length]) for length in range(1, len(name.core) + 1)}
    spelled = {*starts, joined(name.words), joined(name.brand)} - {""}
    if raw.startswith("xn--"):
        try:
            shown = raw.encode("ascii").decode("idna")
        except UnicodeError:
            return True
        return shown.translate(_FOREIGN_LETTERS) in spelled
    label = label_of(domain)
    if label in spelled:
        return False
    if any(len(word) >= 4 and _folded(label) == _folded(word) for word in spelled):
        return True
    parts = raw.split("-")
    return len(parts) > 1 and any(part in _LURES for part in parts) and any(part in spelled for part in parts)


def is_near_miss(domain: str, name: Name) -> bool:
    """True when the label differs from the name by about one letter; suspicious only together with other signs."""
    return resembles(label_of(domain), name)


def _folded(label: str) -> str:
    return label.translate(_SWAPS).replace("rn", "m").replace("vv", "w").replace("i", "l")
