"""Keeps secrets, mail addresses, endless values and terminal control characters out of log lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from structlog.typing import EventDict, WrappedLogger

# Every part is bounded: otherwise a long text without an @ (a page, a hostile answer) would block the loop.
_ADDRESS = re.compile(r"([A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]{0,64}(@|%40)([A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63})")
_PASSWORD = re.compile(r"\b(\w{1,20}://[^\s:/@]{0,64}):[^\s@]{1,256}@")
_KEY_PARAMETER = re.compile(
    r"((?:api_?key|token|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?(?:Bearer\s+)?)[^\s&\"',}]+", re.IGNORECASE
)
_WEBHOOK = re.compile(r"(hooks\.slack(?:-gov)?\.com/services)/[^\s\"']+")

_MAX_VALUE = 4000
_MAX_LINE = 1000
"""One line of a value of many lines: an exception's message may hold a page."""
_TAIL = 2800
"""Characters that the last lines of a too long value may take; the rest is for the exception messages before them."""

_UNPRINTABLE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_LINES_KEPT = {code: space for code, space in _UNPRINTABLE.items() if code not in (0x09, 0x0A)}


def printable(text: str) -> str:
    """One line that cannot move a terminal's cursor: control characters, ESC and line ends included, become spaces."""
    return text.translate(_UNPRINTABLE)


def shortened(text: str) -> str:
    """At most 4,000 characters.

    A traceback ends with the error, so the last lines are kept. Of the lines before them only those without indentation
    are kept, which are the messages of the earlier exceptions.
    """
    if len(text) <= _MAX_VALUE:
        return text
    if "\n" not in text:
        return text[:_MAX_VALUE]
    lines = [line[:_MAX_LINE] for line in text.splitlines()]
    kept = len(lines)
    room = _TAIL
    while kept > 0 and room >= len(lines[kept - 1]) + 1:
        kept -= 1
        room -= len(lines[kept]) + 1
    headings: list[str] = []
    room = _MAX_VALUE - _TAIL - 100
    for line in reversed([line for line in lines[:kept] if line.strip() and not line[0].isspace()]):
        room -= len(line) + 1
        if room < 0:
            break
        headings.insert(0, line)
    return "\n".join([*headings, f"  … {kept - len(headings)} lines left out …", *lines[kept:]])


class Redactor:
    """A structlog processor that removes known secrets, key-like parameters and mail addresses from every value.

    Args:
        secrets: exact strings that must never be printed (keys, DSN passwords, the webhook's URL), also in their
            URL-escaped forms.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Add strings that must never be printed, because a secret was rotated."""
        forms = {form for s in secrets if len(s) >= 4 for form in (s, quote(s, safe=""), quote(s), quote_plus(s))}
        self._secrets = tuple(sorted(forms.union(self._secrets), key=len, reverse=True))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._clean(key): self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}")
        if value is None or isinstance(value, int | float):
            return value
        return self.text(str(value))  # a URL, a path, bytes: anything that a later processor would turn into text

    def text(self, value: str) -> str:
        """At most 4,000 characters without secrets, addresses and control characters (a traceback keeps its lines)."""
        for secret in self._secrets:
            value = value.replace(secret, "***")
        value = shortened(value)
        # most values are single words, so each pattern runs only where a character occurs that it cannot match without
        if "@" in value:
            value = _PASSWORD.sub(r"\1:***@", value)
        if "/" in value:
            value = _WEBHOOK.sub(r"\1/***", value)
        if "=" in value or ":" in value:
            value = _KEY_PARAMETER.sub(r"\1***", value)
        if "@" in value or "%40" in value:
            value = _ADDRESS.sub(r"\1***\2\3", value)
        return value.translate(_LINES_KEPT)
