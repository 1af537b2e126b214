"""Jinja2 for our pages: every value is escaped, a missing one is an error, all templates are loaded at the start."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined

SUFFIX = ".html"


def environment_of(package: str, **filters: Callable[..., Any]) -> Environment:
    """The templates in the folder `templates` of a package, all of them compiled.

    Nothing is read from a file later: a process without free file descriptors must still show its pages.

    Args:
        package: its dotted name.
        filters: what the templates use beside `age` and `web_link`.
    """
    folder = resources.files(package).joinpath("templates")
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(SUFFIX)}
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters.update({"age": age, "web_link": web_link} | filters)
    for name in texts:
        environment.get_template(name)
    return environment


def age(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3 h``, ``2 d``; ``?`` where it is not known."""
    if seconds is None:
        return "?"
    for size, unit in ((172_800, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86_400, 'h': 3_600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def web_link(url: object) -> str | None:
    """The address if it is one of http or https, else None: it comes from an unknown page."""
    try:
        return str(url) if url and urlsplit(str(url)).scheme in ("http", "https") else None
    except ValueError:  # such as "http://[": no address of a page
        return None
