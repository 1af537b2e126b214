"""What the rooms pass to each other: frozen dataclasses and NewTypes, standard library only.

Times are aware UTC datetimes by the database's clock, durations are timedeltas. README.md has a glossary of the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, NamedTuple, NewType

JobId = NewType("JobId", int)
Token = NewType("Token", int)
CompanyId = NewType("CompanyId", int)


class JobType(StrEnum):
    """The two job types this service works on; the partial index of migration 0004 names them too."""

    STAGING = "acra_express_staging_upsert"
    ENRICHMENT = "acra_express_enrich_candidates"

    @property
    def word(self) -> str:
        """``staging`` or ``enrichment``: what people read on the page, in commands and in the log."""
        return self.name.lower()


def offset(at: datetime) -> str:
    """``+08:00``: how far the moment's own clock is ahead of UTC."""
    return at.isoformat(timespec="minutes")[-6:]


def local_time(at: datetime, zone: tzinfo | None) -> str:
    """``2026-11-23 20:05 +08:00``: a moment in a sentence, by the clock of `zone`."""
    there = at.astimezone(zone)
    return f"{there:%Y-%m-%d %H:%M} {offset(there)}"


def job_word(job_type: str | None) -> str:
    """The word of a job type; any other text is shown as it is."""
    return JobType(job_type).word if job_type in tuple(JobType) else job_type or ""


class Provider(StrEnum):
    """The outside services; the value is the metric label `provider`."""

    DUCKDUCKGO = "duckduckgo"
    JINA = "jina"
    ZEROBOUNCE = "zerobounce"
    SLACK = "slack"

    @property
    def display_name(self) -> str:
        """Its name for people."""
        return {"duckduckgo": "DuckDuckGo", "jina": "Jina", "zerobounce": "ZeroBounce", "slack": "Slack"}[self.value]


class WaitReason(StrEnum):
    """Why an attempt ended before its job was finished; kept in the job's lease."""

    DAILY_CAP = "daily_cap"
    OWN_LIMIT = "own_limit"
    NIGHTLY = "nightly_running"
    QUIET_HOURS = "quiet_hours"
    BUDGET = "budget"
    OUTAGE = "outage"
    SERVICE = "service"
    LOCK = "lock"
    ERROR = "error"
    INTERRUPTED = "interrupted"

    @property
    def by_rule(self) -> bool:
        """The wait was ordered, by a setting or by the job itself, and nothing is wrong."""
        return self in (WaitReason.DAILY_CAP, WaitReason.OWN_LIMIT, WaitReason.NIGHTLY, WaitReason.QUIET_HOURS)


class OutcomeKind(StrEnum):
    """How a company ended; the value is the label of `companies_processed_total`."""

    ENRICHED = "enriched"
    NO_WEBSITE = "no_website"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Judged:
    """What people have said about a company; it stands above what we find, and an opt-out above it.

    `site` is the domain that a person set or confirmed; `no_site` says that the company has no website;
    `rejected_sites` are domains that are not its own. `rejected_contacts` are numbers in E.164, and addresses as keyed
    hashes in hex.
    """

    site: str | None = None
    no_site: bool = False
    rejected_sites: frozenset[str] = frozenset()
    rejected_contacts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Company:
    """One company as the registry and the platform's `companies` describe it.

    `ssic_code` is digits as in the registry, perhaps without a leading zero; `postal_code` is six digits or None, and
    `shared_postal` how many registry rows have it (0 when unknown); `website_domain` is what the platform holds.
    `worked_on`: answers or failures of an earlier attempt may be known.
    """

    company_id: CompanyId
    uen: str
    name: str
    former_names: tuple[str, ...] = ()
    entity_type: str | None = None
    entity_status: str | None = None
    ssic_code: str | None = None
    ssic_description: str | None = None
    activity: str | None = None
    block: str | None = None
    street_name: str | None = None
    building_name: str | None = None
    postal_code: str | None = None
    shared_postal: int = 0
    website_domain: str | None = None
    judged: Judged = Judged()
    opted_out: bool = False
    worked_on: bool = False
    recently_checked: bool = False


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One organic result; `rank` counts from 1 without ads; `url` is the target, not the provider's redirect."""

    rank: int
    title: str
    url: str
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page one of a search; empty `hits` mean that the provider itself said "no results".

    `others`: for how many other companies a domain turned up in the last weeks, where that was counted.
    """

    query: str
    hits: tuple[SearchHit, ...]
    others: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A link found on a page; `url` is absolute."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page as Jina Reader returned it.

    `text` is markdown, no longer than the tokens reserved for it, in which only mail, phone and chat links keep their
    targets. `links` are all links of the whole page in document order, including those of the part that was cut off.
    `description` is the one in the page's head. `cut_at` is the token limit at which the provider cut the text
    (None: read to its end); `footer_read` is True when the footer of such a page was read separately and is at the
    end of the text. `tokens` is what the provider billed for both; `http_status` is the target's own status when the
    provider reports it; `warning` is the provider's text. `usable` is False for error pages, bot checks and blank
    pages; `unusable_reason` is then a short code (``http_404``, ``captcha``, ``empty``, ``unreachable``).
    """

    url: str
    title: str
    text: str
    links: tuple[Link, ...] = ()
    tokens: int = 0
    http_status: int | None = None
    warning: str | None = None
    usable: bool = True
    unusable_reason: str | None = None
    read_at: datetime | None = None
    description: str = ""
    cut_at: int | None = None
    footer_read: bool = False

    @property
    def is_complete(self) -> bool:
        """True when nothing at the end of the page is left unread: it was not cut, or its footer was read too."""
        return self.cut_at is None or self.footer_read


@dataclass(frozen=True, slots=True)
class Reading:
    """How one page was read, for the detail of a decision: see `Page` for the fields."""

    url: str
    tokens: int = 0
    cut_at: int | None = None
    footer_read: bool = False
    unusable_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why something is believed: the `signal`, its `points`, the `url` where it was seen, and the `detail` seen."""

    signal: str
    points: int
    url: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A website judged to be (or not to be) the company's own.

    `domain` is the registrable domain by the public suffix list. The list's private section counts, so a site hosted
    under a shared domain keeps its own name. `points` is the sum of the evidence.
    """

    domain: str
    url: str
    points: int
    evidence: tuple[Evidence, ...] = ()


class EmailKind(StrEnum):
    ROLE = "role"
    PERSON = "person"
    FREEMAIL = "freemail"


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What ZeroBounce said about one address; `status` and `sub_status` are its own words, unchanged.

    `source` is ``zerobounce`` for a fresh answer and ``zerobounce-cache`` for a stored one.
    """

    address: str
    status: str
    sub_status: str = ""
    source: str = "zerobounce"
    checked_at: datetime | None = None

    @property
    def usable(self) -> bool:
        """Mail may arrive: valid, catch-all (risky), or a role address, which ZeroBounce calls do_not_mail."""
        return self.status in ("valid", "catch-all") or (
            self.status == "do_not_mail" and self.sub_status in ("role_based", "role_based_catch_all")
        )


@dataclass(frozen=True, slots=True)
class Email:
    """A mail address printed on a page, in lower case; an outcome lists the best one first."""

    address: str
    kind: EmailKind
    url: str
    role: str = ""
    verification: VerificationResult | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Phone:
    """A Singapore number in E.164; `kind` is one of phone, fax, mobile, whatsapp, toll_free."""

    number: str
    kind: str
    url: str
    read_at: datetime | None = None


class Refused(NamedTuple):
    """One send without a result: its outcome (label of `provider_calls_total`), its reason, whether it was free."""

    provider: Provider
    outcome: str
    reason: str
    free: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What one company cost: requests sent (retries included), tokens billed, verifications spent, sends that failed.

    `waited` is seconds spent waiting for turns and budgets. They depend on the other work of that hour, not on the
    company, so they do not count in a comparison.
    """

    searches: int = 0
    pages: int = 0
    tokens: int = 0
    verifications: int = 0
    refused: tuple[Refused, ...] = ()
    waited: float = field(default=0.0, compare=False)

    def __add__(self, other: Usage) -> Usage:
        sums = (getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        return Usage(*sums)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the pipeline found out about one company; everything that is stored comes from here.

    `reason` is empty for `enriched` and a code otherwise (``no_search_results``, ``no_credible_site``,
    ``recently_checked``, ``opted_out``, a provider's reason …). `rejected` are the best candidates that were not
    accepted, best first. `pages` are the URLs that were read and `readings` how each of them was read. `stage_seconds`
    maps search, read, extract and verify to seconds on the loop's clock.
    """

    kind: OutcomeKind
    reason: str = ""
    site: Site | None = None
    rejected: tuple[Site, ...] = ()
    about: str | None = None
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    socials: tuple[tuple[str, str], ...] = ()
    postal_code: str | None = None
    postal_code_url: str | None = None
    pages: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    queries: tuple[str, ...] = ()
    usage: Usage = Usage()
    stage_seconds: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One claim of one row of `background_jobs`.

    Every later write must carry the same `token`. `attempt` counts claims, apart from `errors` and `crashes`.
    `expired`: it took over an expired lease; `crashed`: and that holder counts as dead. `params` is the row's JSON as
    found; params.py validates it. `outage`: for how long a provider has been unavailable to it; `interruptions`: how
    often the database has, since its last progress. `replaced`: an earlier job had its ID. `lease`: how long it holds
    without a heartbeat, from `asked` on (its holder's clock). `fault`: why the row is unfit (no `params`).
    """

    job_id: JobId
    job_type: JobType
    token: Token
    params: dict[str, Any]
    created_at: datetime
    attempt: int = 1
    errors: int = 0
    crashes: int = 0
    expired: bool = False
    crashed: bool = False
    outage: timedelta = timedelta(0)
    interruptions: int = 0
    replaced: bool = False
    lease: timedelta = timedelta(seconds=60)
    fault: str | None = None
    asked: float | None = None


@dataclass(frozen=True, slots=True)
class JobLimits:
    """A job's own limits (from `params.throttle`), on top of the shared budgets.

    `providers` maps (provider, budget name) to the limit per window. The calls of this job and of its continuations,
    which share `key`, count towards it. Empty means that the job has no limit of its own.
    """

    key: str = ""
    providers: dict[tuple[Provider, str], int] = field(default_factory=dict)
