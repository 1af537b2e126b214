"""The tables of README.md list every setting with its default, and every room of the package."""

from __future__ import annotations

import configparser
import re
from typing import Any

from pydantic import BaseModel
from tools import ROOT

from acra_express_async.settings.environment import ALIASES, known_names
from acra_express_async.settings.tree import Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def listed_settings() -> dict[str, str]:
    rows = re.findall(r"(?m)^\| `([A-Z_]+)` \| (.*?) \| .+ \|$", section("Configuration"))
    assert len(rows) == len(dict(rows)), "a setting is listed twice"
    return dict(rows)


def shown(value: Any) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def defaults(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= defaults(type(field.default), f"{prefix}{name.upper()}__")
        else:
            found[prefix + name.upper()] = "required" if field.is_required() else shown(field.default)
    return found


def test_the_readme_lists_every_setting_and_no_other() -> None:
    assert listed_settings().keys() == known_names(Settings)


def test_the_readme_states_the_default_of_every_setting() -> None:
    assert {name: default.strip("`") for name, default in listed_settings().items()} == defaults(Settings)


def test_the_readme_says_which_names_need_no_prefix() -> None:
    introduction = section("Configuration").split("\n### ", 1)[0]
    assert set(re.findall(r"`([A-Z_]{3,})`", introduction)) - {"ACRA_EXPRESS_"} == ALIASES.keys()


def test_the_map_of_the_rooms_matches_the_import_layers() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "config" / "importlinter.ini", encoding="utf-8")
    layers = contracts["importlinter:contract:layers"]["layers"].splitlines()
    floors = [set(re.findall(r"\w+", floor)) for floor in layers if floor.strip()]
    rows = re.findall(r"(?m)^\| (`[^|]+`) \|", section("Map of the code"))
    assert [set(re.findall(r"`(\w+)(?:/|\.py)`", row)) for row in rows] == floors
