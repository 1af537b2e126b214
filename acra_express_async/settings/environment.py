"""Names in the environment: prefix, aliases, files, misspellings, and errors as one plain sentence."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ValidationError

from acra_express_async.errors import ConfigError

PREFIX = "ACRA_EXPRESS_"

ALIASES = {
    "POSTGRES_DSN": "POSTGRES_DSN",
    "JINA_API_KEY": "JINA__API_KEY",
    "ZEROBOUNCE_API_KEY": "ZEROBOUNCE__API_KEY",
    "SLACK_WEBHOOK_URL": "SLACK__WEBHOOK_URL",
    "DEFAULT_TENANT_ID": "DEFAULT_TENANT_ID",
}
"""Names of the platform that are accepted without the prefix; the prefixed name takes precedence."""

_KUBERNETES = re.compile(r"^(.*_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$")
"""What Kubernetes injects for a Service called acra-express (`enableServiceLinks`), without the prefix."""


def known_names(model: type[BaseModel], prefix: str = "") -> frozenset[str]:
    """Upper-case names without the prefix, groups joined by ``__``."""
    names: set[str] = set()
    for field, info in model.model_fields.items():
        group = _group_of(info.annotation)
        if group is None:
            names.add(prefix + field.upper())
        else:
            names |= known_names(group, prefix + field.upper() + "__")
    return frozenset(names)


def _group_of(annotation: object) -> type[BaseModel] | None:
    candidates: Iterable[object] = (annotation,)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        candidates = typing.get_args(annotation)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def injected_by_kubernetes(environ: Mapping[str, str], known: frozenset[str]) -> list[str]:
    """Prefixed names that are not settings but come from the links of a Kubernetes Service."""
    return sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name[len(PREFIX) :] not in known and _KUBERNETES.match(name[len(PREFIX) :])
    )


def prepared(environ: Mapping[str, str], known: frozenset[str], read_file: Callable[[str, str], str]) -> dict[str, str]:
    """The prefixed names with aliases and files resolved; an empty value means the default, as on the platform.

    Raises:
        ConfigError: a name with the prefix is unknown (the nearest known one is suggested), a setting is given twice,
            or a file cannot be read.
    """
    values = {PREFIX + target: environ[alias] for alias, target in ALIASES.items() if environ.get(alias)}
    injected = set(injected_by_kubernetes(environ, known))
    from_files: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in injected:
            continue
        short = name[len(PREFIX) :]
        if short in known:
            if value.strip():
                values[name] = value
        elif short.endswith("_FILE") and short.removesuffix("_FILE") in known:
            if value.strip():
                from_files[name] = value
        else:
            raise ConfigError(_unknown(name, known))
    for name, path in from_files.items():
        plain = name.removesuffix("_FILE")
        if environ.get(plain, "").strip():
            raise ConfigError(f"both {plain} and {name} are set; keep one")
        values[plain] = read_file(name, path)
    return values


def files(environ: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """Short name to path, for every setting whose value is in a file."""
    return {
        short: path
        for name, path in environ.items()
        if name.startswith(PREFIX)
        and name.endswith("_FILE")
        and path.strip()
        and (short := name[len(PREFIX) :].removesuffix("_FILE")) in known
    }


def _unknown(name: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(name[len(PREFIX) :], known, n=1, cutoff=0.6)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    return f"unknown setting {name}{hint}"


def sentence(wrong: ValidationError) -> str:
    """All errors of a validation as one line, without the values, because any of them may be a secret."""
    parts = []
    for error in wrong.errors(include_input=False, include_url=False):
        where = "__".join(str(step).upper() for step in error["loc"])
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "missing":
            parts.append(f"{PREFIX}{where} is not set" + (" (nor POSTGRES_DSN)" if where == "POSTGRES_DSN" else ""))
        elif where:
            parts.append(f"{PREFIX}{where}: {message}")
        else:
            parts.append(message)
    return "; ".join(parts)
