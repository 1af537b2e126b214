"""Connections: pools and session settings, the express tenant, and JSON in the form PostgreSQL accepts."""
