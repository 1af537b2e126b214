"""Hosts, registrable domains and what they reveal about the owner.

A site is named by its registrable domain. Below a builder's domain the label in front is part of it
(``brightway.wixsite.com``), and on the few hosts that tell customers apart by path the path is
(``sites.google.com/view/brightway``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import SplitResult, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList

from acra_express_async.extract.kept_answers import kept_short
from acra_express_async.extract.site_builders import suffix_in

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

_SITES_BY_PATH = {
    "sites.google.com": re.compile(r"(?:/u/\d+)?/(?:view/[a-z0-9_-]+|[a-z0-9-]+(?:\.[a-z0-9-]+)+/[a-z0-9_-]+)(?=/|$)"),
    "my.canva.site": re.compile(r"/[a-z0-9-]+(?=/|$)"),
    "take.app": re.compile(r"/(?!(?:login|signup|pricing|blog|help|terms|privacy|about|contact)\b)[a-z0-9-]+(?=/|$)"),
}
"""Hosts whose customers have a path. Google Sites: /view/NAME, or /DOMAIN/NAME for a Workspace customer; the classic
/site/NAME has been closed since 2021."""

_SIGNED_IN = re.compile(r"^/u/\d+(?=/)")
"""What Google puts before the path for one of several accounts signed in: /u/0/view/NAME is /view/NAME."""

_NAMED_BY_ACCOUNT = (".wixsite.com", ".editorx.io", ".wixstudio.com", ".wixstudio.io")
"""Below these the label names an account, and the first part of the path one of its sites, unless it names a page:
then the host serves the site at its root."""

_PAGE_WORDS = frozenset(
    """contact contacts us about our me get in touch reach find enquiry enquiries enquire inquiry location locations
    blog blogs news post posts terms privacy policy policies services service products product shop store menu menus
    gallery portfolio projects work team faq faqs home index book online booking bookings order cart pricing prices
    price list careers jobs events event reviews testimonials story company profile outlets copy of new page page1 and
    conditions the to how copyof what we do who are category collections copy-of""".split()
)
_PAGE_PARTS = re.compile(r"[-_]+|\d+")

_OLD_SUFFIXES = ("per.sg",)
"""SGNIC's suffix for individuals, still in use, which the public suffix list has dropped."""

_REGISTRIES = frozenset(
    """br.com cn.com com.de com.se co.com co.nl de.com eu.com gr.com hk.com hu.net in.net jp.net jpn.com mex.com ru.com
    sa.com se.net uk.com uk.net us.com us.org za.bz za.com ae.org eu.org""".split()
)
"""Private suffixes that are sold like top-level domains: what stands under them is its owner's own domain."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@cache
def _icann() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


@kept_short
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


@kept_short
def host_of(url: str) -> str:
    """The lower-case host name of a URL, or ''."""
    parts = split_url(url)
    return (parts.hostname or "").rstrip(".") if parts else ""


def path_of(url: str, *, at_root: bool = False) -> str:
    """The lower-case path of a URL within its site, without its trailing slash; '' for the home page.

    `at_root`: the site is known to stand at the root of its host (see `is_at_root`).
    """
    parts = split_url(url)
    if parts is None:
        return ""
    return parts.path.lower()[0 if at_root else len(_base_in(url)) :].rstrip("/")


@kept_short
def _base_in(url: str) -> str:
    parts = split_url(url)
    return _base_of(parts) if parts else ""


def home_of(url: str) -> str:
    """The home page on the host of this URL, or that of its site where a host has several."""
    parts = split_url(url)
    if parts is None:
        return ""
    base = _base_of(parts)
    return f"{parts.scheme}://{parts.netloc}{parts.path[: len(base)]}{'' if base else '/'}"


def _base_of(parts: SplitResult) -> str:
    """The part of the path that belongs to the site's address rather than to the page; '' on an ordinary host."""
    host, path = (parts.hostname or "").rstrip("."), parts.path.lower()
    if pattern := _SITES_BY_PATH.get(host.removeprefix("www.")):
        match = pattern.match(path)
        return match.group() if match else ""
    first, _, rest = path.strip("/").partition("/")
    if host.endswith(_NAMED_BY_ACCOUNT) and (not _names_a_page(first) or (rest and _names_a_page(rest))):
        return f"/{first}"
    return ""


def _names_a_page(first: str) -> bool:
    return all(word in _PAGE_WORDS for word in _PAGE_PARTS.split(first) if word)


def is_at_root(url: str) -> bool:
    """True for the root of an account's host: where a page is served there, the path names only pages."""
    parts = split_url(url)
    return bool(parts and (parts.hostname or "").endswith(_NAMED_BY_ACCOUNT) and not parts.path.strip("/"))


def site_home(url: str, site: str = "") -> str:
    """The home page of the site that this URL belongs to, or ''.

    A department's host (community., corporate., careers.) belongs to the site of the registered domain; a host for the
    country or language, or for mobile phones, is a separate site, and so is one that is itself named as `site`.
    """
    parts = split_url(url)
    if parts is None:
        return ""
    host = (parts.hostname or "").rstrip(".")
    domain = registrable(host)
    below = host[: -len(domain) - 1].split(".") if domain and host != domain else []
    if _base_of(parts) or host.removeprefix("www.") == site or _SITE_HOSTS.issuperset(below):
        return home_of(url)
    return f"{parts.scheme}://{domain}/"


def is_within(url: str, site: str) -> bool:
    """True when a URL belongs to a site, named as by `domain_of` or by its host."""
    return domain_of(url) == site or host_of(url).removeprefix("www.") == site


def absolute(base: str, url: str) -> str:
    """`url` resolved against the page `base`, without its fragment; '' when the result is not an http(s) URL."""
    try:
        joined = urljoin(base, url.strip())
    except ValueError:
        return ""
    return joined.partition("#")[0] if split_url(joined) else ""


@kept_short
def registrable(host: str) -> str:
    """The registrable domain of a host: ``shop.x.com.sg`` becomes x.com.sg, ``x.wixsite.com`` stays as it is.

    The private section of the public suffix list counts, and so does the table of site builders.

    Returns '' without a known public suffix (IP addresses, file names, version numbers).
    """
    host = host.lower().strip(".")
    if not _HOST.fullmatch(host) and host.isascii():
        return ""
    if suffix := suffix_in(host) or next((s for s in _OLD_SUFFIXES if host.endswith(f".{s}")), ""):
        return f"{host[: -len(suffix) - 1].rpartition('.')[2]}.{suffix}"
    return str(_suffixes().privatesuffix(host) or "")


@kept_short
def hosted_under(domain: str) -> str:
    """The builder's or host's domain that a site stands under; '' for a site under its own domain."""
    host = domain.partition("/")[0]
    if host != domain:
        return host
    if suffix := suffix_in(host):
        return suffix
    listed = _suffixes().publicsuffix(host) or ""
    return listed if listed != host and listed != _icann().publicsuffix(host) and listed not in _REGISTRIES else ""


@kept_short
def domain_of(url: str) -> str:
    """The name of the site that a URL belongs to: its registrable domain, and the path where that tells sites apart."""
    parts = split_url(url)
    host = host_of(url)
    if parts and host.removeprefix("www.") in _SITES_BY_PATH and (base := _base_of(parts)):
        return host.removeprefix("www.") + _SIGNED_IN.sub("", base)
    return registrable(host)


def label_of(domain: str) -> str:
    """The part of a site's name that its owner chose, lower-case, without hyphens: ``a-b.com.sg`` gives ab."""
    host, _, path = domain.partition("/")
    return (path.rpartition("/")[2] if path else host.partition(".")[0]).replace("-", "")


def labels_of(domain: str, urls: Iterable[str]) -> tuple[str, ...]:
    """The labels that may bear the name: that of the domain, and those of an account's sites or a customer's domain."""
    names = [label_of(domain)]
    if domain.endswith(_NAMED_BY_ACCOUNT):
        names += [_base_of(parts).strip("/").replace("-", "") for url in urls if (parts := split_url(url))]
    elif domain.count("/") == 2 and "." in (customer := domain.split("/")[1]):
        names.append(label_of(customer))
    return tuple(dict.fromkeys(name for name in names if name))


def is_singaporean(domain: str) -> bool:
    """True under .sg, which is given only to registrants with a presence in Singapore."""
    return domain.partition("/")[0].endswith(".sg")


def is_offshore(domain: str) -> bool:
    """True under the top-level domain of another country, unless a builder has that domain."""
    return domain.partition("/")[0].rpartition(".")[2] in OFFSHORE_TLDS and not hosted_under(domain)


def plain_url(url: str) -> str:
    """The URL without what Google adds for an account that is signed in; any other URL unchanged."""
    parts = split_url(url)
    if parts is None or parts.hostname != "sites.google.com":
        return url
    return parts._replace(path=_SIGNED_IN.sub("", parts.path)).geturl()


@kept_short
def same_url(url: str) -> str:
    """A key that is equal for all spellings of one URL: no scheme, no www., no trailing slash, no fragment."""
    parts = split_url(url)
    if parts is None:
        return url.strip()
    host = (parts.hostname or "").removeprefix("www.")
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path.rstrip('/')}{query}"
