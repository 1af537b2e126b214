"""Extraction: text in, facts with evidence out.

Everything here is a pure function: no await, no clock, no settings, no network. `queries` says what to search for,
`found_hosts` unites the answers, `candidates` turns them into sites, `reading_plan` picks the next page, `identity`
decides whether a site belongs to the company, and `emails`, `phones`, `socials`, `places` and `about` collect its
contacts. Every fact carries the URL on which it was seen.

The decision is a score that prefers "none" to a wrong site: a wrong site sends mail to strangers, and most rows of the
registry have no website. The registry gives no name twice, but it lists namesakes, sisters at one address and
incorporation agents at whose postal code thousands of companies sit; the points in `evidence` and `labels` weigh these.
Texts come from strangers: every function bounds its work by the length of its input.
"""
