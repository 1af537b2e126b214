"""JSON in a form that PostgreSQL accepts, whatever characters the web put into the strings."""

from __future__ import annotations

import json


def stored_json(value: object) -> str:
    """The value as JSON text; pass it as ``$n::text::jsonb``, which works with and without a codec.

    NUL characters are dropped (jsonb refuses them) and lone surrogates become ``?`` (UTF-8 cannot carry them).
    """
    return json.dumps(_clean(value), ensure_ascii=False)


def stored_text(value: str) -> str:
    """The string in a form that a text column accepts."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _clean(value: object) -> object:
    if isinstance(value, str):
        return stored_text(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
