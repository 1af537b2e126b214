"""The configuration tree and the only reader of the environment; nothing is read at import.

Every name has the prefix ``ACRA_EXPRESS_``; groups are joined by ``__``; ``<NAME>_FILE`` names a file that contains the
value (for secrets). The platform's own names in `environment.ALIASES` are accepted without the prefix. Units are part
of the names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from acra_express_async.errors import ConfigError
from acra_express_async.models import Provider
from acra_express_async.settings import environment
from acra_express_async.settings.library_names import require_key_log
from acra_express_async.settings.quiet_hours import QuietHours


def _words(value: object) -> object:
    """`a, b` in the environment is a list; blank entries are dropped."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def _cron(value: str) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    try:
        CronSim(value, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as wrong:
        raise ValueError(f"is not a valid cron expression ({wrong})") from wrong
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as wrong:
        raise ValueError("is not a time zone of the IANA database") from wrong
    return value


def _spans(value: str) -> str:
    QuietHours.of(value)
    return value


MOST = 1_000_000_000
"""Largest figure of a count or an allowance: half of what an int column holds, far beyond any plan of a provider."""
MOST_DAYS = 3650
MOST_TENANT = 2**31 - 1
"""`tenants.tenant_id` is an int."""
SHORTEST_PASSWORD = 12
"""Characters of the console's password: guesses are slowed down for each peer, but peers may be many."""

Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DuckDuckGoSettings(_Group):
    """Search. 200 requests in any rolling hour is our own allowance; DuckDuckGo publishes no limit. Others were blocked
    at paces of a second and less; 200 an hour is one every 18 s on average, so a spacing of 3 s costs nothing."""

    base_url: BaseUrl = "https://html.duckduckgo.com"
    egress: str = Field("default", pattern=r"^[A-Za-z0-9._:-]{1,60}$")
    requests_per_hour: int = Field(200, ge=1, le=MOST)
    spacing_seconds: float = Field(3, ge=0, le=3600)
    share: Share = 1
    region: str = "sg-en"
    user_agent: str = "acra-express/1 (company data quality; contact: data-ops)"
    timeout_seconds: float = Field(10, gt=0, le=600)


class JinaSettings(_Group):
    """Reading pages. Our own allowance: 120 calls in any rolling hour and 5,000 tokens in any rolling minute."""

    base_url: BaseUrl = "https://r.jina.ai"
    api_key: SecretStr | None = None
    calls_per_hour: int = Field(120, ge=1, le=MOST)
    tokens_per_minute: int = Field(5000, ge=502, le=MOST)
    max_pages: int = Field(3, ge=1, le=10)
    tokens_per_page: int = Field(2000, ge=500, le=MOST)
    respect_robots: bool = True
    share: Share = 1
    timeout_seconds: float = Field(30, gt=0, le=600)

    @model_validator(mode="after")
    def _page_fits_the_minute(self) -> JinaSettings:
        if self.tokens_per_page + 2 > self.tokens_per_minute * self.share:
            raise ValueError(
                "TOKENS_PER_PAGE + 2 must not exceed TOKENS_PER_MINUTE x SHARE, or no page could ever be read"
            )
        return self


class ZeroBounceSettings(_Group):
    """Verification. 500 in any rolling 24 hours caps the spending of the whole platform; express takes 0.6 of it."""

    base_url: BaseUrl = "https://api.zerobounce.net"
    api_key: SecretStr | None = None
    verifications_per_day: int = Field(500, ge=1, le=MOST)
    max_per_company: int = Field(2, ge=0, le=10)
    share: Share = 0.6
    timeout_seconds: float = Field(35, gt=0, le=600)
    cache_days: int = Field(90, ge=1, le=MOST_DAYS)


class SlackSettings(_Group):
    """Alerts. The webhook decides the channel; the channel's name here is only shown, never sent."""

    webhook_url: SecretStr | None = None
    channel: str = "#data-ops-alerts"
    timeout_seconds: float = Field(5, gt=0, le=600)


class AlertSettings(_Group):
    """When the failure-ratio alert fires (more than `failure_ratio` over any rolling `window_minutes`), how long work
    that should move may stand still (`stalled_minutes`), and what a message links to (the alert's name is appended to
    `runbook_url` as an anchor)."""

    failure_ratio: float = Field(0.05, ge=0, lt=1)
    window_minutes: int = Field(30, ge=1, le=24 * 60)
    min_companies: int = Field(1, ge=1, le=MOST)
    cooldown_minutes: int = Field(30, ge=0, le=7 * 24 * 60)
    stalled_minutes: int = Field(60, ge=1, le=7 * 24 * 60)
    runbook_url: BaseUrl | None = None
    dashboard_url: str | None = None


class HttpSettings(_Group):
    """Where /metrics, /healthz and the status page listen."""

    host: str = "0.0.0.0"  # noqa: S104 - a container's probes come from outside; the runbook says so
    port: int = Field(8080, ge=0, le=65535)
    public_url: BaseUrl | None = None


def _networks(value: object) -> object:
    """`10.0.0.7, 10.1.0.0/16` as networks; host bits may be set."""
    words = _words(value)
    if not isinstance(words, list | tuple):
        return value
    try:
        return tuple(ip_network(word, strict=False) for word in words)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.7, 10.1.0.0/16") from None


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]


class ConsoleSettings(_Group):
    """Sign-in of the console; with neither a password nor a header there is none."""

    password: SecretStr | None = None
    user_header: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,100}$")
    trusted_proxies: Networks = ()

    @property
    def is_on(self) -> bool:
        """People can sign in."""
        return self.password is not None or self.user_header is not None

    @model_validator(mode="after")
    def _a_way_in_is_guarded(self) -> ConsoleSettings:
        if self.user_header is not None and not self.trusted_proxies:
            raise ValueError(
                "USER_HEADER needs TRUSTED_PROXIES: without the addresses of the proxy, anybody could write that header"
            )
        if self.password is not None and len(self.password.get_secret_value()) < SHORTEST_PASSWORD:
            raise ValueError(f"PASSWORD needs at least {SHORTEST_PASSWORD} characters; choose it at random")
        return self


class TracesSettings(_Group):
    """What traces may say; where they go is set by the standard OTEL_ variables."""

    company: bool = False


class Settings(BaseSettings):
    """Everything that an operator can set; README.md has the table. Built by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=environment.PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    postgres_dsn: SecretStr
    listen_dsn: SecretStr | None = None
    tenant_role: str = Field("acra_express", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    tenant_id: Annotated[int, Field(ge=1, le=MOST_TENANT)] | None = None
    schedule: Annotated[str, AfterValidator(_cron)] = "*/15 * * * *"
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Singapore"
    workers: int = Field(2, ge=1, le=16)
    lease_seconds: float = Field(60, gt=0, le=24 * 3600)
    heartbeat_seconds: float = Field(15, gt=0, le=6 * 3600)
    max_errors: int = Field(5, ge=1, le=MOST)
    max_crashes: int = Field(3, ge=1, le=MOST)
    batch_size: int = Field(5, ge=1, le=100)
    daily_cap: int = Field(300, ge=0, le=MOST)
    refresh_ssic: Words = ()
    refresh_terms: Words = ()
    refresh_uen_file: Path | None = None
    refresh_reserve: int = Field(100, ge=0, le=MOST)
    stand_back_while_nightly_runs: bool = True
    quiet_hours: Annotated[str, AfterValidator(_spans)] = ""
    nightly_hold_nights: int = Field(2, ge=0, le=MOST_DAYS)
    include_sole_proprietors: bool = False
    store_personal_emails: bool = False
    history_days: int = Field(400, ge=1, le=MOST_DAYS)
    recheck_days: int = Field(7, ge=0, le=MOST_DAYS)
    override_approvers: Words = ()
    drain_seconds: float = Field(25, gt=0, le=3600)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    budget_wait_seconds: float = Field(60, ge=0, le=24 * 3600)
    default_tenant_id: Annotated[int, Field(ge=0, le=MOST_TENANT)] | None = None

    duckduckgo: DuckDuckGoSettings = DuckDuckGoSettings()
    jina: JinaSettings = JinaSettings()
    zerobounce: ZeroBounceSettings = ZeroBounceSettings()
    slack: SlackSettings = SlackSettings()
    alert: AlertSettings = AlertSettings()
    http: HttpSettings = HttpSettings()
    traces: TracesSettings = TracesSettings()
    console: ConsoleSettings = ConsoleSettings()

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> Settings:
        if self.heartbeat_seconds > self.lease_seconds / 4:
            raise ValueError(
                f"HEARTBEAT_SECONDS ({self.heartbeat_seconds:g}) must be at most a quarter of LEASE_SECONDS"
                f" ({self.lease_seconds:g})"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def of(self, provider: Provider) -> DuckDuckGoSettings | JinaSettings | ZeroBounceSettings | SlackSettings:
        """The provider's own group, which is named like it."""
        group: DuckDuckGoSettings | JinaSettings | ZeroBounceSettings | SlackSettings = getattr(self, provider.value)
        return group

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - load_settings prepares it
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file: one source of truth
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - <NAME>_FILE serves every setting
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class _PreparedEnvironment(EnvSettingsSource):
    """Pydantic's environment source over a prepared mapping (aliases resolved, files read, blanks dropped)."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._values.items()}


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the environment into `Settings`.

    Args:
        environ: used instead of ``os.environ`` (tests).
        overrides: field values that take precedence over the environment.

    Raises:
        ConfigError: a name is unknown or misspelt, or its value is wrong; the sentence never contains a secret value.
    """
    source = os.environ if environ is None else environ
    require_key_log(source)
    known = environment.known_names(Settings)
    values = environment.prepared(source, known, _read_file)
    try:
        return Settings(**(_PreparedEnvironment(values)() | overrides))
    except ValidationError as wrong:
        raise ConfigError(environment.sentence(wrong)) from None


def _read_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise ConfigError(f"{name} names {path}, which cannot be read: {wrong}") from None


def secret_files(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name without prefix to path, for each setting whose value is in a file; see runtime.secret_files."""
    source = os.environ if environ is None else environ
    return environment.files(source, environment.known_names(Settings))


def ignored_names(environ: Mapping[str, str] | None = None) -> list[str]:
    """Names with our prefix that Kubernetes injects for a Service called acra-express; each is logged once."""
    source = os.environ if environ is None else environ
    return environment.injected_by_kubernetes(source, environment.known_names(Settings))


def uses_platforms_webhook(environ: Mapping[str, str] | None = None) -> bool:
    """Whether alerts go to the nightly's channel because only the unprefixed SLACK_WEBHOOK_URL is set."""
    source = os.environ if environ is None else environ
    ours = (f"{environment.PREFIX}SLACK__WEBHOOK_URL{suffix}" for suffix in ("", "_FILE"))
    return bool(source.get("SLACK_WEBHOOK_URL")) and not any(source.get(name) for name in ours)


def secrets_of(settings: Settings) -> list[str]:
    """Strings that must never appear in a log: keys, the webhook's URL, the console's password, those in both DSNs."""
    return [part for secret in _secrets_in(settings) for part in secret_parts(secret.get_secret_value())]


def _secrets_in(group: BaseModel) -> Iterator[SecretStr]:
    """Every secret of the tree, so that a new one is kept out of the log without being named anywhere."""
    for _name, value in group:
        if isinstance(value, SecretStr):
            yield value
        elif isinstance(value, BaseModel):
            yield from _secrets_in(value)


def secret_parts(value: str) -> list[str]:
    """The secret strings in a value: the passwords of a DSN, otherwise the whole value."""
    if not value.startswith(("postgres://", "postgresql://")):
        return [value]
    parts = urlsplit(value)
    found = [parts.password, unquote(parts.password)] if parts.password else []
    return found + [secret for name, secret in parse_qsl(parts.query) if "password" in name]
