"""What a start of the service loads."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
from acra_express_async.__main__ import main
sys.argv[1:] = ["run", "--help"]
try:
    main()
except SystemExit:
    pass
import acra_express_async.service
print([name for name in ("rich", "pygments", "xlsxwriter", "opentelemetry") if sys.modules.get(name)])
"""


def test_the_service_loads_nothing_that_only_commands_need() -> None:
    ended = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout.splitlines()[-1] == "[]"
