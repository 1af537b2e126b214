"""The HTTP client under names in the environment that httpx reads by itself: built, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from acra_express_async.errors import ConfigError
from acra_express_async.providers.http_client import http_client

SOCKS = "does not name a usable proxy: it must be a URL that begins with http:// or https://"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the host's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NO_PROXY", "localhost,127.0.0.1,[::1]", "NO_PROXY: '[::1]' is neither a host nor an address"),
        ("no_proxy", "localhost,[::1]", "no_proxy: '[::1]' is neither a host nor an address"),
        ("NO_PROXY", "localhost,fd00::/8", "NO_PROXY: 'fd00::/8' is neither a host nor an address"),
        ("ALL_PROXY", "socks5h://user:planted-pw@127.0.0.1:1080", f"ALL_PROXY {SOCKS}"),
        ("HTTPS_PROXY", "ftp://proxy.corp", f"HTTPS_PROXY {SOCKS}"),
        ("http_proxy", "http://proxy.corp:notaport", f"http_proxy {SOCKS}"),
        (
            "SSL_CERT_FILE",
            "/nope.pem",
            "SSL_CERT_FILE names /nope.pem, from which no certificates can be loaded",
        ),
        ("SSL_CERT_FILE", __file__, f"SSL_CERT_FILE names {__file__}, from which no certificates can be loaded"),
        ("SSL_CERT_DIR", "/nope", "SSL_CERT_DIR names /nope, from which no certificates can be loaded (No such file"),
    ],
)
def test_a_name_that_breaks_httpx_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        http_client()
    assert str(error.value).startswith(sentence)
    assert "planted-pw" not in str(error.value)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NO_PROXY": "localhost,127.0.0.1,.corp,10.0.0.0/8,::1,http://x", "HTTP_PROXY": "proxy.corp:3128"},
        {"NO_PROXY": "*,[::1]", "HTTPS_PROXY": "http://user:pw@proxy.corp:3128"},
        {"NO_PROXY": "", "ALL_PROXY": "", "SSL_CERT_FILE": ""},
        {"SSL_CERT_DIR": str(Path(__file__).parent)},
    ],
)
async def test_what_httpx_understands_is_left_to_it(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with http_client() as client:
        assert not client.follow_redirects


def test_what_is_not_foreseen_still_names_the_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise ValueError("something new")

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.corp:3128")
    monkeypatch.setattr(httpx, "AsyncClient", refuse)
    with pytest.raises(ConfigError, match=r"no HTTP client can be built under HTTP_PROXY \(ValueError\)"):
        http_client()
