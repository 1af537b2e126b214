"""Settings from the environment as operators write it: defaults, aliases, files, misspellings and their messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from acra_express_async.errors import ConfigError
from acra_express_async.settings.tree import Settings, ignored_names, load_settings, secrets_of

DSN = {"POSTGRES_DSN": "postgresql://svc:pa%40ss-w0rd@db:5432/platform"}


def test_defaults_are_the_documented_ones() -> None:
    settings = load_settings(DSN)
    assert (settings.schedule, settings.timezone, settings.workers) == ("*/15 * * * *", "Asia/Singapore", 2)
    assert (settings.batch_size, settings.daily_cap, settings.recheck_days) == (5, 300, 7)
    assert (settings.duckduckgo.requests_per_hour, settings.duckduckgo.spacing_seconds) == (200, 3)
    assert (settings.jina.calls_per_hour, settings.jina.tokens_per_minute) == (120, 5000)
    assert (settings.jina.max_pages, settings.jina.tokens_per_page) == (3, 2000)
    assert (settings.zerobounce.verifications_per_day, settings.zerobounce.share) == (500, 0.6)
    assert (settings.lease_seconds, settings.heartbeat_seconds, settings.drain_seconds) == (60, 15, 25)
    assert settings.stand_back_while_nightly_runs
    assert not settings.include_sole_proprietors


def test_an_empty_value_means_the_default() -> None:
    assert load_settings(DSN | {"ACRA_EXPRESS_WORKERS": "", "ACRA_EXPRESS_JINA__API_KEY_FILE": ""}).workers == 2


def test_the_prefixed_name_wins_over_the_unprefixed_one() -> None:
    both = DSN | {"ACRA_EXPRESS_POSTGRES_DSN": "postgresql://other/x", "JINA_API_KEY": "jina_abc"}
    settings = load_settings(both)
    assert settings.postgres_dsn.get_secret_value() == "postgresql://other/x"
    assert settings.jina.api_key is not None
    assert settings.jina.api_key.get_secret_value() == "jina_abc"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("zb-key\n")
    settings = load_settings(DSN | {"ACRA_EXPRESS_ZEROBOUNCE__API_KEY_FILE": str(file)})
    assert settings.zerobounce.api_key is not None
    assert settings.zerobounce.api_key.get_secret_value() == "zb-key"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, r"ACRA_EXPRESS_POSTGRES_DSN is not set \(nor POSTGRES_DSN\)"),
        (DSN | {"ACRA_EXPRESS_BATCHSIZE": "5"}, "unknown setting ACRA_EXPRESS_BATCHSIZE; did you mean .*BATCH_SIZE"),
        (DSN | {"ACRA_EXPRESS_JINA__CALLS": "5"}, "unknown setting ACRA_EXPRESS_JINA__CALLS"),
        (DSN | {"ACRA_EXPRESS_WORKERS": "two"}, "ACRA_EXPRESS_WORKERS: .*integer"),
        (DSN | {"ACRA_EXPRESS_WORKERS": "17"}, "ACRA_EXPRESS_WORKERS: .*less than or equal to 16"),
        (
            DSN | {"ACRA_EXPRESS_DAILY_CAP": "1" + "0" * 30},
            "ACRA_EXPRESS_DAILY_CAP: .*less than or equal to 1000000000",
        ),
        (DSN | {"ACRA_EXPRESS_TENANT_ID": "2147483648"}, "ACRA_EXPRESS_TENANT_ID: .*less than or equal to 2147483647"),
        (DSN | {"ACRA_EXPRESS_LEASE_SECONDS": "inf"}, "ACRA_EXPRESS_LEASE_SECONDS: .*less than or equal to 86400"),
        (DSN | {"ACRA_EXPRESS_LEASE_SECONDS": "nan"}, "ACRA_EXPRESS_LEASE_SECONDS: "),
        (DSN | {"ACRA_EXPRESS_RECHECK_DAYS": "999999999"}, "ACRA_EXPRESS_RECHECK_DAYS: .*less than or equal to 3650"),
        (DSN | {"ACRA_EXPRESS_SCHEDULE": "whenever"}, "ACRA_EXPRESS_SCHEDULE: is not a valid cron expression"),
        (DSN | {"ACRA_EXPRESS_TIMEZONE": "Asia/Nowhere"}, "ACRA_EXPRESS_TIMEZONE: is not a time zone"),
        (DSN | {"ACRA_EXPRESS_HEARTBEAT_SECONDS": "20"}, r"HEARTBEAT_SECONDS \(20\) must be at most a quarter of"),
        (DSN | {"ACRA_EXPRESS_JINA__BASE_URL": "r.jina.ai"}, "JINA__BASE_URL: must begin with http"),
        (DSN | {"ACRA_EXPRESS_JINA__TOKENS_PER_PAGE": "5000"}, "TOKENS_PER_PAGE . 2 must not exceed TOKENS_PER_MINUTE"),
        (DSN | {"ACRA_EXPRESS_TENANT_ROLE": 'x"; DROP'}, "ACRA_EXPRESS_TENANT_ROLE: .*pattern"),
        (DSN | {"ACRA_EXPRESS_JINA__API_KEY_FILE": "/nowhere/key"}, "JINA__API_KEY_FILE names /nowhere/key, which"),
    ],
)
def test_an_invalid_setting_is_named(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_settings(environ)


def test_an_error_never_contains_a_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(DSN | {"ACRA_EXPRESS_WORKERS": "hunter2-hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_value_and_a_file_together_are_refused(tmp_path: Path) -> None:
    environ = DSN | {"ACRA_EXPRESS_JINA__API_KEY": "a", "ACRA_EXPRESS_JINA__API_KEY_FILE": str(tmp_path / "x")}
    with pytest.raises(
        ConfigError, match="both ACRA_EXPRESS_JINA__API_KEY and ACRA_EXPRESS_JINA__API_KEY_FILE are set"
    ):
        load_settings(environ)


def test_variables_injected_by_kubernetes_are_ignored() -> None:
    injected = {
        "ACRA_EXPRESS_PORT": "tcp://10.0.0.1:8080",
        "ACRA_EXPRESS_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "ACRA_EXPRESS_PORT_8080_TCP_ADDR": "10.0.0.1",
        "ACRA_EXPRESS_SERVICE_HOST": "10.0.0.1",
        "ACRA_EXPRESS_SERVICE_PORT_HTTP": "8080",
    }
    assert load_settings(DSN | injected).http.port == 8080
    assert ignored_names(DSN | injected) == sorted(injected)


def test_secrets_are_known_to_the_redactor() -> None:
    settings = load_settings(DSN | {"JINA_API_KEY": "jina_abc", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x"})
    assert set(secrets_of(settings)) == {"jina_abc", "https://hooks.slack.com/x", "pa%40ss-w0rd", "pa@ss-w0rd"}


def test_the_redactor_knows_every_secret_setting() -> None:
    named = {
        f"ACRA_EXPRESS_{name}": f"secret-{name.lower()}"
        for name, annotation in _leaves(Settings)
        if "SecretStr" in str(annotation) and name != "POSTGRES_DSN"
    }
    assert len(named) >= 5
    assert set(named.values()) <= set(secrets_of(load_settings(DSN | named)))


def _leaves(group: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field.annotation
