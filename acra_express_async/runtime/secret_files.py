"""Secrets in files (``<NAME>_FILE``) may be rotated while the service runs: after a refusal the file is read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from acra_express_async import logs
from acra_express_async.models import Provider
from acra_express_async.settings.tree import Settings

log = logs.logger("secrets")

READ_AGAIN_SECONDS = 60.0
"""A file is read again at most once in this time."""


class Secret:
    """One secret: its current value, and the file that may hold a newer one.

    Args:
        value: the value in the settings.
        name: the setting's name, for the log.
        path: None when the value came from the environment itself, which cannot change.
        clock: monotonic seconds.
        learned: called with each new value, so that it is kept out of the log.
    """

    def __init__(
        self,
        value: str,
        *,
        name: str = "",
        path: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        learned: Callable[[str], None] = lambda _value: None,
    ) -> None:
        self._value = value
        self._name = name
        self._path = path
        self._clock = clock
        self._learned = learned
        self._read_at: float | None = None

    @property
    def value(self) -> str:
        """The value to use for the next login or call; never a part of a log line or an error."""
        return self._value

    def refused(self) -> bool:
        """Read the file again after the value was refused, at most once a minute; True if it holds a new value."""
        now = self._clock()
        if self._read_at is not None and now - self._read_at < READ_AGAIN_SECONDS:
            return False
        self._read_at = now
        return self.read_again()

    def read_again(self) -> bool:
        """Read the file now, because a person says that it was mended; True if it holds a new value."""
        if self._path is None:
            return False
        try:
            found = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as wrong:
            log.warning("secret.unreadable", setting=self._name, error=str(wrong))
            return False
        if not found or found == self._value:
            return False
        self._learned(found)
        self._value = found
        log.info("secret.renewed", setting=self._name)
        return True


def fixed(value: SecretStr | None) -> Secret | None:
    """A secret that never changes; None where the setting is not given."""
    return None if value is None else Secret(value.get_secret_value())


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets of one process; None where a setting is not given."""

    postgres_dsn: Secret
    listen_dsn: Secret | None
    jina_key: Secret | None
    zerobounce_key: Secret | None
    slack_webhook: Secret | None
    console_password: Secret | None

    @property
    def keys(self) -> dict[Provider, Secret | None]:
        """The keys of the providers that are called with one."""
        return {Provider.JINA: self.jina_key, Provider.ZEROBOUNCE: self.zerobounce_key}

    @classmethod
    def of(
        cls,
        settings: Settings,
        files: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        learned: Callable[[str], None] = lambda _value: None,
    ) -> Secrets:
        """The secrets of `settings`.

        Args:
            files: setting to path, for those that came from a file (`tree.secret_files`).
            clock: monotonic seconds.
            learned: called with every new value.
        """

        def secret(name: str, value: SecretStr | None) -> Secret | None:
            if value is None:
                return None
            path = Path(files[name]) if name in files else None
            return Secret(value.get_secret_value(), name=name, path=path, clock=clock, learned=learned)

        postgres = secret("POSTGRES_DSN", settings.postgres_dsn)
        assert postgres is not None
        return cls(
            postgres,
            secret("LISTEN_DSN", settings.listen_dsn),
            secret("JINA__API_KEY", settings.jina.api_key),
            secret("ZEROBOUNCE__API_KEY", settings.zerobounce.api_key),
            secret("SLACK__WEBHOOK_URL", settings.slack.webhook_url),
            secret("CONSOLE__PASSWORD", settings.console.password),
        )
