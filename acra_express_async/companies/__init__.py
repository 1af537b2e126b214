"""Companies: choosing them, enriching them, and predicting how long that takes.

`staging` and `enrichment` are the handlers of the two job types, `pipeline` is the work on one company, `verification`
checks its best addresses, `fault_streak` notices that a fault is ours and no company's, `refresh` stages the standing
selection, `forecast` predicts the effect of an enqueue. Each company is committed separately, together with the job's
progress, so a resumed job never repeats one. A company is upserted in its own short transaction, because many rows in
one transaction would block the nightly run. ZeroBounce has no idempotency key, so an intent is committed before each
verification is sent. Slots of the daily cap and opt-outs are respected between all replicas.
"""
