"""Budgets, breakers and measured costs: what was spent on providers, judged by the database's clock."""
