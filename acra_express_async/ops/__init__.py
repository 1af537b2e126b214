"""What operators look at: the snapshot of shared state, the status built from it, and the checks before a start.

`snapshot` asks the database at intervals, so that no probe or scrape has to; `status` builds /status.json from it.
`checks` is `acra-express check`, and `preflight` refuses to start on the first finding that fails. Nothing here changes
anything. The snapshot reads the nightly's own tables rarely and never while the nightly runs, because the nightly's
ALTER TABLE would wait for the query (B25).
"""
