"""Whether the registry's status words mean a company that lives."""

from __future__ import annotations

_UNKNOWN = ("", "na", "n/a", "-")
_LIVE = ("live", "registered", "existing")


def is_live(status: str | None) -> bool:
    """True unless the registry says otherwise. Old businesses have no status: they get the benefit of the doubt.

    The 36 status words of the registry that mean a living company all begin with "Live" (quality.md A3); the 8-column
    file says Registered, or R.
    """
    word = (status or "").strip().casefold()
    return word in _UNKNOWN or word == "r" or word.startswith(_LIVE)
