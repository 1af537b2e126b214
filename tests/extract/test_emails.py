from __future__ import annotations

import pytest

from acra_express_async.extract.emails import emails_in, is_unusable
from acra_express_async.extract.mail_forms import decoded_cloudflare
from acra_express_async.extract.mail_ranking import emails_of
from acra_express_async.extract.reading_plan import names_for
from acra_express_async.models import Company, CompanyId, EmailKind, Link, Page


def addresses(text: str) -> list[str]:
    return [seen.address for seen in emails_in(Page("https://x.com.sg/contact", "", text))]


def coded(address: str, key: int = 0x2F) -> str:
    return f"{key:02x}" + "".join(f"{byte ^ key:02x}" for byte in address.encode())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("info@x.com.sg", ["info@x.com.sg"]),
        ("INFO@X.COM.SG.", ["info@x.com.sg"]),
        ("<info@x.com.sg>, sales@x.com.sg/hr@x.com.sg", ["info@x.com.sg", "sales@x.com.sg", "hr@x.com.sg"]),
        ("**info@x.com.sg** _sales@x.com.sg_", ["info@x.com.sg", "sales@x.com.sg"]),
        ("info(at)x.com.sg", ["info@x.com.sg"]),
        ("info [at] x [dot] com [dot] sg", ["info@x.com.sg"]),
        ("info{at}orchid{dot}com", ["info@orchid.com"]),
        ("enquiry(@)orchid.com", ["enquiry@orchid.com"]),
        ("info(a)orchid.com", ["info@orchid.com"]),
        ("info at orchid dot com dot sg", ["info@orchid.com.sg"]),
        ("INFO AT ORCHID.COM.SG", ["info@orchid.com.sg"]),
        ("info_at_orchid_dot_com", ["info@orchid.com"]),
        ("namaste(at)bluelotus·sg", ["namaste@bluelotus.sg"]),
        ("a@orchid·com·sg · b@orchid.com", ["a@orchid.com.sg", "b@orchid.com"]),
        ("sales @ x.com.sg", ["sales@x.com.sg"]),
        ("i n f o @ o r c h i d . c o m . s g", ["info@orchid.com.sg"]),
        ("info＠orchid．com．sg", ["info@orchid.com.sg"]),
        ("info&#64;x.com.sg", ["info@x.com.sg"]),
        ("[mail](mailto:book%40x.com.sg?subject=Hi%20there)", ["book@x.com.sg"]),
        ("sales@x.com.sgHotline 67411100", ["sales@x.com.sg"]),
        ("info@orchid.comTel 67411100", ["info@orchid.com"]),
        ("67411100info@orchid.com", ["info@orchid.com"]),
        ("Emailsales@orchid.com", ["sales@orchid.com"]),
        ("邮箱info@x.com.sg微信x", ["info@x.com.sg"]),
        ("Write to info@orchid.com. We answer.", ["info@orchid.com"]),
        ("INFO@ORCHID.COM.SG. TEL. 6741 1100", ["info@orchid.com.sg"]),
        ("INFO @ ORCHID . COM . SG. Fax 6741 1101", ["info@orchid.com.sg"]),
        ("grow@NOSPAMorchid.com", ["grow@orchid.com"]),
    ],
)
def test_finds_printed_addresses(text: str, found: list[str]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "meet us at dbs.com",
        "VISIT US AT DBS.COM",
        "Find us @ facebook.com/x",
        "EXPRESS MART @ MARINA",
        "logo@2x.png hero-banner@3x.webp whatsapp@0.5x.png",
        "bootstrap@5.1.3/dist swiper@8.4.5 vue@3.4.21",
        "4f1c9e8b7a6d4c3fb2a1908f7e6d5c4b@o447951.ingest.sentry.io",
        "605a7baede844d278b89dc95ae0a9123@sentry-next.wixpress.com",
        "your-name@example.com name@domain.com name@gmail.com",
        "no-reply@x.com.sg donotreply@x.com.sg postmaster@x.com.sg",
        "feedback@mom.gov.sg",
        "[email\u00a0protected]",
        "іnfo@x.com.sg",  # starts with a Cyrillic letter, so it differs from its ASCII tail
        "info@xn",
        "@x.com.sg",
    ],
)
def test_rejects_texts_that_only_look_like_addresses(text: str) -> None:
    assert addresses(text) == []


def test_decodes_cloudflare_codes_in_text_and_links() -> None:
    assert decoded_cloudflare(coded("care@x.com.sg")) == "care@x.com.sg"
    assert decoded_cloudflare("zz") == ""
    text = f"use [[email protected]](/cdn-cgi/l/email-protection#{coded('care@x.com.sg')}) now"
    assert addresses(text) == ["care@x.com.sg"]
    page = Page(
        "https://x.com.sg/", "", "", (Link("", f"https://x.com.sg/cdn-cgi/l/email-protection#{coded('a@x.sg')}"),)
    )
    assert [seen.address for seen in emails_in(page)] == ["a@x.sg"]


def test_an_example_domain_is_accepted_on_its_own_site() -> None:
    page = Page("https://acme.com/", "", "info@acme.com")
    assert not emails_in(page)
    assert [seen.address for seen in emails_in(page, own_domain="acme.com")] == ["info@acme.com"]


COMPANY = Company(CompanyId(1), "201201234X", "ORCHID HARDWARE (YISHUN) PTE. LTD.")


def ranked(contact: str, home: str = "", company: Company = COMPANY) -> list[str]:
    pages = [
        Page("https://orchidhardware.com.sg/", "", home),
        Page("https://orchidhardware.com.sg/contact", "", contact),
    ]
    return [mail.address for mail in emails_of(pages, "orchidhardware.com.sg", company, names_for(company))]


def test_general_mailboxes_come_before_departments_and_people() -> None:
    text = """dpo@orchidhardware.com.sg careers@orchidhardware.com.sg marketing@orchidhardware.com.sg
    support@orchidhardware.com.sg Ms Jasmine jasmine.tan@orchidhardware.com.sg enquiry@orchidhardware.com.sg"""
    assert [address.split("@")[0] for address in ranked(text)] == [
        "enquiry",
        "support",
        "marketing",
        "jasmine.tan",
        "careers",
        "dpo",
    ]


def test_the_address_of_the_registered_branch_comes_first() -> None:
    text = "bedok@orchidhardware.com.sg\nyishun@orchidhardware.com.sg\nclementi@orchidhardware.com.sg"
    assert ranked(text)[0] == "yishun@orchidhardware.com.sg"


@pytest.mark.parametrize(
    "text",
    [
        "info@orchidhardware.com.sg\n\nWebsite by Pixel Peak studio@pixelpeak.sg",
        "info@orchidhardware.com.sg\n\nDesigned and developed by Pixel Peak, hello@pixelpeak.com",
        "info@orchidhardware.com.sg our partners: sales@brandx.com",
        'info@orchidhardware.com.sg\n\n"Great!" - Joanna joanna88@gmail.com',
        "info@orchidhardware.com.sg or help@recordowl.com",
    ],
)
def test_addresses_of_third_parties_are_dropped(text: str) -> None:
    assert ranked(text) == ["info@orchidhardware.com.sg"]


@pytest.mark.parametrize(
    "text",
    [
        "Email: sales@orchidgroup.com",  # another domain of the same brand
        "Email: orchid@singnet.com.sg",  # a mailbox at an internet provider, in the contact block
        "Tel 67411100 Email: sales@ohpl.com",  # an unrelated domain, but the only address on the contact page
    ],
)
def test_addresses_on_other_domains_of_the_brand_are_kept(text: str) -> None:
    assert len(ranked(text)) == 1


def test_addresses_are_classified_as_person_role_or_freemail() -> None:
    text = "farah@orchidhardware.com.sg info@orchidhardware.com.sg Email: orchidhardware@gmail.com"
    pages = [Page("https://orchidhardware.com.sg/contact", "", text)]
    kinds = {m.address: m.kind for m in emails_of(pages, "orchidhardware.com.sg", COMPANY, names_for(COMPANY))}
    assert kinds == {
        "farah@orchidhardware.com.sg": EmailKind.PERSON,
        "info@orchidhardware.com.sg": EmailKind.ROLE,
        "orchidhardware@gmail.com": EmailKind.FREEMAIL,
    }


def test_an_address_described_as_old_comes_last() -> None:
    text = "Our old email was info@orchidhardware.com.sg; use care@orchidhardware.com.sg"
    assert ranked(text)[0] == "care@orchidhardware.com.sg"


@pytest.mark.parametrize("local", ["alerts-noreply", "team.no-reply", "comments_noreply", "majordomo", "devnull"])
def test_a_mailbox_that_nobody_reads_is_dropped(local: str) -> None:
    assert is_unusable(f"{local}@brightway.com.sg")
