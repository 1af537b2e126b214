"""`python -m acra_express_async` is `acra-express`: both begin here."""

from __future__ import annotations

import sys

from acra_express_async.runtime.stop_signals import StopSignals


def main() -> None:
    """Run the command of the command line; the service takes the stop signals before anything slow is imported."""
    signals = StopSignals().install() if sys.argv[1:2] == ["run"] else None
    from acra_express_async.cli import main as commands  # noqa: PLC0415

    commands(prog_name="acra-express", obj=signals)


if __name__ == "__main__":
    main()
