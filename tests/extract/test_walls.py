"""Whether a page can be worked with is judged by what it says, not by Reader's CAPTCHA warning."""

from __future__ import annotations

import pytest

from acra_express_async.extract.walls import blocked_by
from acra_express_async.models import Link, Page

HOME = "https://orchidhardware.sg/"
WARNING = "This page maybe requiring CAPTCHA, please make sure you are authorized to access this page."
CLOUDFLARE = """www.orchidhardware.sg needs to review the security of your connection before proceeding.
Verify you are human by completing the action below. Ray ID: 8a1b2c3d4e5f6789
Performance & security by Cloudflare"""


def test_a_short_contact_page_with_a_captcha_form_is_a_page() -> None:
    text = "# Contact\n\nTel 6741 1100\n\nName Email Message\n\nI'm not a robot\n\nSend"
    assert blocked_by(Page(f"{HOME}contact", "Contact", text, warning=WARNING)) == ""
    mail = "# Contact\n\nsales@orchidhardware.sg\n\nPlease complete the captcha"
    assert blocked_by(Page(f"{HOME}contact", "Contact", mail, warning=WARNING)) == ""
    place = "Find us\n\n10 Kaki Bukit Avenue 4 Singapore 415874\n\nSecurity check"
    assert blocked_by(Page(f"{HOME}contact", "Contact", place, warning=WARNING)) == ""


def test_a_short_page_of_a_site_with_a_menu_is_a_page() -> None:
    menu = tuple(Link(name, f"{HOME}{name}") for name in ("bolts", "nuts", "contact"))
    assert blocked_by(Page(HOME, "Orchid", "Orchid", links=menu, warning=WARNING)) == ""
    assert blocked_by(Page(HOME, "Orchid", "Loading", links=menu)) == ""


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Just a moment...", CLOUDFLARE),
        ("Orchid Hardware", "Checking your browser before accessing orchidhardware.sg"),
        ("Access Denied", "You don't have permission to access this server. Reference #18.6412c117"),
        ("Pardon Our Interruption", "As you were browsing something made us think you were a bot."),
        ("orchidhardware.sg", "Request unsuccessful. Incapsula incident ID: 877000310123456789-12"),
        ("Sucuri WebSite Firewall", "Sucuri Website Firewall - Access Denied. Questions: cloudproxy@sucuri.net"),
    ],
)
def test_a_bot_check_is_a_wall(title: str, text: str) -> None:
    assert blocked_by(Page(HOME, title, text)) == "captcha"


def test_the_warning_counts_where_nothing_else_is_said() -> None:
    assert blocked_by(Page(HOME, "Verify", "# Verify\n\nOne step more", warning=WARNING)) == "captcha"
    words = "Orchid Hardware has sold bolts and nuts to the shipyards of Tuas since 1978"
    assert blocked_by(Page(HOME, "Orchid Hardware", words, warning=WARNING)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Loading...",
        "You need to enable JavaScript to run this app.",
        "# Orchid Hardware\n\nPlease wait",
    ],
)
def test_a_page_before_its_scripts_have_run_says_nothing(text: str) -> None:
    assert blocked_by(Page(HOME, "Orchid Hardware", text)) == "script"


def test_a_long_page_may_contain_any_of_the_words() -> None:
    text = "We install gates. Access denied to strangers. " * 60
    assert blocked_by(Page(HOME, "Access denied", text, warning=WARNING)) == ""
