"""Social network profiles that a site links to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from acra_express_async.extract.cleaning import clean
from acra_express_async.models import Page

_URL = re.compile(r"https?://[^\s()<>\[\]\"'|]{4,300}", re.IGNORECASE)
_BUILDERS = r"wix\b|shopify\b|wordpress\b|squarespace\b|elementor\b"
_NETWORKS = (
    (
        "facebook",
        re.compile(
            r"^(?:[\w-]+\.)?(?:facebook\.com|fb\.com)/"
            r"(?!sharer|share|dialog|tr\b|plugins|login|policies|help|hashtag|events?/|groups?/|watch|photo|story|l\.php|"
            rf"{_BUILDERS})"
            r"(?:pages/[^/?#]+/\d+|people/[^/?#]+/\d+|profile\.php\?id=\d+|[\w.\-]{2,80})/?"
        ),
    ),
    (
        "instagram",
        re.compile(rf"^(?:www\.)?instagram\.com/(?!p/|reel/|explore|accounts|stories|{_BUILDERS})[\w.]{{2,40}}/?"),
    ),
    ("linkedin", re.compile(r"^(?:[\w-]+\.)?linkedin\.com/(?:company|school|showcase|in)/[^/?#\s]{2,100}/?")),
    ("youtube", re.compile(r"^(?:www\.|m\.)?youtube\.com/(?:@[\w.\-]{2,60}|(?:c|channel|user)/[\w.\-]{2,60})/?")),
    ("tiktok", re.compile(r"^(?:www\.)?tiktok\.com/@[\w.\-]{2,60}/?")),
    (
        "x",
        re.compile(
            r"^(?:www\.|mobile\.)?(?:twitter|x)\.com/"
            rf"(?!share|intent|home|search|hashtag|i/|{_BUILDERS})\w{{2,30}}/?"
        ),
    ),
    ("telegram", re.compile(r"^(?:t\.me|telegram\.me)/(?!share|iv\b|joinchat)\w{4,40}/?")),
)


def socials_of(pages: Sequence[Page]) -> tuple[tuple[str, str], ...]:
    """(network, URL) of the first profile per network, networks in a fixed order; share buttons do not count."""
    found: dict[str, str] = {}
    for page in pages:
        for url in _urls_of(page):
            address = url.split("://", 1)[1]
            for network, pattern in _NETWORKS:
                if network not in found and (match := pattern.match(_lower_host(address))):
                    found[network] = f"https://{match.group().rstrip('/')}"
    return tuple((network, found[network]) for network, _ in _NETWORKS if network in found)


def _urls_of(page: Page) -> list[str]:
    urls = [link.url for link in page.links if "://" in link.url]
    urls.extend(match.group() for match in _URL.finditer(clean(page.text)))
    return [unquote(url)[:300].rstrip(".,;") for url in urls[:3000]]


def _lower_host(address: str) -> str:
    host, slash, rest = address.partition("/")
    return host.lower() + slash + rest
