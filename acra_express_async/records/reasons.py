"""The words in which a decision is told: what each code of an outcome and each signal of a site means to a person."""

from __future__ import annotations

REASONS = {
    "no_search_results": "the search found nothing",
    "no_credible_site": "the search found nothing that could be its own",
    "ambiguous": "more than one site could be its own, and none could be told apart",
    "site_unreadable": "the best candidate could not be read",
    "parked": "the best candidate is a parked domain",
    "hijacked": "the best candidate's pages belong to somebody else now",
    "imitation": "the best candidate imitates the company",
    "directory": "the best candidate is a directory, not the company's own site",
    "other_company": "the best candidate belongs to another company",
    "elsewhere": "the best candidate is a company in another country",
    "no_proof": "the best candidate showed no proof that it is the company's own",
    "recently_checked": "somebody had looked at it within RECHECK_DAYS",
    "in_another_job": "another job was at work on it",
    "opted_out": "it asked to be left alone",
    "not_live": "the registry does not call it live",
    "company_vanished": "its row in companies was gone",
    "provider_unavailable": "a provider was away for too long",
}
SIGNALS = {
    "uen": "its UEN stands on the page",
    "uen_told_by_others": "its UEN stands there, but in an article or list about others",
    "other_uen": "another company's UEN stands on the page",
    "imprint": "its legal name stands there as the owner's, and the site gives its address",
    "legal_name": "its legal name stands on the page",
    "full_name_in_head": "its whole name stands where a site says who it is",
    "name_in_head": "its name stands where a site says who it is",
    "brand_in_head": "the brand in its name stands where a site says who it is",
    "other_legal_name": "another company's legal name stands in the imprint",
    "postal_code": "its postal code stands on the page",
    "postal_code_shared": "its postal code stands there, but many companies share it",
    "street": "its street and block stand on the page",
    "street_shared": "its street and block stand there, but many companies share them",
    "neighbourhood": "its building or street is named, without the number",
    "singapore": "an address or number in Singapore",
    "singapore_mentioned": "Singapore is mentioned",
    "elsewhere": "an address or number in another country",
    "local_phone": "a local phone number",
    "trade": "it speaks of the trade in the registry",
    "other_trade": "it does not speak of the trade in the name",
    "namesake_trade": "the name is followed by another trade",
    "sg_domain": "the domain ends in .sg",
    "offshore_domain": "the domain belongs to another country",
    "first_result": "it was the first result",
    "known_website": "the platform already held this website",
    "handed_over": "another site of this name sends its visitors here",
    "domain_exact": "the domain is the name",
    "domain_brand": "the domain is the brand in the name",
    "domain_affixed": "the domain is the name, shortened or with a word put to it",
    "domain_group": "the domain is the name with a word that a parent may carry too",
    "domain_words": "all words of the name stand in the domain",
    "domain_shortened": "the domain is made of beginnings of the name's words",
    "domain_initials": "the domain is made of the name's initials",
    "domain_common": "the domain is the name, but of words that many firms carry",
    "domain_some": "the domain says some words of the name",
    "domain_part": "a word of the name stands in the domain",
    "name_in_domain": "the domain says the whole name, trade included",
    "uen_in_result": "the search result shows its UEN",
    "name_in_result": "the search result shows the brand in its name",
    "full_name_in_result": "the search result shows its whole name",
    "postal_code_in_result": "the search result shows its postal code",
    "singapore_in_result": "the search result speaks of Singapore",
    "elsewhere_in_result": "the search result speaks of another country",
    "worded_as_listing": "the search result is worded as directories word theirs",
    "parked": "the domain is parked or for sale",
    "hijacked": "the pages advertise gambling",
    "imitation": "the domain or the page imitates the company",
    "directory": "it is built as a directory",
}
"""What a signal saw; one that is not listed is said as it is written."""

REJECTED = {
    "unreadable": "it could not be read",
    "parked": "the domain is parked or for sale",
    "hijacked": "the pages belong to somebody else now",
    "imitation": "it imitates the company",
    "directory": "it is a directory",
    "other_company": "it belongs to another company",
    "elsewhere": "it is a company in another country",
    "no_proof": "nothing on it proves that it is the company's own",
    "second_best": "another site is more likely",
    "not_read": "it was not read, because others were more likely or the pages were used up",
}
"""Why a candidate was not believed, by what stands behind `rejected_` in its last signal."""


def in_words(reason: str) -> str:
    """A reason's words; a code that is not listed is said as it is written, a blank one as nothing."""
    code, _, detail = reason.partition(":")
    said = REASONS.get(code, code.replace("_", " "))
    return f"{said} ({detail})" if detail else said
