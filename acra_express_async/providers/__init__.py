"""One file per provider: what did they say, and what does the caller do next? Knows no jobs and no database."""
