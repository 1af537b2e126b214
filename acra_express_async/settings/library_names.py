"""Environment variables that libraries read themselves; they apply to the whole host and have no prefix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from acra_express_async.errors import ConfigError

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY = "NO_PROXY"
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
KEY_LOG = "SSLKEYLOGFILE"
POSTGRES = (
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLROOTCERT",
    "PGSSLCRL",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
    "PGTARGETSESSIONATTRS",
    "PGKRBSRVNAME",
    "PGGSSLIB",
    KEY_LOG,
)

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
OTLP_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def names_set(*names: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those of `names` that are set, spelled as in the environment (proxies are often in lower case)."""
    source = os.environ if environ is None else environ
    return {form: source[form] for name in names for form in (name, name.lower()) if source.get(form)}


def require_key_log(environ: Mapping[str, str] | None = None) -> None:
    """Make sure that the file named by SSLKEYLOGFILE can be written, because libraries open it at import.

    Raises:
        ConfigError: they cannot.
    """
    for name, path in names_set(KEY_LOG, environ=environ).items():
        try:
            with Path(path).open("ab"):
                pass
        except OSError as wrong:
            raise ConfigError(f"{name} names {path}, which cannot be written ({wrong.strerror})") from wrong


def traces_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the standard variables of OpenTelemetry ask for traces: an endpoint is set, and nothing turns them off.

    Raises:
        ConfigError: they ask for a protocol or an address that cannot be used.
    """
    source = os.environ if environ is None else environ
    endpoints = [(name, source[name]) for name in OTLP_ENDPOINTS if source.get(name)]
    off = source.get("OTEL_SDK_DISABLED", "").lower() == "true" or source.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    if not endpoints or off:
        return False
    for name in OTLP_PROTOCOLS:
        if source.get(name, "http/protobuf") != "http/protobuf":
            raise ConfigError(f"{name} is {source[name]}; traces are sent as http/protobuf only")
    for name, address in endpoints:
        if not address.startswith(("http://", "https://")):
            raise ConfigError(f"{name} is {address}; it must begin with http:// or https://")
    return True
