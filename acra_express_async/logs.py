"""Structured logs through the standard library: JSON by default, `console` for people; secrets and addresses redacted.

Events are constants ``noun.verb`` with facts as keys. `job_id` and `company_id` come from context variables, so one
search finds every line of a job.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

# Every part is bounded: otherwise a long text without an @ (a page, a hostile answer) would block the loop.
_ADDRESS = re.compile(r"([A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]{0,64}@([A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63})")
_PASSWORD = re.compile(r"\b(\w{1,20}://[^\s:/@]{0,64}):[^\s@]{1,256}@")
_KEY_PARAMETER = re.compile(
    r"((?:api_?key|token|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?(?:Bearer\s+)?)[^\s&\"',}]+", re.IGNORECASE
)
_WEBHOOK = re.compile(r"(hooks\.slack(?:-gov)?\.com/services)/[^\s\"']+")
_MAX_VALUE = 4000


_UNPRINTABLE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_LINES_KEPT = {code: space for code, space in _UNPRINTABLE.items() if code not in (0x09, 0x0A)}


def printable(text: str) -> str:
    """One line that cannot move a terminal's cursor: control characters, ESC and line ends included, become spaces."""
    return text.translate(_UNPRINTABLE)


class Redactor:
    """A structlog processor that removes known secrets, key-like parameters and mail addresses from every value.

    Args:
        secrets: exact strings that must never be printed (keys, DSN passwords, the webhook's URL).
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._clean(key): self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}")
        if value is None or isinstance(value, int | float):
            return value
        return self.text(str(value))  # a URL, a path, bytes: anything that a later processor would turn into text

    def text(self, value: str) -> str:
        """At most 4,000 characters without secrets, addresses and control characters (a traceback keeps its lines)."""
        for secret in self._secrets:
            value = value.replace(secret, "***")
        value = value[:_MAX_VALUE]
        # most values are single words, so each pattern runs only where a character occurs that it cannot match without
        if "@" in value:
            value = _PASSWORD.sub(r"\1:***@", value)
        if "/" in value:
            value = _WEBHOOK.sub(r"\1/***", value)
        if "=" in value or ":" in value:
            value = _KEY_PARAMETER.sub(r"\1***", value)
        if "@" in value:
            value = _ADDRESS.sub(r"\1***@\2", value)
        return value.translate(_LINES_KEPT)


def configure(*, level: str, form: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send all logs of the process (ours and libraries') to `stream` (default stderr), one line each.

    Args:
        level: name of the lowest level that is written.
        form: ``json`` or ``console``.
        secrets: see `Redactor`.
    """
    target = stream or sys.stderr
    redactor = Redactor(secrets)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.typing.Processor]
    if form == "json":
        last = [structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer(default=str)]
    else:
        last = [structlog.processors.format_exc_info, redactor, structlog.dev.ConsoleRenderer(colors=target.isatty())]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx writes each request's URL at INFO, and ZeroBounce's URL holds the key.
    for noisy in ("httpx", "httpcore", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # while the database is away it logs a traceback every few seconds; each of our loops says so in one line
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one part of the service, for example ``poller`` or ``worker``."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
