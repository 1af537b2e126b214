"""The simulated Reader on HTML: the effect of its options, as in the provider's open source of 2026."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sandbox.asking import read

from acra_express_async.sandbox.markup.tokens import token_count
from acra_express_async.sandbox.simulator import Fault, Options, Simulator, SimulatorClock
from acra_express_async.sandbox.world import WebPage, World

URL = "https://www.brightway.com.sg/contact/"
OUTERMOST_FOOTERS = (
    "footer,div[class*=footer i]:not(footer *):not(div[class*=footer i] *):not([class*=modal]),"
    "div[id*=footer i]:not(footer *):not(div[class*=footer i] *):not(div[id*=footer i] *)"
)
HEAD = """<html><head><title> Brightway
 Contact </title><meta property="og:description" content="Awnings since 1988"><style>p{}</style></head>"""
BODY = """<body class="page has-footer"><header><nav><ul>
<li><a href="/">Home</a></li><li><a href="/services"><div>Services</div></a>
<ul><li><a href="/a">Awnings</a></li></ul></li>
</ul></nav></header>
<main><h2>Contact  us</h2><p>Call <a href="tel:+6561234567">6123 4567</a><br>or write</p>
<p hidden>Hidden words</p><select><option>Awning</option></select><textarea>Message</textarea>
<noscript>No script</noscript>
<table><tr><td>Hours</td><td>9 to 6</td></tr></table><iframe src="/map">map</iframe></main>
<div class="site-footer"><div class="footer-widget"><p>Tel: <span>6765 4321</span></p></div>
<a href="mailto:info@brightway.com.sg"><i class="icon"></i></a><a href="https://wa.me/6591234567"><svg></svg></a>
<a href="javascript:void(0)">Top</a><a href="/">Home</a></div></body></html>"""
PAGE = HEAD + BODY


class OnePage(World):
    """A web with one page."""

    def __init__(self, page: WebPage) -> None:
        super().__init__([])
        self.only = page

    def page(self, url: str) -> WebPage:
        return self.only


class Reader:
    """A simulator whose web is one page; `read` returns the data of an answer, or its error."""

    def __init__(self, http: httpx.AsyncClient, clock: SimulatorClock) -> None:
        self._http = http
        self._clock = clock
        self.faults: list[Fault] = []
        self.waited = 0.0

    async def read(self, page: WebPage | str, *, options: Options | None = None, **headers: str) -> dict[str, Any]:
        target = page if isinstance(page, WebPage) else WebPage(URL, source=page)
        sent = {"X-" + name.replace("_", "-"): value for name, value in headers.items()}
        async with Simulator(OnePage(target), options or Options(latency_scale=0), clock=self._clock) as sim:
            for fault in self.faults:
                sim.faults.add(fault)
            answer = (await read(self._http, sim, URL, headers=sent)).json()
        return answer["data"] or answer

    async def text(self, page: WebPage | str, **headers: str) -> str:
        return str((await self.read(page, **headers))["content"])


@pytest_asyncio.fixture
async def reader(http: httpx.AsyncClient, clock: SimulatorClock) -> AsyncIterator[Reader]:
    yield Reader(http, clock)


async def test_a_page_becomes_markdown(reader: Reader) -> None:
    data = await reader.read(PAGE)
    assert data["title"] == "Brightway Contact"
    assert data["description"] == "Awnings since 1988"
    assert data["content"] == (
        "# Brightway Contact\n\n"
        "*   [Home](https://www.brightway.com.sg/)\n*   [Services](https://www.brightway.com.sg/services)\n"
        "    *   [Awnings](https://www.brightway.com.sg/a)\n\n"
        "## Contact us\n\nCall [6123 4567](tel:+6561234567)\n\nor write\n\nHidden words\n\nHours 9 to 6\n\n"
        "Tel: 6765 4321\n\n"
        "[](mailto:info@brightway.com.sg)[](https://wa.me/6591234567)[Top](javascript:void(0))"
        "[Home](https://www.brightway.com.sg/)"
    )


async def test_links_are_kept_as_asked(reader: Reader) -> None:
    assert "Call 6123 4567\n\nor write" in await reader.text(PAGE, Retain_Links="text")
    assert "](" not in await reader.text(PAGE, Retain_Links="text")
    assert "Call\n\nor write" in (await reader.text(PAGE, Retain_Links="none")).replace("Call ", "Call")
    cited = await reader.read(PAGE, Retain_Links="gpt-oss")
    assert "【2†Services】" in cited["content"]
    assert cited["links"]["2"] == "https://www.brightway.com.sg/services"
    assert await reader.text(PAGE, Retain_Links="nonsense") == await reader.text(PAGE)


async def test_a_links_summary_has_three_shapes(reader: Reader) -> None:
    unique = (await reader.read(PAGE, With_Links_Summary="false"))["links"]
    assert unique["Home"] == "https://www.brightway.com.sg/"
    assert unique[""] == "https://wa.me/6591234567"
    assert "mailto:info@brightway.com.sg" not in unique.values(), "of links with equal labels the last stays"
    assert "Top" not in unique
    numbered = (await reader.read(PAGE, With_Links_Summary="all"))["links"]
    assert numbered["0"] == "Home,https://www.brightway.com.sg/"
    assert numbered["4"] == ",mailto:info@brightway.com.sg"
    assert numbered["6"] == "Top,javascript:void(0)"
    pairs = (await reader.read(PAGE, With_Links_Summary="all", options=Options(latency_scale=0, links_form="pairs")))[
        "links"
    ]
    assert pairs[4] == ["", "mailto:info@brightway.com.sg"]
    assert [f"{label},{url}" for label, url in pairs] == list(numbered.values())


async def test_a_knob_turns_the_shape_of_the_links(reader: Reader) -> None:
    reader.faults = [Fault.of({"provider": "jina", "knob": "links_form", "value": "pairs"})]
    assert isinstance((await reader.read(PAGE, With_Links_Summary="all"))["links"], list)


async def test_target_parts_come_in_the_order_of_the_header(reader: Reader) -> None:
    data = await reader.read(PAGE, Target_Selector="main, header", With_Links_Summary="all")
    assert data["content"].startswith("## Contact us")
    assert data["content"].endswith("*   [Awnings](https://www.brightway.com.sg/a)")
    assert "# Brightway" not in data["content"]
    assert data["title"] == "Brightway Contact"
    assert next(iter(data["links"].values())) == "6123 4567,tel:+6561234567"


async def test_nested_matches_are_pulled_apart(reader: Reader) -> None:
    nested = await reader.text(PAGE, Target_Selector="div[class*=footer i]")
    assert nested.index("mailto:") < nested.index("Tel: 6765 4321")
    assert (
        await reader.text(
            '<body><footer>Tel: <span class="footer-no">6765</span> now</footer></body>',
            Target_Selector="footer, [class*=footer i]",
        )
        == "Tel:  now 6765"
    )
    outermost = await reader.text(PAGE, Target_Selector=OUTERMOST_FOOTERS)
    assert outermost.startswith("Tel: 6765 4321")


async def test_a_class_of_the_body_makes_it_a_footer(reader: Reader) -> None:
    assert "Contact us" in await reader.text(PAGE, Target_Selector="[class*=footer]")
    assert "Contact us" not in await reader.text(PAGE, Target_Selector="div[class*=footer]")


async def test_removed_parts_are_gone_from_the_links_too(reader: Reader) -> None:
    data = await reader.read(PAGE, Remove_Selector="header, .site-footer", With_Links_Summary="all")
    assert "Awnings" not in data["content"]
    assert list(data["links"].values()) == ["6123 4567,tel:+6561234567"]


async def test_a_target_that_is_nowhere_is_waited_for(
    reader: Reader, http: httpx.AsyncClient, clock: SimulatorClock
) -> None:
    error = await reader.read(PAGE, Target_Selector="#gone")
    assert (error["code"], error["status"]) == (422, 42206)
    assert "with target selector #gone" in error["message"]
    assert await waiting(http, clock, PAGE, {"X-Target-Selector": "#gone", "X-Timeout": "10"}) == 12
    assert await waiting(http, clock, PAGE, {"X-Target-Selector": "footer, main"}) == 17
    assert await waiting(http, clock, PAGE, {"X-Target-Selector": "footer,main"}) < 17


async def waiting(http: httpx.AsyncClient, clock: SimulatorClock, html: str, headers: dict[str, str]) -> float:
    """The virtual seconds of an answer when Reader's own latency is at most one second."""
    from sandbox.asking import in_virtual_time

    async with Simulator(OnePage(WebPage(URL, source=html)), Options(), clock=clock) as sim:
        sim.faults.add(Fault.of({"provider": "jina", "knob": "latency_scale", "value": 1.0}))
        before = clock.now()
        await in_virtual_time(clock, read(http, sim, URL, headers=headers))
    return clock.now() - before


FIRST = "<html><head><title>Contact</title></head><body><div id=app>Loading</div><footer></footer></body></html>"
LATE = (
    "<html><head><title>Contact</title></head><body><div id=app><p class=ready>Tel: 6123 4567</p></div>"
    "<footer>info@brightway.com.sg</footer></body></html>"
)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, "# Contact\n\nTel: 6123 4567\n\ninfo@brightway.com.sg"),
        ({"Wait_For_Selector": ".ready"}, "# Contact\n\nTel: 6123 4567\n\ninfo@brightway.com.sg"),
        ({"Wait_For_Selector": "body"}, "# Contact\n\nLoading"),
        ({"Target_Selector": "#app"}, "Loading"),
        ({"Target_Selector": "#app", "Wait_For_Selector": ".ready"}, "Tel: 6123 4567"),
        ({"Target_Selector": ".ready"}, "Tel: 6123 4567"),
    ],
)
async def test_waiting_decides_what_scripts_have_filled_in(
    reader: Reader, headers: dict[str, str], content: str
) -> None:
    assert await reader.text(WebPage(URL, source=LATE, first_source=FIRST), **headers) == content


async def test_an_empty_target_is_no_content(reader: Reader) -> None:
    error = await reader.read(WebPage(URL, source=LATE, first_source=FIRST), Target_Selector="footer")
    assert (error["code"], error["status"]) == (422, 42206)


async def test_a_cut_page_bills_its_limit_and_ends_in_mid_word(reader: Reader) -> None:
    words = " ".join(f"info{number}@brightwayawnings.com.sg" for number in range(300))
    html = f"<html><head><title>T</title></head><body><p>{words}</p></body></html>"
    whole = await reader.text(html)
    ends = []
    for limit in range(500, 540):
        data = await reader.read(html, Max_Tokens=str(limit))
        assert data["usage"]["tokens"] == limit
        assert whole.startswith(data["content"])
        assert abs(token_count(data["content"]) - limit) <= 2
        ends.append(data["content"].rsplit(" ", 1)[1])
    assert any(end.endswith(("brightwa", "brightway", ".com")) for end in ends), ends


async def test_a_captcha_word_warns_only_below_200_tokens(reader: Reader) -> None:
    form = '<form><div class="g-recaptcha"></div></form>'
    short = f"<html><head><title>T</title></head><body><p>Tel: 6123 4567</p>{form}</body></html>"
    assert "requiring CAPTCHA" in (await reader.read(short))["warning"]
    assert "warning" not in await reader.read(short, Target_Selector="p"), "only what is left is searched"
    long = short.replace("Tel:", "Words about awnings. " * 60 + "Tel:")
    assert "warning" not in await reader.read(long)
    shrunk = short.replace("Tel:", "".join(f'<a href="/page-{number}/long/address">p</a> ' for number in range(40)))
    assert "warning" not in await reader.read(shrunk)
    assert "requiring CAPTCHA" in (await reader.read(shrunk, Retain_Links="text"))["warning"]


async def test_an_iframe_is_hidden_and_told_of(reader: Reader) -> None:
    data = await reader.read(PAGE)
    assert "contains iframe" in data["warning"]
    assert "map" not in data["content"]


async def test_a_page_known_as_markdown_is_served_as_it_is(reader: Reader) -> None:
    text = "Contact\n=======\n\nTel: 6123\\_4567 [](mailto:info@brightway.com.sg) [Home](/)"
    page = WebPage(URL, title="Contact", verbatim=text)
    data = await reader.read(page, Retain_Links="text", Target_Selector="footer", With_Links_Summary="all")
    assert data["content"] == text
    assert data["title"] == "Contact"
    assert list(data["links"].values()) == [",mailto:info@brightway.com.sg", "Home,https://www.brightway.com.sg/"]


async def test_a_selector_that_is_no_css_is_a_failed_page(reader: Reader) -> None:
    error = await reader.read(PAGE, Remove_Selector="div[[")
    assert (error["code"], error["status"]) == (422, 42206)
