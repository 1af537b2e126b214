"""Registry rows as the world uses them, and forms of a company's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

LEGAL_WORDS = frozenset({"pte", "ltd", "limited", "private", "llp", "lp", "llc", "sdn", "bhd", "plc", "inc"})
"""Words of the legal form; they occur in names and queries and distinguish no company."""

_BLANK = frozenset({"", "na", "n.a.", "null", "none", "-"})


@dataclass(frozen=True, slots=True)
class Firm:
    """One registry row; blanks and the registry's "na" are empty strings."""

    uen: str
    name: str
    former_names: tuple[str, ...] = ()
    block: str = ""
    street: str = ""
    level: str = ""
    unit_number: str = ""
    building: str = ""
    postal: str = ""
    ssic: str = ""
    activity: str = ""
    status: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The current name, then the former ones."""
        return (self.name, *self.former_names)


def firm_of(row: Mapping[str, Any] | object) -> Firm | None:
    """The firm of a registry row: a mapping by column name, or an object like `models.Company`.

    None without UEN or name. A postal code of five digits gets its leading zero back, which registry releases lose.
    """
    if isinstance(row, Firm):
        return row
    read = partial(_field, row)
    identity, name = read("uen").upper(), read("entity_name", "name")
    if not identity or not name:
        return None
    listed = getattr(row, "former_names", None)
    former: Iterable[str] = (
        listed if listed is not None else (read(f"former_entity_name{number}") for number in range(1, 16))
    )
    postal = read("postal_code")
    return Firm(
        uen=identity,
        name=name,
        former_names=tuple(old for old in former if old),
        block=read("block"),
        street=read("street_name"),
        level=read("level_no"),
        unit_number=read("unit_no"),
        building=read("building_name"),
        postal=postal.zfill(6) if postal.isdigit() and len(postal) == 5 else postal,
        ssic=read("primary_ssic_code", "ssic_code"),
        activity=read("primary_user_described_activity", "activity")
        or read("primary_ssic_description", "ssic_description"),
        status=read("entity_status_description", "entity_status"),
    )


def _field(row: Mapping[str, Any] | object, *names: str) -> str:
    """The first non-empty value among several names, from a mapping or from attributes."""
    for name in names:
        value = row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)
        text = str(value).strip() if value is not None else ""
        if text.casefold() not in _BLANK:
            return text
    return ""


def words(text: str) -> list[str]:
    """Lower-case words of a name or query without punctuation; Chinese characters stay together."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("&", " and ").replace("+", " and ")
    plain = re.sub(r"[’'`]", "", plain)
    return re.findall(r"\w+", plain.replace("_", " "))


def core_words(name: str) -> tuple[str, ...]:
    """The distinctive words of a name: without legal form, "(S)" and "Singapore" at the end.

    A name that has no other words keeps all of them.
    """
    every = words(name)
    core = list(every)
    while core and (core[-1] in LEGAL_WORDS or core[-1] in ("s", "singapore")):
        core.pop()
    return tuple(core or every)


def joined(name: str) -> str:
    """The core words joined, without "and": equal for "A-B & Co" and "AB CO"."""
    return "".join(word for word in core_words(name) if word != "and")


def slug(name: str) -> str:
    """All words of the name joined by dashes, as in the paths of directories."""
    return "-".join(words(name))


def written(name: str) -> str:
    """The registry's capitals in normal case: "COPPER HERON PTE. LTD." becomes "Copper Heron Pte. Ltd."."""
    kept = {"IT", "LLP", "HDB", "SG", "LCL", "FCL", "VRV"}

    def recased(match: re.Match[str]) -> str:
        word = match.group()
        return word if word in kept or len(word) == 1 else word.capitalize()

    return re.sub(r"[A-Za-z]+(?:'[a-z])?", recased, name)


def own_name(firm: Firm) -> str:
    """The name that the company uses: without the legal form, in normal case."""
    return written(" ".join(core_words(firm.name)).upper())
