"""Takes a domain or a mail address out of stored JSON, wherever it stands. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from acra_express_async.db.companies.address_hash import AddressHash

REMOVED = "[removed]"
"""Stands for the subject inside a text that stays."""


@dataclass(frozen=True, slots=True)
class Mention:
    """How a domain or an address is recognised in a text.

    Args:
        needle: what every text with the subject contains in lower case, for a first look in SQL.
        pattern: the subject itself: with a domain also its subdomains and the addresses at it.
        address_hash: the keyed hash of the address in hex, if the subject is one.
    """

    needle: str
    pattern: re.Pattern[str]
    address_hash: str | None = None

    @classmethod
    def of_domain(cls, domain: str) -> Mention:
        """``lotus.sg``, its subdomains, and what stands before an @; not ``mylotus.sg`` or ``lotus.sg.example``."""
        name = re.escape(domain.lower())
        return cls(
            domain.lower(),
            re.compile(rf"(?<![\w-])(?:[\w.+-]{{1,64}}@)?(?:[\w-]{{1,63}}\.){{0,8}}{name}{_END}", re.IGNORECASE),
        )

    @classmethod
    def of_address(cls, address: str, hashes: AddressHash) -> Mention:
        """The address in any case, and its hash."""
        plain = address.strip().lower()
        return cls(plain, re.compile(rf"(?<![\w.+-]){re.escape(plain)}{_END}", re.IGNORECASE), hashes.text(plain))

    def found_in(self, text: str) -> bool:
        """Whether the text mentions the subject, or is its hash."""
        return text == self.address_hash or self.pattern.search(text) is not None

    def removed_from(self, text: str) -> str:
        """The text with something else in its place."""
        return REMOVED if text == self.address_hash else self.pattern.sub(REMOVED, text)

    def without(self, value: Any) -> Any:
        """The JSON value without the subject.

        An element of a list goes whole, be it a text or an object of which a field mentions the subject; elsewhere the
        subject is replaced.
        """
        if isinstance(value, str):
            return self.removed_from(value)
        if isinstance(value, dict):
            return {key: self.without(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.without(each) for each in value if not self._goes(each)]
        return value

    def _goes(self, element: Any) -> bool:
        texts = element.values() if isinstance(element, dict) else (element,)
        return any(isinstance(text, str) and self.found_in(text) for text in texts)


_END = r"(?![\w-]|\.[\w-])"
"""No longer name goes on here; the full stop of a sentence may."""
