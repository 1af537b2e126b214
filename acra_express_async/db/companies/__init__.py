"""Companies in the database: selection, records, outcomes, verifications, opt-outs, and forgetting."""
