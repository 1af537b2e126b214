"""Extraction: text in, facts with evidence out. Pure functions: no await, no clock, no settings, no wire."""
