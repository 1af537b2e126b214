"""Loads `otlp` where its packages are installed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType


def load_otlp() -> ModuleType | None:
    """The module `otlp`, or None without the extra ``otel``."""
    if importlib.util.find_spec("opentelemetry") is None:
        return None
    return importlib.import_module("acra_express_async.traces.otlp")
