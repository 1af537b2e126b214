"""Companies in the database: selection, results, outcomes, verifications, opt-outs, and forgetting.

`selection` picks registry rows and `company_rows` upserts them; `outcomes` and `stored_outcome` are our own rows;
`platform_records`, `platform_runs` and `contact_rows` write into the platform's tables. As a guest we fill only empty
cells, never change what another source wrote, and mark every row as ours. Locks are taken in the nightly's order. No
statement relies on a unique index of the platform, since production may lack it. Addresses of persons are stored only
as keyed hashes unless a setting allows them.
"""
