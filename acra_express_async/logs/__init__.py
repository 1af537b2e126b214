"""Structured logs through the standard library: JSON by default, `console` for people; secrets and addresses redacted.

Events are constants ``noun.verb`` with facts as keys. `job_id` and `company_id` come from context variables, so one
search finds every line of a job. `redaction` removes what no line may contain, and `writer` writes lines to stderr
without ever blocking the caller.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any, TextIO

import structlog

from acra_express_async.logs.redaction import Redactor, printable
from acra_express_async.logs.writer import LineWriter, detached_stderr, say_to_stderr

__all__ = ["LineWriter", "Redactor", "configure", "detached_stderr", "logger", "printable", "say_to_stderr"]


class _NoLock:
    """Has what `logging` asks of a handler's lock, and locks nothing.

    Python 3.12 accepts None in its place, 3.13 enters the lock as a context and fails.
    """

    def acquire(self) -> None:
        """Return at once."""

    def release(self) -> None:
        """Release nothing."""

    def __enter__(self) -> None:
        """Enter at once."""

    def __exit__(self, *_exception: object) -> None:
        """Leave at once."""


class _Stamp:
    """Adds `timestamp`: the wall clock in one zone, in RFC 3339 with the offset."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __call__(
        self, _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["timestamp"] = datetime.fromtimestamp(time.time(), self._zone).isoformat(timespec="microseconds")
        return event


class _QueuedLines(logging.StreamHandler[LineWriter]):
    """A handler without a lock: the watchdog must be able to log while the loop's thread is stuck in a log call."""

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        self.lock = _NoLock()  # type: ignore[assignment]


def configure(
    *,
    level: str,
    form: str,
    secrets: Iterable[str] = (),
    stream: TextIO | LineWriter | None = None,
    colour: bool = True,
    zone: tzinfo = UTC,
) -> Redactor:
    """Send all logs of the process (ours and libraries') to `stream` (default stderr), one line each.

    Args:
        level: name of the lowest level that is written.
        form: ``json`` or ``console``.
        secrets: see `Redactor`.
        zone: the clock of each line's `timestamp`, which carries its offset.
        colour: allowed on a terminal, in the form ``console``.

    Returns:
        The redactor, which can learn further secrets.
    """
    target = stream or sys.stderr
    redactor = Redactor(secrets)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _Stamp(zone),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.typing.Processor]
    if form == "json":
        last = [structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer(default=str)]
    else:
        lines = structlog.dev.ConsoleRenderer(colors=colour and target.isatty())
        last = [structlog.processors.format_exc_info, redactor, lines]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler: logging.Handler
    if isinstance(target, LineWriter):
        handler = _QueuedLines(target)
        target.clean = redactor.text
        target.drops_line = lambda count: _rendered([*shared, *last], {"event": "log.dropped", "lines": count})
    else:
        handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx writes each request's URL at INFO, and ZeroBounce's URL holds the key.
    for noisy in ("httpx", "httpcore", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # it logs a traceback every few seconds while the database is away, which our own loops report in one line each
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    return redactor


def _rendered(processors: Iterable[structlog.typing.Processor], event: structlog.typing.EventDict) -> str:
    """The line that the processors make of an event, for a line that must bypass the handler."""
    made: Any = event
    for processor in processors:
        made = processor(logging.getLogger("logs"), "warning", made)
    return f"{made}\n"


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one part of the service, for example ``poller`` or ``worker``."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
