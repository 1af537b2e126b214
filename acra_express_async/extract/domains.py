"""Hosts, registrable domains and what they reveal about the owner."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import SplitResult, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList

HOSTING = frozenset(
    """wordpress.com weebly.com business.site strikingly.com godaddysites.com jimdosite.com squarespace.com
    webnode.com site123.me ueniweb.com canva.site tumblr.com webs.com bigcartel.com odoo.com webador.com
    blogspot.com company.site shoplineapp.com weeblysite.com mybigcommerce.com zohosites.com b12sites.com
    easy.co page.tl yolasite.com multiscreensite.com webflow.com shopify.com editorx.io wixstudio.com""".split()
)
"""Website builders missing from the public suffix list: the label in front identifies the firm."""

FREEMAIL = frozenset(
    """gmail.com googlemail.com yahoo.com yahoo.com.sg ymail.com rocketmail.com hotmail.com hotmail.sg
    hotmail.com.sg outlook.com outlook.sg live.com live.com.sg msn.com icloud.com me.com mac.com aol.com
    proton.me protonmail.com gmx.com zoho.com mail.com qq.com 163.com 126.com foxmail.com sina.com
    singnet.com.sg pacific.net.sg starhub.net.sg cyberway.com.sg magix.com.sg signet.com.sg singtel.com.sg
    m1net.com.sg myrepublic.net viewqwest.com tutanota.com yandex.com""".split()
)
"""Mail domains open to anyone, Singapore's internet providers included."""

OFFSHORE_TLDS = frozenset(
    """my id th vn ph cn hk tw jp kr in pk bd lk au nz uk de fr nl be ch at it es pt se no dk fi ie pl cz hu ro
    gr tr ru ua il ae sa qa za ng ke eg us ca mx br ar cl nu""".split()
)
"""Country domains used by firms of that country. io, co, ai, me, tv, cc and the like are used everywhere."""

_SITE_HOSTS = frozenset("www www1 www2 www3 web home m mobile en zh cn sg sgp singapore spore asia apac sea".split())
"""First labels of a host that serves a whole site."""

_HOST = re.compile(r"[a-z0-9.-]{1,253}", re.IGNORECASE)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def split_url(url: str) -> SplitResult | None:
    """The parts of an http(s) URL; None for anything else, malformed brackets and ports included."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        _ = parts.port
    except ValueError:
        return None
    return parts


def host_of(url: str) -> str:
    """The lower-case host name of a URL, or ''."""
    parts = split_url(url)
    return (parts.hostname or "").rstrip(".") if parts else ""


def path_of(url: str) -> str:
    """The lower-case path of a URL without its trailing slash; '' for the home page."""
    parts = split_url(url)
    return parts.path.lower().rstrip("/") if parts else ""


def home_of(url: str) -> str:
    """The home page on the host of this URL."""
    parts = split_url(url)
    return f"{parts.scheme}://{parts.netloc}/" if parts else ""


def site_home(url: str) -> str:
    """The home page of the site that this URL belongs to, or ''.

    A department's host (community., corporate., careers.) belongs to the site of the registered domain; a host for the
    country or language, or for mobile phones, is a separate site.
    """
    parts = split_url(url)
    if parts is None:
        return ""
    host = (parts.hostname or "").rstrip(".")
    domain = registrable(host)
    below = host[: -len(domain) - 1].split(".") if domain and host != domain else []
    return home_of(url) if _SITE_HOSTS.issuperset(below) else f"{parts.scheme}://{domain}/"


def absolute(base: str, url: str) -> str:
    """`url` resolved against the page `base`, without its fragment; '' when the result is not an http(s) URL."""
    try:
        joined = urljoin(base, url.strip())
    except ValueError:
        return ""
    return joined.partition("#")[0] if split_url(joined) else ""


def registrable(host: str) -> str:
    """The registrable domain of a host: ``shop.x.com.sg`` becomes x.com.sg, ``x.wixsite.com`` stays as it is.

    Returns '' without a known public suffix (IP addresses, file names, version numbers).
    """
    host = host.lower().strip(".")
    if not _HOST.fullmatch(host) and host.isascii():
        return ""
    domain = _suffixes().privatesuffix(host)
    if domain is None:
        return ""
    if domain in HOSTING and host != domain:
        label = host[: -len(domain) - 1].rsplit(".", 1)[-1]
        return domain if label == "www" else f"{label}.{domain}"
    return str(domain)


def domain_of(url: str) -> str:
    """The registrable domain of a URL, or ''."""
    return registrable(host_of(url))


def label_of(domain: str) -> str:
    """The part of a registrable domain that its owner chose, lower-case, without hyphens: ``a-b.com.sg`` gives ab."""
    return domain.partition(".")[0].replace("-", "")


def is_singaporean(domain: str) -> bool:
    """True under .sg, which is given only to registrants with a presence in Singapore."""
    return domain.endswith(".sg")


def is_offshore(domain: str) -> bool:
    """True under the top-level domain of another country."""
    return domain.rpartition(".")[2] in OFFSHORE_TLDS


def same_url(url: str) -> str:
    """A key that is equal for all spellings of one URL: no scheme, no www., no trailing slash, no fragment."""
    parts = split_url(url)
    if parts is None:
        return url.strip()
    host = (parts.hostname or "").removeprefix("www.")
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path.rstrip('/')}{query}"
