"""Parts shared by the html and the lite page: listings, link forms, the region and date selects."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from acra_express_async.sandbox.draws import hexadecimal

LinkForm = Literal["direct", "wrapped"]
"""How a result links to its target: directly (POST), or through ``/l/?uddg=`` (GET and lite)."""

REGIONS = {
    "": "All Regions",
    "ar-es": "Argentina",
    "au-en": "Australia",
    "at-de": "Austria",
    "be-fr": "Belgium (fr)",
    "be-nl": "Belgium (nl)",
    "br-pt": "Brazil",
    "bg-bg": "Bulgaria",
    "ca-en": "Canada (en)",
    "ca-fr": "Canada (fr)",
    "ct-ca": "Catalonia",
    "cl-es": "Chile",
    "cn-zh": "China",
    "co-es": "Colombia",
    "hr-hr": "Croatia",
    "cz-cs": "Czech Republic",
    "dk-da": "Denmark",
    "ee-et": "Estonia",
    "fi-fi": "Finland",
    "fr-fr": "France",
    "de-de": "Germany",
    "gr-el": "Greece",
    "hk-tzh": "Hong Kong",
    "hu-hu": "Hungary",
    "is-is": "Iceland",
    "in-en": "India (en)",
    "id-en": "Indonesia (en)",
    "ie-en": "Ireland",
    "il-en": "Israel (en)",
    "it-it": "Italy",
    "jp-jp": "Japan",
    "kr-kr": "Korea",
    "lv-lv": "Latvia",
    "lt-lt": "Lithuania",
    "my-en": "Malaysia (en)",
    "mx-es": "Mexico",
    "nl-nl": "Netherlands",
    "nz-en": "New Zealand",
    "no-no": "Norway",
    "pk-en": "Pakistan (en)",
    "pe-es": "Peru",
    "ph-en": "Philippines (en)",
    "pl-pl": "Poland",
    "pt-pt": "Portugal",
    "ro-ro": "Romania",
    "ru-ru": "Russia",
    "xa-ar": "Saudi Arabia",
    "sg-en": "Singapore",
    "sk-sk": "Slovakia",
    "sl-sl": "Slovenia",
    "za-en": "South Africa",
    "es-ca": "Spain (ca)",
    "es-es": "Spain (es)",
    "se-sv": "Sweden",
    "ch-de": "Switzerland (de)",
    "ch-fr": "Switzerland (fr)",
    "tw-tzh": "Taiwan",
    "th-en": "Thailand (en)",
    "tr-tr": "Turkey",
    "us-en": "US (English)",
    "us-es": "US (Spanish)",
    "ua-uk": "Ukraine",
    "uk-en": "United Kingdom",
    "vn-en": "Vietnam (en)",
}
PERIODS = {"": "Any Time", "d": "Past Day", "w": "Past Week", "m": "Past Month", "y": "Past Year"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry of a result page, in plain text; `dated` is an ISO day or empty, an empty `snippet` prints none."""

    title: str
    url: str
    snippet: str = ""
    dated: str = ""


@dataclass(frozen=True, slots=True)
class Ad:
    """A paid entry; `host` belongs to the advertiser."""

    title: str
    host: str
    snippet: str

    @property
    def url(self) -> str:
        """The link target: the search engine's click counter."""
        gone = quote(f"https://www.{self.host}/", safe="")
        seal = hexadecimal(64, "ad", self.host)
        return (
            f"https://duckduckgo.com/y.js?ad_domain={self.host}&ad_provider=bingv7aa&ad_type=txad"
            f"&click_metadata={seal}&rut={seal}&u3={gone}"
        )


def href(url: str, form: LinkForm) -> str:
    """The value of a result's ``href``, HTML-escaped."""
    if form == "direct":
        return html.escape(url, quote=True)
    # DuckDuckGo escapes more than necessary: dashes too, and a percent sign in the target becomes %25.
    over_encoded = re.sub("-", "%2D", quote(url, safe="_.()"))
    return f"//duckduckgo.com/l/?uddg={over_encoded}&amp;rut={hexadecimal(64, 'rut', url)}"


def shown(url: str) -> str:
    """Host and path as printed below a title."""
    split = urlsplit(url)
    return html.escape(split.netloc + ("" if split.path == "/" else split.path))


def marked(text: str, query: str) -> str:
    """`text` escaped, with the words of `query` in bold."""
    words = [re.escape(word) for word in re.findall(r"\w{3,}", query)]
    if not words:
        return html.escape(text)
    pieces = re.split(rf"\b({'|'.join(words)})\b", text, flags=re.IGNORECASE)
    return "".join(
        f"<b>{html.escape(piece)}</b>" if index % 2 else html.escape(piece) for index, piece in enumerate(pieces)
    )


def options(choices: dict[str, str], chosen: str | None) -> str:
    """The ``option`` elements of a select, one a line; `chosen` None marks none."""
    return "\n".join(
        f'        <option value="{value}" {"selected" if value == chosen else ""}>{label}</option>'
        for value, label in choices.items()
    )


def vqd(query: str) -> str:
    """The token that a request for the next page of `query` must carry."""
    return f"4-{int(hexadecimal(30, 'vqd', query), 16):039d}"


def next_page_fields(query: str, offset: int, region: str, close: str) -> Sequence[str]:
    """The hidden inputs that a request for the next page replays; `close` ends a tag ("" or " /")."""
    fields = {
        "q": query,
        "s": str(offset),
        "nextParams": "",
        "v": "l",
        "o": "json",
        "dc": str(offset + 1),
        "api": "d.js",
        "vqd": vqd(query),
    }
    hidden = [
        f'<input type="hidden" name="{name}" value="{html.escape(value, quote=True)}"{close}>'
        for name, value in fields.items()
    ]
    return [*hidden, f'<input name="kl" value="{region or "wt-wt"}" type="hidden"{close}>']
