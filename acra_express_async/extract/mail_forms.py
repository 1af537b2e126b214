"""Resolve mail addresses that were obfuscated against harvesters. Nothing is guessed.

A bare lower-case "at" is left alone ("meet us at dbs.com" is not an address). Every rule needs a sign that an address
is meant: brackets, the word "dot", a Cloudflare code, or an at-sign with spaces around it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from acra_express_async.extract.domains import FREEMAIL
from acra_express_async.extract.kept_answers import kept

_ROLE = (
    r"(?:info|sales|enquir(?:y|ies)|inquir(?:y|ies)|contact|hello|admin|office|support|general|mail|service|hr|careers?|"
    r"accounts?|marketing|booking|reservations?|customer[._-]?(?:care|service))"
)
_CLOUDFLARE_LINK = re.compile(
    r"\[[^\[\]\n]{0,80}(?:\[[^\[\]\n]{0,40}\][^\[\]\n]{0,40})?\]\([^()\s]{0,200}/cdn-cgi/l/email-protection#("
    r"[0-9a-fA-F]{6,600})[^()\n]{0,80}\)"
)
_CLOUDFLARE = re.compile(r"(?:/cdn-cgi/l/email-protection#|data-cfemail=[\"']?)([0-9a-fA-F]{6,600})")
_MAILTO = re.compile(r"mailto:([^\s()<>\"'\]]{1,400})", re.IGNORECASE)
_CODED_AT = re.compile(r"(?<=[A-Za-z0-9._-])%40(?=[A-Za-z0-9])")
_BRACKETED_AT = re.compile(
    r"\s{0,3}[\[({<【]\s{0,3}(?:at|@|ät|at sign|arroba|\*at\*|a t)\s{0,3}[\])}>】]\s{0,3}", re.IGNORECASE
)
_WRAPPED_AT = re.compile(
    r"""(?<=[A-Za-z0-9])(?:\s?[\[(]at[- ]?sign[\])]\s?(?=[A-Za-z0-9-]{1,63}\s?(?:\.|[\[(]?\s?dot\b))"""
    r"""|(?:\|at\||/at/|["'“‘«]at["'”’»])(?=[A-Za-z0-9-]{1,63}(?:\.|[|/"'“‘«]dot\b))"""
    r"""|\s?(?:\|\s?at\s?\||/\s?at\s?/|["'“‘«]at["'”’»])\s?(?=[A-Za-z0-9-]{1,63}\s?[|/"'“‘«]\s?dot\b))""",
    re.IGNORECASE,
)
"""Where blanks stand around the "at", the dot must be written as a word too: "Look | at | this.com" is no address."""
_WRAPPED_DOT = re.compile(
    r"""(?<=[A-Za-z0-9])\s?(?:\|\s?dot\s?\||/\s?dot\s?/|["'“‘«]dot["'”’»])\s?(?=[A-Za-z])""", re.IGNORECASE
)
_EMPTY_AT = re.compile(
    r"(?<![A-Za-z0-9._-])([A-Za-z0-9._-]{2,40})(?:\[\]|\(\)|\{\}|<>)"
    r"(?=[A-Za-z0-9-]{2,63}(?:\.[A-Za-z]{2,20}){1,3}(?![A-Za-z0-9(\[]))"
)
"""An image of the at-sign leaves empty brackets; code such as list().first() does not end in a suffix."""
_EMPHASIS = re.compile(r"([A-Za-z0-9._*+-]{1,80})@([A-Za-z0-9._*-]{1,120})")
_BRACKETED_A = re.compile(r"(?<=[A-Za-z0-9._-])[\[({]a[\])}](?=[A-Za-z0-9-]{1,63}\.[A-Za-z])")
_BRACKETED_DOT = re.compile(
    r"\s{0,3}[\[({<【]\s{0,3}(?:dot|d0t|\.|punkt|point|·)\s{0,3}[\])}>】]\s{0,3}", re.IGNORECASE
)
_FENCED_AT = re.compile(
    r"(?<=[A-Za-z0-9])\s?[_*\-|~#]{1,2}at[_*\-|~#]{1,2}\s?(?=[A-Za-z0-9-]{1,63}\s{0,2}(?:\.|"
    r"[\[(_*-]?dot))",
    re.IGNORECASE,
)
_FENCED_DOT = re.compile(r"(?<=[A-Za-z0-9])\s?[_*\-|~#]{1,2}dot[_*\-|~#]{1,2}\s?(?=[A-Za-z])", re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?<![A-Za-z0-9._-])(?P<local>[A-Za-z0-9._-]{2,40})\s{1,3}(?:at|@)\s{1,3}"
    r"(?P<domain>[A-Za-z0-9-]{2,40}(?:\s{1,3}dot\s{1,3}[A-Za-z]{2,20}){1,3})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SPOKEN_DOTS = re.compile(
    r"(?P<head>[A-Za-z0-9._-]{2,40}@[A-Za-z0-9-]{1,40}(?:\.[A-Za-z0-9-]{1,40}){0,2})(?P<tail>(?:\s{1,3}dot\s{"
    r"1,3}[A-Za-z]{2,20}){1,3})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_LOUD_AT = re.compile(
    r"(?<![A-Za-z0-9._-])(?P<local>[A-Za-z0-9._-]{2,40}) (?:AT|"
    r"\(at\)) (?P<domain>[A-Za-z0-9-]{2,40}(?:\.[A-Za-z]{2,20}){1,3})(?![A-Za-z0-9])"
)
_LABELLED_AT = re.compile(
    rf"(?<![A-Za-z])(e-?mail(?: us)?\s?[:：\-–]?\s?)({_ROLE}) at "
    r"(?=[a-z0-9-]{2,63}(?:\.[a-z]{2,20}){1,3}(?![a-z0-9]))",
    re.IGNORECASE,
)
_SPACED_AT = re.compile(
    r"(?<![A-Za-z0-9._-])(?P<local>[A-Za-z0-9._+-]{1,64})(?P<gap>\s{0,2}@\s{0,2})"
    r"(?P<domain>[A-Za-z0-9-]{1,63}(?:\s{0,2}\.\s{0,2}[A-Za-z0-9-]{1,63}){1,4})"
)
_LETTERS = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9._-] ){1,40}?@ (?:[A-Za-z0-9.-] ){2,60}[A-Za-z0-9](?![A-Za-z0-9])")
_MIDDLE_DOT = re.compile(
    r"(@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,3})[·•∙・‧⋅。●]"
    r"(?=(?:com|sg|net|org|edu|biz|co|info|asia|io|my|hk|cn|uk|us)(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
_NOT_A_MAILBOX = frozenset(
    "us me you visit at here find more online now shop order call follow see join meet log click book open only "
    "twitter instagram insta ig facebook fb tiktok telegram linkedin youtube threads x".split()
)
_LABEL_BEHIND = re.compile(
    r"\s{0,2}\.\s{1,2}(tel|telephone|phone|mobile|fax|call|whatsapp|hotline|office|address|website|web|or|and|we)\b",
    re.IGNORECASE,
)
_PROSE_BEFORE = re.compile(r"(?<![^\W\d_])([^\W\d_\u2e80-\u9fff\uac00-\ud7af]{1,20})[ \t*_]{1,4}$")
"""The word that stands right before a mailbox name."""
_LEADS_TO_MAIL = frozenset(
    """at to us me or and via by on email emails mail mails e em contact contacts write reach message enquiry enquiries
    enquire send drop our address is are am our""".split()
)
"""Words that may stand before an address: "write to info @ x.com". Behind others an at-sign between blanks is prose:
"Great deals @ x.com"."""
_NEVER_PROSE = frozenset("info enquiry enquiries inquiry inquiries admin contact hello hr".split())
_NO_SPAM = re.compile(r"[._-]?(?:no[._-]?spam|remove[._-]?this|delete[._-]?this|antispam)[._-]?", re.IGNORECASE)


@kept
def written_out(text: str) -> str:
    """Return a cleaned text with obfuscated addresses in plain form and everything else unchanged.

    Takes time linear in the length of the text.
    """
    if "email-protection#" in text or "data-cfemail" in text:
        text = _CLOUDFLARE_LINK.sub(_from_cloudflare, text)
        text = _CLOUDFLARE.sub(_from_cloudflare, text)
    text = _MAILTO.sub(lambda match: f" {unquote(match[1])[:400]} ", text)
    text = _CODED_AT.sub("@", text)
    text = _BRACKETED_AT.sub("@", text)
    text = _WRAPPED_AT.sub("@", text)
    spoken = "dot" in text.lower()
    if spoken:
        text = _WRAPPED_DOT.sub(".", text)
    text = _EMPTY_AT.sub(r"\1@", text)
    text = _BRACKETED_A.sub("@", text)
    text = _BRACKETED_DOT.sub(".", text)
    text = _FENCED_AT.sub("@", text)
    if spoken:
        text = _FENCED_DOT.sub(".", text)
        text = _SPOKEN.sub(_spoken, text)
        text = _SPOKEN_DOTS.sub(lambda match: match["head"] + _dots(match["tail"]), text)
    text = _LOUD_AT.sub(_loud, text)
    text = _LABELLED_AT.sub(r"\1\2@", text)
    if "@" not in text:
        return text
    text = _EMPHASIS.sub(_without_emphasis, text)
    text = _LETTERS.sub(lambda match: match.group().replace(" ", ""), text)
    for _ in range(3):  # one dot per round: in "com·sg" the second dot follows an address only after the first
        text = _MIDDLE_DOT.sub(r"\1.", text)
    return _SPACED_AT.sub(_closed_up, text)


def _without_emphasis(match: re.Match[str]) -> str:
    """Markdown's emphasis taken out of an address: info@**brightway**.com.sg, _info_@brightway.com.sg."""
    local, domain = match[1].replace("*", ""), match[2].replace("*", "")
    if local.startswith("_") and local.endswith("_"):
        local = local.strip("_")
    return f"{local}@{re.sub(r'(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])', '', domain)}"


def decoded_cloudflare(code: str) -> str:
    """The address encoded by Cloudflare (each byte XOR the first); '' when the code is invalid."""
    try:
        raw = bytes.fromhex(code)
    except ValueError:
        return ""
    address = bytes(byte ^ raw[0] for byte in raw[1:]).decode("utf-8", "replace")
    return address if "@" in address and address.isprintable() else ""


def _from_cloudflare(match: re.Match[str]) -> str:
    return f" {decoded_cloudflare(match[1])} "


def _is_prose(match: re.Match[str], domain: str) -> bool:
    """True for words with an "at" between them that are part of a sentence: "Great deals @ x.com", "Deals @ x.com"."""
    local = match["local"]
    if domain.lower() in FREEMAIL:
        return False  # no prose speaks of gmail.com
    if local.lower() in _NOT_A_MAILBOX:
        return True
    if local.lower() in _NEVER_PROSE or re.search(r"[._\d+]", local.strip(".")):
        return False
    before = match.string[max(0, match.start() - 24) : match.start()]
    if word := _PROSE_BEFORE.search(before):
        return word[1].casefold() not in _LEADS_TO_MAIL
    begins = not before.strip(" \t*_#>") or before.rstrip(" \t*_#>").endswith("\n")
    return begins and local.istitle() and not re.fullmatch(_ROLE, local, re.IGNORECASE)


def _spoken(match: re.Match[str]) -> str:
    domain = _dots(match["domain"])
    return match.group() if _is_prose(match, domain) else f"{match['local']}@{domain}"


def _dots(text: str) -> str:
    return re.sub(r"\s+dot\s+", ".", text, flags=re.IGNORECASE)


def _loud(match: re.Match[str]) -> str:
    # "VISIT US AT DBS.COM" is not an address: before a spelled-out AT only common mailbox names are accepted.
    if not re.fullmatch(_ROLE, match["local"], re.IGNORECASE):
        return match.group()
    return f"{match['local']}@{match['domain']}"


def _closed_up(match: re.Match[str]) -> str:
    compact = re.sub(r"\s", "", match["domain"])
    if match.group() == f"{match['local']}@{compact}":
        return match.group()
    if match["gap"] != "@" and (_is_prose(match, compact) or compact.lower().startswith("www.")):
        return match.group()
    if label := _LABEL_BEHIND.search(match["domain"]):  # "INFO@X.COM. TEL 6741 1100"; .tel is a suffix too
        head, rest = match["domain"][: label.start()], match["domain"][label.start() :]
        return f"{match['local']}@{''.join(head.split())}{rest}"
    # A dot, a space and a capital end a sentence: "Mail info@x.com. We answer".
    if re.search(r"\.\s+[A-Z]", match["domain"]) and not match["domain"].isupper():
        head, _, tail = match["domain"].partition(". ")
        return f"{match['local']}@{head}. {tail}" if " " not in head else match.group()
    return f"{match['local']}@{compact}"


def without_spam_guard(address: str) -> str:
    """The address without a word inserted against harvesters (``infoNOSPAM@x.com``)."""
    return _NO_SPAM.sub("", address)
