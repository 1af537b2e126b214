"""Where a page locates its owner: Singapore postal codes and streets, and signs of another country."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from acra_express_async.extract.cleaning import clean
from acra_express_async.extract.kept_answers import kept, kept_short
from acra_express_async.extract.names import words_of
from acra_express_async.extract.page_kinds import is_contact_page
from acra_express_async.models import Company, Page

# Patterns of many words are written in lower case for lower-case text: re tries every alternative at every position of
# a pattern that ignores case, which made them the most expensive part of reading a page.
_CODE = r"(?P<code>\d{6})(?!\d)"
_POSTAL = re.compile(
    r"(?:singapore|s'?pore|sg|republic of singapore|新加坡|postal\s*(?:code)?|postcode|邮区|邮编|郵區)"
    r"[\s,.:：()\-–|*]{0,6}(?:postal\s*(?:code)?[\s:]{0,3})?"
    + _CODE
    + r"|(?<![a-z0-9])\(?s\)?\s{0,2}[(\-]?\s{0,2}(?P<short>\d{6})(?!\d)",
)
_SPLIT_CODE = re.compile(r"(?<![a-z])(?:singapore|s)\s{0,2}\(?(\d{3}) (\d{3})\)?(?![\d ]{0,2}\d)")
_AT_ADDRESS_END = re.compile(r"#\s?[a-z]?\d{1,3}[a-z]?\s?-\s?[a-z]{0,2}\d{1,4}[^\n#]{0,60}?[\s,(](\d{6})(?!\d)")
_NO_DIGITS_BEHIND = re.compile(r"(?![\d.,]?\d)(?! ?\d{2})")
_SIX_DIGITS = re.compile(r"\d{3} ?\d{3}")
_LAST_SECTOR = 82
_BOX_SECTORS = (90, 91)

_STREET_WORDS = {
    "road": "rd",
    "street": "st",
    "avenue": "ave",
    "drive": "dr",
    "lane": "ln",
    "crescent": "cres",
    "boulevard": "blvd",
    "place": "pl",
    "close": "cl",
    "terrace": "ter",
    "square": "sq",
    "garden": "gdn",
    "gardens": "gdns",
    "park": "pk",
    "central": "ctrl",
    "north": "nth",
    "south": "sth",
    "jalan": "jln",
    "lorong": "lor",
    "bukit": "bt",
    "upper": "upp",
    "kampong": "kg",
    "tanjong": "tg",
    "industrial": "ind",
    "commonwealth": "cwealth",
    "heights": "hts",
    "link": "lk",
    "bvd": "blvd",
    "av": "ave",
    "str": "st",
    "cresent": "cres",
    "saint": "st",
}

_SPAN = re.compile(r"(?<![0-9])(\d{1,5}[A-Za-z]?)\s?[/&-]\s?\d{1,5}[A-Za-z]?(?= [A-Za-z])")
_DIGIT = re.compile(r"\d")
_SG_PHONE = re.compile(
    r"(?<![\d+])(?:\+|00)\s?\(?65\)?[\s.\-)]{0,3}[3689]\d{3}[\s\-.]?\d{4}(?!\d)|\(65\)\s{0,2}[3689]\d{3}"
    r"|(?:wa\.me/|[?&]phone=)(?:\+|%2B)?65[3689]\d{7}(?!\d)"
)
_TOWN = (
    r"\b(?:ang mo kio|bedok|bishan|boon lay|bugis|bukit (?:batok|merah|panjang|timah)|buona vista|changi|choa chu kang|"
    r"clementi|dhoby ghaut|eunos|geylang|holland village|hougang|joo chiat|joo koon|jurong|kaki bukit|kallang|katong|"
    r"kranji|lavender|loyang|macpherson|mandai|marine parade|novena|orchard road|pasir (?:panjang|ris)|paya lebar|"
    r"potong pasir|punggol|queenstown|redhill|sembawang|sengkang|serangoon|siglap|simei|tai seng|tampines|"
    r"tanjong pagar|telok (?:ayer|blangah)|tiong bahru|toa payoh|tuas|ubi|upper thomson|woodlands|yio chu kang|yishun)"
    r"\b(?: (?:north|south|east|west|central))?,? singapore\b"
)
"""A town of Singapore with the country behind it, as firms without an office to visit print it."""
_LOWER_TOWN, _ANY_TOWN = re.compile(_TOWN), re.compile(_TOWN, re.IGNORECASE)
_LOCAL_FORM = re.compile(r"[689]\d{3}[ \-]?\d{4}")
_LOCAL_PHONE = re.compile(
    r"(?:tel|telephone|phone|call|hotline|mobile|whatsapp|office|hp|t|p|电话|電話|[☎☏📞])[^\n\d]{0,12}"
    r"(?<![\d+])[689]\d{3}[ \-]?\d{4}(?!\d)",
)
_BARE_PHONE = re.compile(r"(?<![\d+.,$-])(?<!\d )[689]\d{3}[ \-]\d{4}(?![\d.,]?\d)(?! \d)")
_SPREAD = re.compile(
    r"ship|deliver|worldwide|export|serving|clients? (?:in|from|across)|offices?:|offices in|regions?:|"
    r"countries|presence|"
    r"from .{0,40} to ",
)
_OTHER_CODE = re.compile(
    r"(?<![\d+])(?:\+|(?<!\d )00)\s?\(?(?!65[\s\-.()\d])[1-9]\d{0,2}\)?[\s.\-(]{0,2}\d{1,4}[\s.\-)]{0,2}\d{2,4}[\s.\-"
    r"]?\d{2,4}"
)
_OTHER_SHAPE = re.compile(
    r"(?<![\d.+-])(?<!\d )\(?[2-9]\d{2}\)?[-. ][2-9]\d{2}[-. ]\d{4}(?!\d)"  # North America
    r"|(?<![\d+-])(?<!\d )0\d{1,4}[ -]\d{3,4}[ -]?\d{3,4}(?!\d)"  # trunk zero: United Kingdom, Malaysia, Japan …
)
_SINGAPORE = re.compile(r"singapore|新加坡|\bsg\b")
_ACCOUNT = re.compile(r"\bbank\b|account|acct|a/c|order|invoice|ref(?:erence)?\b")
_OTHER_PLACES = re.compile(
    r"(?<![\w@./-])(?:malaysia|kuala lumpur|selangor|johor(?: bahru)?|penang|jb|indonesia|jakarta|thailand|"
    r"bangkok|vietnam|hanoi|ho chi minh|philippines|manila|china|beijing|shanghai|shenzhen|guangzhou|henan|"
    r"hong kong|hongkong|hk|kowloon|macau|taiwan|taipei|japan|tokyo|osaka|korea|seoul|india|mumbai|delhi|"
    r"bangalore|bengaluru|chennai|pakistan|sri lanka|bangladesh|australia|sydney|melbourne|brisbane|perth|"
    r"new zealand|auckland|united kingdom|uk|u\.k|england|scotland|wales|london|manchester|birmingham|leeds|kent|"
    r"ireland|dublin|france|paris|lyon|germany|berlin|munich|hamburg|frankfurt|netherlands|amsterdam|belgium|"
    r"brussels|switzerland|zurich|geneva|austria|vienna|italy|milan|rome|spain|madrid|barcelona|portugal|lisbon|"
    r"norway|oslo|sweden|stockholm|denmark|copenhagen|finland|helsinki|poland|warsaw|czech|prague|hungary|romania|"
    r"russia|moscow|turkey|i\u0307?stanbul|dubai|abu dhabi|uae|qatar|saudi|israel|egypt|nigeria|kenya|south africa|"
    r"cape town|johannesburg|usa|u\.s\.a|united states|america|new york|nyc|california|los angeles|san francisco|"
    r"berkeley|san diego|seattle|washington|oregon|portland|texas|houston|dallas|austin|florida|miami|georgia|"
    r"atlanta|chicago|illinois|ohio|michigan|detroit|boston|massachusetts|vermont|burlington|virginia|colorado|"
    r"denver|utah|arizona|nevada|las vegas|carolina|tennessee|canada|toronto|vancouver|montreal|ontario|alberta|"
    r"calgary|brazil|mexico|argentina|chile|maldives|bali|cambodia|myanmar|laos|brunei|nepal|"
    r"sdn\.? bhd|gmbh|pty\.? ltd|l\.?l\.?c|s\.?r\.?l|k\.k|inc)(?![\w@/-]|\.\w)",
)
_OTHER_SCRIPT = re.compile(r"中国|香港|台湾|臺灣|上海|北京|深圳|広|株式会社|東京|日本|한국|서울")


@dataclass(frozen=True, slots=True)
class _LineSigns:
    """What one line says: other places by name, whether Singapore is named, whether the line lists where the firm
    sells or ships to, and a number or a script of another country."""

    others: tuple[str, ...]
    singapore: bool
    spread: bool
    abroad: str


@dataclass(frozen=True, slots=True)
class Where:
    """What a text says about the location of its owner.

    `singapore`: firm signs, that is a +65 number, an address with a postal code, a town with the country, or a local
    number beside the word. `mentions`: the mere word, except in
    shipping lists. `local_phone`: a labelled number of eight digits (Singapore's form, and Hong Kong's). `bare_phone`:
    the same without a label. `elsewhere`: signs of other countries.
    """

    singapore: tuple[str, ...]
    mentions: bool
    local_phone: bool
    bare_phone: bool
    elsewhere: tuple[str, ...]


def postal_codes_in(text: str) -> tuple[str, ...]:
    """The Singapore postal codes in a text, in order of appearance, each once.

    Six digits alone do not count: they need "Singapore", "S" or a label before them, or a unit number on the same line.
    """
    if not _SIX_DIGITS.search(text):
        return ()
    text = text.lower()
    places: dict[str, int] = {}
    for match in _POSTAL.finditer(text):
        places.setdefault(match["code"] or match["short"], match.start())
    for match in _SPLIT_CODE.finditer(text):
        places.setdefault(match[1] + match[2], match.start())
    for match in _AT_ADDRESS_END.finditer(text):
        places.setdefault(match[1], match.start())
    return tuple(code for code in sorted(places, key=lambda c: places[c]) if _sector_exists(code))


def states_postal_code(text: str, code: str) -> bool:
    """True when the text contains the code as a separate number that is neither a price nor a telephone number."""
    return len(code) == 6 and any(_stands_alone(text, form) for form in (code, f"{code[:3]} {code[3:]}"))


def _stands_alone(text: str, number: str) -> bool:
    # no pattern made of the number: compiling one for each company costs more than the search, and re keeps 512 of them
    start = text.find(number)
    while start >= 0:
        before = text[start - 1 : start] if start else ""
        part = before.isdecimal() or (before and before in "$.,+-")
        if not part and _NO_DIGITS_BEHIND.match(text, start + len(number)):
            return True
        start = text.find(number, start + 1)
    return False


def states_street(page_words: str, block: str | None, street: str | None) -> bool:
    """True when `page_words` (see `street_words`) contain block and street next to each other; ``Rd`` equals Road."""
    if not block or not street:
        return False
    number = re.sub(r"^(?:blk|block)\s*", "", block.strip().casefold())
    wanted = " ".join(_short(words_of(f"{number} {street}")))
    return len(wanted.split()) >= 2 and f" {wanted} " in page_words


@kept
def street_words(text: str) -> str:
    """The words of a page with street words abbreviated and a space at each end; ``60/62 X`` also reads as ``60 X``."""
    text = _SPAN.sub(r"\1", text)
    return f" {' '.join(_short(words_of(text)))} "


@kept
def where_in(text: str) -> Where:
    """Find signs of Singapore and of other countries in a cleaned text."""
    lowered = text.lower()
    firm = []
    if "65" in text and (match := _SG_PHONE.search(text)):
        firm.append(match.group().strip())
    if codes := postal_codes_in(text):
        firm.append(f"Singapore {codes[0]}")
    if " singapore" in lowered and _LOWER_TOWN.search(lowered) and (match := _ANY_TOWN.search(text)):
        firm.append(match.group())
    mentions = False
    elsewhere: dict[str, None] = {}
    abroad = False
    for line in text.split("\n"):
        said = _signs_in(line)
        if said.singapore and not said.spread and not said.others:
            mentions = True
        if not said.spread:
            elsewhere.update(dict.fromkeys(said.others))
        if said.abroad:
            elsewhere[said.abroad] = None
            abroad = True
    numbered = _LOCAL_FORM.search(text) is not None
    local = _LOCAL_PHONE.search(lowered) if numbered else None
    bare = _BARE_PHONE.search(text) if numbered else None
    # A country named without a number there is where the firm sells or sends people; Hong Kong has our form of numbers.
    travelled = local and not abroad and elsewhere.keys().isdisjoint(("hong kong", "hongkong", "hk", "kowloon"))
    if not firm and mentions and (number := local or bare) and (not elsewhere or travelled):
        firm.append(number.group().strip()[-9:])
    return Where(tuple(firm), mentions, local is not None, bare is not None, tuple(elsewhere))


@kept_short
def _signs_in(line: str) -> _LineSigns:
    lower = line.lower()
    beginning = lower[:2000]
    others = [match.group() for match in _OTHER_PLACES.finditer(beginning)][:5]
    named = _SINGAPORE.search(lower) is not None
    spread = bool((others or named) and _SPREAD.search(beginning))
    abroad = _number_abroad(line, lower) or (None if line.isascii() else _OTHER_SCRIPT.search(line))
    return _LineSigns(tuple(others), named, spread, abroad.group().strip() if abroad else "")


def _number_abroad(line: str, lower: str) -> re.Match[str] | None:
    """A number with another country's code or in another country's form, unless it is that of an account."""
    if not _DIGIT.search(line):
        return None
    shape = _OTHER_SHAPE.search(line)
    return _OTHER_CODE.search(line) or (None if shape and _ACCOUNT.search(lower) else shape)


def _sector_exists(code: str) -> bool:
    sector = int(code[:2])
    return 1 <= sector <= _LAST_SECTOR or sector in _BOX_SECTORS


def _short(words: tuple[str, ...]) -> list[str]:
    return [_STREET_WORDS.get(word, word) for word in words]


def postal_code_of(pages: Sequence[Page], company: Company) -> tuple[str, str] | None:
    """The postal code that a site prints for the company, and the URL of the page.

    The registered code if the site prints it, else the first one on a contact page, else the first on any page.
    """
    texts = [(page, clean(page.text)) for page in pages]
    if company.postal_code:
        for page, text in texts:
            if states_postal_code(text, company.postal_code):
                return company.postal_code, page.url
    for page, text in sorted(texts, key=lambda item: not is_contact_page(item[0].url)):
        if codes := postal_codes_in(text):
            return codes[0], page.url
    return None
