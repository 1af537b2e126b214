"""Budgets, breakers and measured costs in the database: shared by all replicas, judged by the database's clock.

A charge is one statement under a lock of its provider's row, so "sum, compare, insert" is one step for all replicas.
The arithmetic is in SQL functions of migration 0003.
"""
