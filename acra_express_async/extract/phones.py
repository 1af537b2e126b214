"""Find the Singapore telephone numbers printed on pages and return them in E.164.

The matcher of `phonenumbers` silently skips numbers printed next to each other (measured with 9.0.43). So this module
splits each line into runs of digits, and `phonenumbers` validates each number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.kept_answers import PAGES
from acra_express_async.extract.names import Name
from acra_express_async.extract.uens import without_uens
from acra_express_async.models import Company, Page, Phone

MAX_PER_PAGE = 100
_MAX_LINE = 5000

_WHATSAPP = re.compile(
    r"(?:wa\.me/|api\.whatsapp\.com/send/?\?(?:[^\s)]{0,80}&)?phone=|whatsapp://send\?phone=|"
    r"web\.whatsapp\.com/send\?phone=)"
    r"(?:%2B|\+)?((?:%20|%2D|[ -])?\d(?:(?:%20|%2D|[ -])?\d){7,14})",
    re.IGNORECASE,
)
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63, 0xFF0D], "-")
"""Hyphens, dashes and minus signs that editors put between groups of digits."""
_TRUNK_ZERO = re.compile(r"(?<!\d)(\(?\+\s?65\)?)\s?\(0\)\s?")
"""The (0) of a trunk prefix, which Singapore's numbers do not have."""
_TARGET = re.compile(r"\]\(tel:[^\n\[\]]{1,40}\)", re.IGNORECASE)
_LABEL = re.compile(r"\[([^\[\]]{0,200})\]\($")
_TEL_LINK = re.compile(r"tel:(?:%2B|\+)?[\d\s().%-]{6,24}", re.IGNORECASE)
_ONE_BY_ONE = re.compile(r"(?<![\d.])[3689](?:[ .\-]\d){7}(?![ .\-]?\d)")
_NOISE = re.compile(
    r"https?://\S{1,500}"
    r"|#\s?[A-Za-z]?\d{1,3}[A-Za-z]?\s?-\s?[A-Za-z]{0,2}\d{1,4}[A-Za-z]?(?:/\d{1,4})*"  # unit numbers
    r"|(?:S?\$|USD|SGD|RM|HK\$|US\$)\s?\d[\d,. ]{0,14}"
    r"|\b(?:[01]\d|2[0-4])[0-5]\d\s{0,2}(?:h(?:rs)?)?\s{0,2}(?:-|–|—|to|until)\s{0,2}(?:[01]\d|"
    r"2[0-4])[0-5]\d\b"  # hours
    r"|\b(?:19|20)\d{2}\s{0,2}[-–—/]\s{0,2}(?:19|20)\d{2}\b"
    r"|\b(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}\b"  # dates
    r"|(?<![\d+.])\d{1,3}\.\d{4,8}(?![.\d])"  # degrees
    r"|\bM[A-Z0-9]-?\d{7}-?[0-9A-Z]\b"  # GST numbers of older registrations
    r"|(?:singapore|s'?pore|\bS)\s{0,2}[(\-]?\s{0,2}\d{6}\)?(?!\d)",
    re.IGNORECASE,
)
_SEVEN_DIGITS = re.compile(r"\d(?:\D*\d){6}")
"""Without them a line holds no number of any kind."""
_RUN = re.compile(r"(?<![A-Za-z0-9_@#$.])(?:\+|\(\+?)?\d(?:[ \t().\-–]{0,3}\d){6,40}(?!\d|%|[A-Z]\b)")
_MOST_GROUPS = 9
_MOST_DIGITS = 12
"""0065 and eight digits, in the worst case each digit by itself."""

_GROUPS = re.compile(r"\+?\d+")
_NUMBERED = (
    r"sku|invoice|account|acct|a/c|order|ref(?:erence)?|serial|part|model|barcode|cert(?:ificate)?|licen[cs]e|permit|"
    r"policy|reg(?:istration)?|tracking|item|cea|hdb|bca|nea|mom|id|version|lot|job|project|tender|patent|bank"
)
_OTHER_THINGS = re.compile(
    rf"(?:\b(?:{_NUMBERED})\s?(?:reg(?:istration)?\.?\s?)?(?:no|nos|number|num|code|id|#)\b\s{{0,2}}[.:#\-]{{0,3}}\s{{0,2}}"
    r"|\b(?:sku|isbn|gst|uen|roc|rcb|lat|lng|long|iso|paynow|barcode|version|model|"
    r"licen[cs]e|account|invoice|code|over|more than|nearly|almost)\b"
    r"(?:\s?reg\b)?\.?(?:\s?(?:no|number)\b)?\s{0,2}[.:#\-]{0,3}\s{0,2})$",
    re.IGNORECASE,
)
_GLUED_LABEL = re.compile(
    r"(Tel|TEL|Telephone|Phone|PHONE|Fax|FAX|Hotline|HOTLINE|Mobile|Mob|Call|HP|Hp|DID|Whatsapp|WhatsApp|Office)"
    r"(?=[(+]?\d)"
)
_FAX = re.compile(
    r"(?:fax|facsimile|telefax|传真|傳真|\bF|📠)\s{0,2}(?:no|number)?\s{0,2}[.:：)\-–|]{0,2}\s{0,2}\(?$", re.IGNORECASE
)
_TEL_TOO = re.compile(r"(?:tel|t|phone)\s?[/&]\s?f(?:ax)?\W{0,4}$", re.IGNORECASE)
_WHATSAPP_LABEL = re.compile(r"whats\s?app|\bWA\b|wechat|微信", re.IGNORECASE)
_TOLL_FREE = re.compile(r"(?<![\d+])(?:(?:\+|00)?\(?65\)?[ -]?)?1800[ \-.]?(\d{3})[ \-.]?(\d{4})(?!\d)")


_COUNTRY_CODES = frozenset(
    "1 7 20 27 31 32 33 34 39 41 43 44 45 46 47 48 49 55 60 61 62 63 64 66 81 82 84 86 90 91 92 94 95 852 853 855 856 "
    "880 886 960 961 962 965 966 968 971 972 973 974 977".split()
)


@dataclass(frozen=True, slots=True)
class _Found:
    number: str
    kind: str
    position: int


def phones_of(pages: Sequence[Page], *, near: Sequence[str] = ()) -> tuple[Phone, ...]:
    """The Singapore numbers on the pages of a site, each once, best first.

    Args:
        pages: usable pages in the order in which they were read.
        near: texts (postal code, branch) that mark the line of the branch that the registry means.
    """
    ranked: dict[str, tuple[tuple[int, ...], Phone]] = {}
    for number, page in enumerate(pages):
        for order, (found, line) in enumerate(_numbers_on(page)):
            here = int(not any(piece and piece.casefold() in line.casefold() for piece in near))
            key = (int(found.kind in ("fax", "toll_free")), here, number, order)
            phone = Phone(found.number, found.kind, page.url, read_at=page.read_at)
            if found.number not in ranked or _is_better(phone.kind, ranked[found.number][1].kind):
                ranked[found.number] = (key, phone)
    return tuple(phone for _, phone in sorted(ranked.values(), key=lambda pair: pair[0]))


def branch_marks(company: Company, name: Name) -> tuple[str, ...]:
    """Texts that mark the line of the registered branch: its postal code and the place in the name's brackets."""
    return tuple(mark for mark in (company.postal_code or "", *name.bracketed) if len(mark) >= 4)


def _is_better(kind: str, than: str) -> bool:
    return than == "fax" and kind in ("phone", "mobile", "whatsapp")


@lru_cache(maxsize=PAGES)
def _numbers_on(page: Page) -> tuple[tuple[_Found, str], ...]:
    """Every number on a page with its line; asked again with every further page of the site."""
    return tuple(_numbers_by_line(page))


def _numbers_by_line(page: Page) -> Iterator[tuple[_Found, str]]:
    text = _TRUNK_ZERO.sub(r"\1 ", clean(page.text).translate(_DASHES))
    links = "\n".join(
        link.url
        for link in page.links
        if (link.url[:4].lower() == "tel:" or "wa.me" in link.url or "whatsapp" in link.url)
        and link.url not in page.text
    )
    count = 0
    header: list[str] = []
    for line in f"{text}\n{links}".split("\n"):
        cells = [cell.strip().casefold() for cell in line.split("|")] if line.count("|") >= 3 else []
        if cells and any(cell in ("tel", "phone", "fax", "telephone", "contact", "contact no") for cell in cells):
            header = cells
            continue
        for start in range(0, len(line), _MAX_LINE):
            piece = line[start : start + _MAX_LINE]
            for found in _numbers_in(piece, header if cells else []) if _SEVEN_DIGITS.search(piece) else ():
                yield found, piece
                count += 1
                if count >= MAX_PER_PAGE:
                    return
        if not cells:
            header = []


def _numbers_in(line: str, header: list[str]) -> Iterator[_Found]:
    for match in _WHATSAPP.finditer(line):
        if number := _singaporean(re.sub(r"%2[0D]|\D", "", match[1], flags=re.IGNORECASE)):
            yield _Found(number, "whatsapp", match.start())
    for match in _TEL_LINK.finditer(line):
        digits = re.sub(r"%20|%2B|[^\d+]", "", match.group()[4:])
        if number := _singaporean(digits):
            yield _Found(number, _kind(number, _said_before(line, match.start())), match.start())
    line = _GLUED_LABEL.sub(r"\1 ", line)
    plain = without_uens(_NOISE.sub(_blank, _TARGET.sub(_blank, line)))
    for match in _TOLL_FREE.finditer(plain):
        yield _Found(f"+651800{match[1]}{match[2]}", "toll_free", match.start())
    plain = _TOLL_FREE.sub(_blank, plain)
    plain = _ONE_BY_ONE.sub(_closed, plain)
    for match in _RUN.finditer(plain):
        yield from _numbers_of_run(plain, match, header)


def _said_before(line: str, start: int) -> str:
    """What a line says before the target of a link: the words before its label, and those of the label itself."""
    before = line[max(0, start - 300) : start]
    label = _LABEL.search(before)
    return before if label is None else before[: label.start()] + label[1].rstrip("0123456789+()- \t")


def _blank(match: re.Match[str]) -> str:
    # Not a space: digits on both sides of removed text must not join into one number.
    return "~" * len(match.group())


def _closed(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    return digits.ljust(len(match.group()))


def _numbers_of_run(line: str, run: re.Match[str], header: list[str]) -> Iterator[_Found]:
    before = line[max(0, run.start() - 40) : run.start()].removesuffix("[")
    if _OTHER_THINGS.search(before):
        return
    at = run.start()
    label = before
    for number, length in _split(run.group(), line[run.end() : run.end() + 2]):
        if number:
            yield _Found(number, _kind(number, label, _cell(line, at, header)), at)
            label = ""
        at += length


def _split(run: str, followed: str) -> list[tuple[str, int]]:
    """The numbers in one run of digits, each with its length; empty when some digits belong to no number.

    `followed` is the text after the run.
    """
    groups = [(match.group(), match.start(), match.end()) for match in _GROUPS.finditer(run)]
    numbers: list[tuple[str, int]] = []
    index = 0
    end = 0
    while index < len(groups):
        number, size = _first_number([group for group, _, _ in groups[index : index + _MOST_GROUPS]])
        if number:
            last = groups[index + size - 1][2]
            numbers.append((number, last - end))
            end = last
            index += size
        else:
            behind = run[groups[index][2] : groups[index][2] + 1]
            if numbers and _begins_something_else(run, groups[index], followed):
                return numbers
            if not _may_be_skipped(groups[index][0], behind, first=index == 0):
                return []
            numbers.append(("", groups[index][2] - end))
            end = groups[index][2]
            index += 1
    return numbers


def _first_number(groups: list[str]) -> tuple[str, int]:
    """The number formed by the first groups and how many groups it takes; ('', 0) when they form none."""
    digits = ""
    for size, group in enumerate(groups, start=1):
        digits += group
        if len(digits.lstrip("+")) > _MOST_DIGITS:
            break
        if number := _singaporean(digits):
            return number, size
    return "", 0


def _may_be_skipped(group: str, behind: str, *, first: bool) -> bool:
    """True for digits that may precede a number by chance: a postal code, the end of "Tower 5", a year.

    Any other digits make the run ambiguous, for example a foreign number.
    """
    if group.startswith(("+", "0")):
        return len(group) == 6 and not group.startswith("+")
    if len(group) == 6 or (first and behind == " " and re.fullmatch(r"(?:19|20)\d\d", group)):
        return True
    return first and behind == " " and len(group) <= 3 and group not in _COUNTRY_CODES and not group.startswith("1")


def _begins_something_else(run: str, group: tuple[str, int, int], followed: str) -> bool:
    """True for "62651177(3 lines)", for "6265 1177-78" and for the house number in "6225 3211 21 Tai Seng Drive"."""
    digits, start, end = group
    house = end == len(run) and len(digits) <= 4 and followed[:1] == " " and followed[1:2].isalpha()
    several = end == len(run) and len(digits) <= 2 and run[start - 1] == "-"
    return run[start - 1] == "(" or several or (house and run[start - 1] == " ")


def _singaporean(digits: str) -> str:
    """A valid Singapore number in E.164, or ''. ``65621133`` is a local number, not country code 65 and a rest."""
    plain = digits.lstrip("+")
    if digits.startswith("+") and not plain.startswith("65"):
        return ""
    plain = plain.removeprefix("0065") if plain.startswith("0065") else plain
    if len(plain) == 10 and plain.startswith("65"):
        plain = plain[2:]
    if not re.fullmatch(r"[3689]\d{7}", plain):
        return ""
    try:
        parsed = phonenumbers.parse(plain, "SG")
    except phonenumbers.NumberParseException:
        return ""
    if parsed.country_code != 65 or not phonenumbers.is_valid_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _kind(number: str, label: str, cell: str = "") -> str:
    if _TEL_TOO.search(label):
        return "phone"
    if _FAX.search(label) or cell.startswith("fax"):
        return "fax"
    if _WHATSAPP_LABEL.search(label[-20:]):
        return "whatsapp"
    return "mobile" if number[3] in "89" else "phone"


def _cell(line: str, at: int, header: list[str]) -> str:
    column = line.count("|", 0, at)
    return header[column] if header and column < len(header) else ""
