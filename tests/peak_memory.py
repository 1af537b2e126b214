"""The peak memory of one `acra-express` command, run in a separate process."""

from __future__ import annotations

import os
import sys
import tempfile
from asyncio import create_subprocess_exec, subprocess
from pathlib import Path

_MEASURED = Path(__file__)


async def peak_of(dsn: str, *arguments: str) -> tuple[str, float]:
    """Run the command; its standard output, and its peak resident memory (VmHWM) in MB."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "peak"
        process = await create_subprocess_exec(
            sys.executable,
            str(_MEASURED),
            str(said),
            *arguments,
            env={"PATH": os.environ["PATH"], "HOME": folder, "ACRA_EXPRESS_POSTGRES_DSN": dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()[-2000:]
        return out.decode(), float(said.read_text())


def _peak_megabytes() -> float:
    # VmHWM starts anew at the exec; ru_maxrss would start with the parent's value.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _measured() -> None:
    """Run the command, then print its peak memory."""
    from acra_express_async.cli import main

    said = Path(sys.argv[1])
    try:
        main(sys.argv[2:], prog_name="acra-express", standalone_mode=False)
    finally:
        said.write_text(f"{_peak_megabytes():.1f}")


if __name__ == "__main__":
    _measured()
