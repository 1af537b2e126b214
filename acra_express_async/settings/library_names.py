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
