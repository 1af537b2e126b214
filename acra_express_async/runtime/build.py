"""Which build is running: its version, and the revision of the source from which it was made.

An image gets its revision from the build argument ``REVISION``, which the Dockerfile writes into the package. `pip
install git+…` records it in ``direct_url.json`` (PEP 610). A checkout has neither, so its revision is ``unknown``.
"""

from __future__ import annotations

import json
import platform
from importlib import metadata, resources

from acra_express_async import __version__

UNKNOWN = "unknown"
_SHORT = 12
"""Characters of a Git commit ID that are shown: enough to be unique, short enough to read."""


def revision() -> str:
    """The source revision, shortened to 12 characters, or ``unknown``."""
    written = resources.files("acra_express_async").joinpath("REVISION")
    if written.is_file():
        return written.read_text(encoding="utf-8").strip()[:_SHORT] or UNKNOWN
    return _installed_from_git() or UNKNOWN


def _installed_from_git() -> str | None:
    try:
        record = metadata.distribution("acra-express-async").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    if record is None:
        return None
    commit = json.loads(record).get("vcs_info", {}).get("commit_id", "")
    return str(commit)[:_SHORT] or None


def description() -> str:
    """One line for `--version`: version, revision and Python."""
    return f"{__version__} (revision {revision()}, Python {platform.python_version()})"
