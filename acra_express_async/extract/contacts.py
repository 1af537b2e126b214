"""Everything that the pages of one company say about reaching it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acra_express_async.extract.about import about_of
from acra_express_async.extract.hosted_sites import own_pages
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.names import Name
from acra_express_async.extract.phones import branch_marks, phones_of
from acra_express_async.extract.places import postal_code_of
from acra_express_async.extract.socials import socials_of
from acra_express_async.models import Company, Email, Page, Phone

MAX_EMAILS = 20
MAX_PHONES = 40
"""Facts of one company that are kept: some firms print twenty branches; what has more is a list of others."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """What was found; the postal code comes with the URL of its page."""

    emails: tuple[Email, ...]
    phones: tuple[Phone, ...]
    postal_code: str | None
    postal_code_url: str | None
    about: str | None
    socials: tuple[tuple[str, str], ...]


def contacts_of(pages: Sequence[Page], domain: str, company: Company, names: tuple[Name, ...]) -> Contacts:
    """Read the usable pages of the company's own site once.

    Args:
        domain: the name of the site (see domains.domain_of).
        names: the registered name first, then former names.
    """
    pages = own_pages(pages, domain)
    postal_code, postal_code_url = postal_code_of(pages, company) or (None, None)
    return Contacts(
        emails=emails_of(pages, domain, company, names)[:MAX_EMAILS],
        phones=phones_of(pages, near=branch_marks(company, names[0]))[:MAX_PHONES],
        postal_code=postal_code,
        postal_code_url=postal_code_url,
        about=about_of(pages, names),
        socials=socials_of(pages),
    )
