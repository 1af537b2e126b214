"""Real parts for demo, tests and simulation: an embedded PostgreSQL, a provider simulator, a sample registry."""
