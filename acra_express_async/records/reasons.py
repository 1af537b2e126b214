"""Words for people: the meaning of each outcome code and of each signal of a site."""

from __future__ import annotations

from collections.abc import Mapping

from acra_express_async.models import OutcomeKind

JUDGED = "a person said what its website is, or that it has none"

REASONS_OF: Mapping[OutcomeKind, Mapping[str, str]] = {
    OutcomeKind.ENRICHED: {
        "judged": JUDGED,
    },
    OutcomeKind.NO_WEBSITE: {
        "no_search_results": "the search found nothing",
        "no_credible_site": "no search result looked like its own site",
        "ambiguous": "more than one site could be its own, and the evidence does not decide between them",
        "site_unreadable": "the best candidate could not be read",
        "parked": "the best candidate is a parked domain",
        "expired": "the best candidate's domain or hosting has expired",
        "suspended": "the best candidate's hosting account or domain is suspended",
        "unconnected": "no website is connected to the best candidate's address, or it was taken down",
        "closed_shop": "the best candidate is a shop that is closed or not yet open",
        "ceased": "the best candidate's site says that the firm has closed for good",
        "default_page": "the best candidate shows only the default page of its server",
        "hijacked": "the best candidate's pages now belong to someone else",
        "imitation": "the best candidate imitates the company",
        "directory": "the best candidate is a directory, not the company's own site",
        "other_company": "the best candidate belongs to another company",
        "elsewhere": "the best candidate is a company in another country",
        "no_proof": "the best candidate showed no proof that it is the company's own",
        "judged": JUDGED,
        "site_opted_out": "its site had opted out",
        "forgotten": "what had been found was removed on request",
    },
    OutcomeKind.SKIPPED: {
        "recently_checked": "it had been checked within RECHECK_DAYS",
        "in_another_job": "another job was working on it",
        "opted_out": "it has opted out",
        "not_live": "the registry does not list it as live",
        "company_vanished": "its row in companies was gone",
    },
    OutcomeKind.FAILED: {
        "provider_unavailable": "a provider was unavailable for too long",
        "provider_error": "a provider's answers could not be used",
        "job_error": "its job could not be done as it was written",
        "too_many_errors": "its job failed too often",
        "too_many_crashes": "its job ended the process too often",
        "internal_error": "our own code failed",
        "judged_site_unreadable": "the website that a person set or confirmed is dead",
    },
    OutcomeKind.CANCELLED: {
        "cancelled": "a person cancelled it",
    },
}
"""The reasons that each outcome may have; an answer with a website has none unless a person set the site since."""

NOTES = {
    "search_refused": "the search did not take the query",
    "page_refused": "a page was not read",
    "verification_failed": "an address was not verified",
    "verification_pending": "an address is being verified, or was sent and never answered",
    "verification_share_used": "express's share of the verifications was used up",
}
"""What was noted on the way."""

REASONS = NOTES | {code: words for codes in REASONS_OF.values() for code, words in codes.items()}

REFUSALS = {
    "redirect": "it answered with a redirect",
    "challenge": "it asks for a human",
    "markup_changed": "its result page was not understood",
    "empty": "it answered with nothing",
    "empty_query": "nothing is left of the name to search for",
    "bad_answer": "its answer was not understood",
    "bad_key": "the key is not accepted",
    "no_credits": "the account is empty",
    "key_or_credits": "the key or the credits are bad",
    "shield_or_key": "its shield or the key refuses us",
    "not_configured": "no key is configured",
    "connection": "it could not be reached",
    "timeout": "it did not answer in time",
    "throttled": "it asks us to wait",
    "domain_blocked": "the reader does not read this domain",
    "refused_url": "its address may not be read",
    "unresolvable": "its name does not resolve",
    "too_many_failures": "too many calls failed",
}
"""Why a provider or a page did not answer."""

SIGNALS = {
    "uen": "its UEN is on the page",
    "uen_told_by_others": "its UEN is there, but in an article or list about others",
    "other_uen": "another company's UEN is on the page",
    "group": "the page of its group names it with its UEN",
    "imprint": "the page names it as the owner of the site, and the site gives its address",
    "legal_name": "its legal name is on the page",
    "full_name_in_head": "its whole name is where a site says who it is",
    "name_in_head": "its name is where a site says who it is",
    "brand_in_head": "the brand in its name is where a site says who it is",
    "other_legal_name": "another company's legal name is in the imprint",
    "postal_code": "its postal code is on the page",
    "postal_code_shared": "its postal code is there, but many companies share it",
    "street": "its street and block are on the page",
    "street_shared": "its street and block are there, but many companies share them",
    "neighbourhood": "its building or street is named, without the number",
    "singapore": "an address or number in Singapore",
    "singapore_mentioned": "Singapore is mentioned",
    "elsewhere": "an address or number in another country",
    "sg_mail": "a mail address of this name under .sg",
    "local_phone": "a local phone number",
    "silent": "the page names nobody and tells no way to reach anybody",
    "trade": "the page is about the trade in the registry",
    "other_trade": "the page is not about the trade in the name",
    "namesake_trade": "the name is followed by another trade",
    "sg_domain": "the domain ends in .sg",
    "offshore_domain": "the domain belongs to another country",
    "first_result": "it was the first result",
    "found_by_queries": "several queries found it",
    "found_for_others": "it turned up for many other companies lately, as directories do",
    "known_website": "the platform already had this website",
    "person": "a person said that this is its website",
    "handed_over": "another site of this name sends its visitors here",
    "domain_exact": "the domain is the name",
    "domain_brand": "the domain is the brand in the name",
    "domain_affixed": "the domain is the name, shortened or with a word added",
    "domain_group": "the domain is the name with a word that a parent company may have too",
    "domain_words": "all words of the name are in the domain",
    "domain_shortened": "the domain consists of the beginnings of the name's words",
    "domain_initials": "the domain consists of the name's initials",
    "domain_common": "the domain is the name, but its words are common in company names",
    "domain_some": "some words of the name are in the domain",
    "domain_part": "one word of the name is in the domain",
    "name_in_domain": "the whole name is in the domain, trade included",
    "uen_in_result": "the search result shows its UEN",
    "name_in_result": "the search result shows the brand in its name",
    "full_name_in_result": "the search result shows its whole name",
    "postal_code_in_result": "the search result shows its postal code",
    "singapore_in_result": "the search result mentions Singapore",
    "elsewhere_in_result": "the search result mentions another country",
    "below_unknown_domain": "the address is a host below a domain of someone else",
    "worded_as_listing": "the search result is worded like a directory's",
    "parked": "the domain is parked or for sale",
    "expired": "the domain or its hosting has expired",
    "suspended": "the hosting account or domain is suspended",
    "unconnected": "no website is connected to the address, or it was taken down",
    "closed_shop": "the shop is closed or not yet open",
    "ceased": "the site says that the firm has closed for good",
    "default_page": "the server shows only its default page",
    "hosted": "a separate site below the domain of a website builder or host",
    "hijacked": "the pages advertise gambling",
    "imitation": "the domain or the page imitates the company",
    "directory": "it is built like a directory",
}
"""What a signal saw; a signal that is not listed is shown by its name."""

REJECTED = {
    "unreadable": "it could not be read",
    "parked": "the domain is parked or for sale",
    "expired": "the domain or its hosting has expired",
    "suspended": "the hosting account or domain is suspended",
    "unconnected": "no website is connected to its address",
    "closed_shop": "the shop is closed or not yet open",
    "ceased": "the site says that the firm has closed for good",
    "default_page": "only the default page of a server stands there",
    "hijacked": "the pages now belong to someone else",
    "imitation": "it imitates the company",
    "directory": "it is a directory",
    "other_company": "it belongs to another company",
    "elsewhere": "it is a company in another country",
    "no_proof": "nothing on it proves that it is the company's own",
    "second_best": "another site is more likely",
    "not_read": "it was not read, because others were more likely or no pages were left",
}
"""Why a candidate was rejected, by what follows `rejected_` in the name of its last signal."""


def in_words(reason: str) -> str:
    """A reason's words, ``search_refused:redirect`` too; a code that is not listed is shown without underscores."""
    code, _, detail = reason.partition(":")
    said = REASONS.get(code) or refusal_in_words(code)
    return f"{said}: {refusal_in_words(detail)}" if detail else said


def refusal_in_words(reason: str) -> str:
    """Why a provider or a page did not answer; ``http_503`` is the status that it answered with."""
    status = reason.removeprefix("http_")
    if status != reason and status.isdigit():
        return f"it answered with status {status}"
    return REFUSALS.get(reason, reason.replace("_", " "))
