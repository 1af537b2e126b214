"""Companies: choosing them, enriching them, and predicting how long that takes.

`staging` and `enrichment` are the handlers of the two job types, `pipeline` is the work on one company, `verification`
checks its best addresses, `refresh` stages the standing selection, `forecast` predicts the effect of an enqueue.
"""
