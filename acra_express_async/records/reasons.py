"""Words for people: the meaning of each outcome code and of each signal of a site."""

from __future__ import annotations

REASONS = {
    "no_search_results": "the search found nothing",
    "no_credible_site": "no search result looked like its own site",
    "ambiguous": "more than one site could be its own, and the evidence does not decide between them",
    "site_unreadable": "the best candidate could not be read",
    "parked": "the best candidate is a parked domain",
    "hijacked": "the best candidate's pages now belong to someone else",
    "imitation": "the best candidate imitates the company",
    "directory": "the best candidate is a directory, not the company's own site",
    "other_company": "the best candidate belongs to another company",
    "elsewhere": "the best candidate is a company in another country",
    "no_proof": "the best candidate showed no proof that it is the company's own",
    "recently_checked": "it had been checked within RECHECK_DAYS",
    "in_another_job": "another job was working on it",
    "opted_out": "it has opted out",
    "not_live": "the registry does not list it as live",
    "company_vanished": "its row in companies was gone",
    "provider_unavailable": "a provider was unavailable for too long",
}
SIGNALS = {
    "uen": "its UEN is on the page",
    "uen_told_by_others": "its UEN is there, but in an article or list about others",
    "other_uen": "another company's UEN is on the page",
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
    "local_phone": "a local phone number",
    "trade": "the page is about the trade in the registry",
    "other_trade": "the page is not about the trade in the name",
    "namesake_trade": "the name is followed by another trade",
    "sg_domain": "the domain ends in .sg",
    "offshore_domain": "the domain belongs to another country",
    "first_result": "it was the first result",
    "known_website": "the platform already had this website",
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
    "worded_as_listing": "the search result is worded like a directory's",
    "parked": "the domain is parked or for sale",
    "hijacked": "the pages advertise gambling",
    "imitation": "the domain or the page imitates the company",
    "directory": "it is built like a directory",
}
"""What a signal saw; a signal that is not listed is shown by its name."""

REJECTED = {
    "unreadable": "it could not be read",
    "parked": "the domain is parked or for sale",
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
    """A reason's words; a code that is not listed is shown as it is, and a blank one as an empty string."""
    code, _, detail = reason.partition(":")
    said = REASONS.get(code, code.replace("_", " "))
    return f"{said} ({detail})" if detail else said
