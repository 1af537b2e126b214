"""The true answer for each company, for scoring; no provider endpoint reveals it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from acra_express_async.sandbox.world.company_draw import FREE_HOSTS, Presence, SitePlan
from acra_express_async.sandbox.world.firms import Firm
from acra_express_async.sandbox.world.third_parties import UNKNOWN_DIRECTORIES

MailKind = Literal["role", "person", "freemail", "dpo", "careers"]


@dataclass(frozen=True, slots=True)
class TrueMail:
    """A mail address printed on the company's own site; `best` ones belong among the first two."""

    email: str
    kind: MailKind
    best: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """The expected answer for one company.

    `domain` is None when no search can find a readable site; `own_domain` is the company's domain even then.
    `may_abstain` marks sites with too little proof: both the domain and None are correct. Mails, phones and postal code
    belong to `domain`. `trap_domains` are wrong answers that look right.
    """

    uen: str
    name: str
    domain: str | None
    aliases: tuple[str, ...] = ()
    own_domain: str | None = None
    may_abstain: bool = False
    emails: tuple[TrueMail, ...] = ()
    forbidden_emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    optional_phones: tuple[str, ...] = ()
    postal_code: str | None = None
    uen_on_site: bool = False
    trap_domains: tuple[str, ...] = ()
    kind: str = "none"

    @property
    def best_emails(self) -> tuple[str, ...]:
        """The addresses that belong among the first two."""
        return tuple(mail.email for mail in self.emails if mail.best)

    def as_json(self) -> dict[str, Any]:
        """The truth as JSON, for the admin endpoint."""
        return {**asdict(self), "best_emails": list(self.best_emails)}


def truth_of(firm: Firm, presence: Presence, namesakes: tuple[str, ...] = ()) -> Truth:
    """The truth about `firm`; `namesakes` are sites of other companies with the same name."""
    plan = presence.site
    traps = tuple(likeness.host for likeness in presence.lookalikes) + UNKNOWN_DIRECTORIES + namesakes
    if plan is None:
        return Truth(firm.uen, firm.name, None, trap_domains=traps, kind="silent" if presence.silent else "none")
    if not (plan.listed and plan.readable):
        return Truth(
            firm.uen,
            firm.name,
            None,
            own_domain=plan.host,
            may_abstain=True,
            trap_domains=traps,
            kind=plan.kind if plan.listed else "unlisted",
        )
    numbers = plan.contacts.numbers
    printed_everywhere = ("phone", "mobile")
    return Truth(
        uen=firm.uen,
        name=firm.name,
        domain=plan.host,
        own_domain=plan.host,
        aliases=(plan.old_host,) if plan.old_host else (),
        may_abstain=not plan.provable,
        emails=true_mails(plan),
        forbidden_emails=("your-name@example.com", *((f"hello@{plan.agency}",) if plan.agency else ())),
        phones=tuple(numbers[kind] for kind in printed_everywhere if kind in numbers),
        optional_phones=tuple(number for kind, number in numbers.items() if kind not in printed_everywhere),
        postal_code=plan.place.postal if plan.kind != "thin" else None,
        uen_on_site=plan.prints_uen,
        trap_domains=traps,
        kind=plan.kind,
    )


def without_copied_site(truth: Truth) -> Truth:
    """The truth of a company whose site is somebody else's copy: it has none, and nothing on the copy is its own."""
    assert truth.domain is not None
    return Truth(
        truth.uen,
        truth.name,
        None,
        forbidden_emails=(*truth.forbidden_emails, *(mail.email for mail in truth.emails)),
        trap_domains=(*truth.trap_domains, truth.domain, *truth.aliases),
        kind="copied",
    )


def true_mails(plan: SitePlan) -> tuple[TrueMail, ...]:
    """The addresses that the site prints as text, best first."""
    contacts = plan.contacts
    if contacts.style in ("form", "image"):
        return ()
    role_kind: MailKind = "freemail" if contacts.role.rpartition("@")[2] in FREE_HOSTS else "role"
    found = [
        TrueMail(contacts.role, role_kind, best=True),
        TrueMail(contacts.second, "role", best=True),
        TrueMail(contacts.person, "person", best=False),
        TrueMail(contacts.careers, "careers", best=False),
        TrueMail(contacts.privacy, "dpo", best=False),
    ]
    return tuple(mail for mail in found if mail.email)
