"""Records in the database: pages of an export, a person's judgements, and the history of fields."""
