"""`python -m acra_express_async` is `acra-express`: both begin here."""

from __future__ import annotations

import sys

from acra_express_async.runtime.stop_signals import StopSignals


def main() -> None:
    """Run the command of the command line; the service takes the stop signals before anything slow is imported."""
    signals = None
    if sys.argv[1:2] == ["run"]:
        signals = StopSignals().install()
        # httpx and structlog load these for a terminal wherever they are installed, and do without where they are not;
        # the service draws nothing there, and they take 4 MB and a twentieth of the CPU of the start
        sys.modules |= {"rich": None, "pygments": None}  # type: ignore[dict-item]
    from acra_express_async.cli import main as commands  # noqa: PLC0415

    commands(prog_name="acra-express", obj=signals)


if __name__ == "__main__":
    main()
