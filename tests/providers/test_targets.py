"""Which URLs may be sent to the reader."""

from __future__ import annotations

import pytest

from acra_express_async.providers.targets import RefusedTarget, checked


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://www.kopi.com.sg", "https://www.kopi.com.sg/"),
        ("http://Kopi.SG/Path?q=1#frag", "http://kopi.sg/Path?q=1"),
        ("https://kopi.sg:443/", "https://kopi.sg/"),
        ("http://kopi.sg:443/", "http://kopi.sg:443/"),
        ("https://kopi.sg./", "https://kopi.sg/"),
        ("https://咖啡.sg/菜单", "https://xn--bur6r.sg/菜单"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://８.８.８。８/", "http://8.8.8.8/"),
        ("https://咖啡。sg./", "https://xn--bur6r.sg/"),
        ("http://kopi.sg:080/", "http://kopi.sg/"),
        ("https://kopi.sg/our menu.html?a=b c", "https://kopi.sg/our%20menu.html?a=b%20c"),
        ("https://a_b.kopi.sg/?page=2&lang=en", "https://a_b.kopi.sg/?page=2&lang=en"),
    ],
)
def test_public_urls_are_accepted(url: str, sent: str) -> None:
    assert checked(url) == sent


@pytest.mark.parametrize(
    "url",
    [
        "ftp://kopi.sg/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "kopi.sg",
        "//kopi.sg/",
        "",
        "https://",
        "https:///x",
        "https://user:secret@kopi.sg/",
        "https://user@kopi.sg/",
        "https://kopi.sg@evil.example/",
        "http://localhost/",
        "http://localhost:8080/",
        "http://app.localhost/",
        "http://intranet/",
        "http://db.internal/",
        "http://printer.local/",
        "http://router.home.arpa/",
        "http://abcdefgh.onion/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://017700000001/",
        "http://10.0.0.5/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[half/",
        "https://kopi.sg:8443/",
        "https://kopi.sg:22/",
        "https://kopi.sg:99999/",
        "https://kopi.sg:x/",
        "https://ko pi.sg/",
        "https://kopi.sg/\n",
        "https://kopi.sg\\@evil.example/",
        "https://kopi.sg/\x00",
        "https://%6cocalhost/",
        "https://-kopi.sg/",
        "https://kopi..sg/",
        "https://" + "a" * 64 + ".sg/",
        "https://kopi.sg/" + "a" * 2000,
        # IDNA turns these into addresses and private names: full-width digits, other full stops, soft hyphens.
        "http://１２７.０.０.１/",
        "http://10.0.0.５/",
        "http://169.254.169。254/",
        "http://127．0．0．1/",
        "http://0x7f.１/",
        "http://127.0.0.1。/",
        "http://①②⑦.0.0.1/",
        "http://１0。0.0.1/",
        "http://ｌocalhost/",
        "http://app.ⓛocalhost/",
        "http://app.loc\u00adalhost/",
        "http://db.ｉｎternal./",
        "http://localhost.localdomain/",
        "http://127.0.0.1./",
        "http://localhost./",
        "http://2130706433./",
        "http://0177.0.0.1/",
        "http://127.0.0.0x1/",
        "http://0/",
        "http://1.1.1.1.1/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
        "http://198.18.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://kopi.sg:0/",
        "http://kopi.sg:６５/",
        "http://kopi.sg﹕22/",
        "http://kopi.sg／@evil.example/",
        "http://xn--/",
        "http://\ud800.sg/",
        "http://kopi.sg/\ud800",
        "http://咖啡..sg/",
        "https://kopi.sg/?access_token=abc",
        "https://kopi.sg/?x=1&PHPSESSID=abc",
        "https://kopi.sg/?email=a%40b.sg",
    ],
)
def test_all_other_urls_are_refused(url: str) -> None:
    with pytest.raises(RefusedTarget) as refused:
        checked(url)
    assert "secret" not in str(refused.value)
    assert url not in str(refused.value) or not url
