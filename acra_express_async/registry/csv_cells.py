"""Cells of a CSV file that a person will open in a spreadsheet."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Excel, LibreOffice and Google Sheets take a cell that begins so for a formula (OWASP, "CSV Injection")."""


def plain_cell(text: str) -> str:
    """The text with a leading apostrophe where a spreadsheet would calculate instead of showing it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
