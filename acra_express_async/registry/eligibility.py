"""Which registry rows may be worked on: is the company live, and is it a person trading alone?

The rules are patterns, because two readers must agree: the functions below, and the SQL that lists a code's rows
(`db/registry/ssic_codes.py`), which is given the same patterns as parameters of ``~*``. They use only what Python and
PostgreSQL read alike: ASCII letters in any case, and spaces spelled out.
"""

from __future__ import annotations

import re

_SPACE = "[ \t\r\n\f\v\u00a0]*"

LIVE = rf"^{_SPACE}(live|(registered|existing|r){_SPACE}\Z)"
"""The status words of a company that lives. Of the 36 in "Information on Corporate Entities" they all begin with Live
(Live, Live Company, Live (Receiver or Receiver and Manager appointed)); "Entities Registered with ACRA" says Registered
or R, and the platform's own reader also knows Existing."""

SILENT = rf"^{_SPACE}(na|n/a|-)?{_SPACE}\Z"
"""The registry says nothing: the status of old businesses is often ``na``."""

SOLE = rf"^{_SPACE}sole"
"""A constitution that is one person: Sole-Proprietor, formerly Sole Proprietor."""

PERSONAL_TYPE = rf"^{_SPACE}(sole|business|bn)"
"""Entity types that are mostly one person: Sole Proprietorship/ Partnership, formerly Business (BN)."""

_FLAGS = re.ASCII | re.IGNORECASE
_LIVE, _SILENT = re.compile(LIVE, _FLAGS), re.compile(SILENT, _FLAGS)
_SOLE, _PERSONAL_TYPE = re.compile(SOLE, _FLAGS), re.compile(PERSONAL_TYPE, _FLAGS)


def is_live(status: str | None) -> bool:
    """The registry says that the company lives; this is what a selection by code or term takes."""
    return _LIVE.match(status or "") is not None


def may_be_live(status: str | None) -> bool:
    """The registry does not say that the company is gone: enough for one that is asked for by UEN."""
    return is_live(status) or _SILENT.match(status or "") is not None


def is_sole_proprietor(entity_type: str | None, constitution: str | None) -> bool:
    """True for a person trading alone, and for a business of which the file does not say whether it is one."""
    if _SILENT.match(constitution or "") is None:
        return _SOLE.match(constitution or "") is not None
    return _PERSONAL_TYPE.match(entity_type or "") is not None
