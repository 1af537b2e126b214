"""The pages of html.duckduckgo.com: results, three "no results" forms, the landing page, and changed markup."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Literal

from acra_express_async.sandbox.markup import fragments
from acra_express_async.sandbox.markup.fragments import Ad, LinkForm, Listing, href, marked, shown

NoResult = Literal["eof", "message", "past_end"]
"""Genuine pages without results: a placeholder entry for Google (2025), a message (2026), past the last page."""

NO_RESULTS: tuple[NoResult, ...] = ("eof", "message", "past_end")

_ICONS = "\n".join(
    f'  <link id="icon{size}" rel="apple-touch-icon" sizes="{size}x{size}"'
    f' href="//duckduckgo.com/assets/icons/meta/DDG-iOS-icon_{size}x{size}.png?v=2"/>'
    for size in (60, 76, 120, 152)
)
_HEAD = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">

<!--[if IE 6]><html class="ie6" xmlns="http://www.w3.org/1999/xhtml"><![endif]-->
<!--[if gt IE 8]><!--><html xmlns="http://www.w3.org/1999/xhtml"><!--<![endif]-->
<head>
  <meta http-equiv="content-type" content="text/html; charset=UTF-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1.0, maximum-scale=3.0, user-scalable=1" />
  <meta name="referrer" content="origin" />
  <meta name="robots" content="noindex, nofollow" />
  <title>{title}</title>
  <link title="DuckDuckGo (HTML)" type="application/opensearchdescription+xml" rel="search" \
href="//duckduckgo.com/opensearch_html_v2.xml" />
{icons}
  <link rel="stylesheet" media="handheld, all" href="//duckduckgo.com/dist/h.0d389dd02de7e1030cde.css" type="text/css"/>
</head>

<body class="body--html">
  <a name="top" id="top"></a>

  <form action="/html/" method="post">
    <input type="text" name="state_hidden" id="state_hidden" />
  </form>

  <div>
    <div class="site-wrapper-border"></div>

    <div id="header" class="header cw header--html">
        <a title="DuckDuckGo" href="/html/" class="header__logo-wrap"></a>

    <form name="x" class="header__form" action="/html/" method="post">

      <div class="search search--header">
          <input name="q" autocomplete="off" class="search__input" id="search_form_input_homepage" type="text" \
value="{query}" />
          <input name="b" id="search_button_homepage" class="search__button search__button--html" value="" \
title="Search" alt="Search" type="submit" />
      </div>

    <div class="frm__select">
      <select name="kl">
{regions}
      </select>
    </div>

    <div class="frm__select frm__select--last">
      <select class="" name="df">
{periods}
      </select>
    </div>

    </form>

    </div>

"""
_FOOT = """
    </div>
  </div>

    <div id="bottom_spacing2"></div>

      <img src="//duckduckgo.com/t/sl_h"/>

</body>
</html>
"""
_OPEN_RESULTS = """
<!-- Web results are present -->

  <div>
  <div class="serp__results">
  <div id="links" class="results">
"""
_CLOSE_RESULTS = """
        <div class=" feedback-btn">
            <a rel="nofollow" href="//duckduckgo.com/feedback.html" target="_new">Feedback</a>
        </div>
        <div class="clear"></div>
  </div>
  </div> <!-- links wrapper //-->
"""


def html_results(
    query: str,
    listings: Sequence[Listing],
    *,
    form: LinkForm = "direct",
    ad: Ad | None = None,
    box: Listing | None = None,
    region: str = "",
    offset: int = 10,
) -> str:
    """A page of results in the provider's markup.

    Args:
        query: the search terms as sent.
        listings: the organic results, in order.
        form: the form of every link.
        ad: shown first, with the link class of a result.
        box: a zero-click box above the results; not a result.
        region: value of ``kl``.
        offset: ``s`` of the next page's form.
    """
    entries = [_ad(ad, form)] if ad else []
    entries += [_result(listing, query, form) for listing in listings]
    more = "\n          ".join(fragments.next_page_fields(query, offset, region, " /"))
    forward = f"""
                <div class="nav-link">
        <form action="/html/" method="post">
          <input type="submit" class='btn btn--alt' value="Next" />
          {more}
        </form>
                </div>
"""
    return _page(query, region, (_box(box) if box else "") + _OPEN_RESULTS + "".join(entries) + forward)


def html_no_results(query: str, variant: NoResult, *, region: str = "") -> str:
    """One of the three genuine "nothing found" pages, all with status 200."""
    words = html.escape(query)
    google = Listing("EOF", f"http://www.google.com/search?hl=en&q={query.replace(' ', '+')}")
    said = {
        "eof": '<div class="no-results"></div>',
        "message": (
            '<span class="no-results"><div class="no-results__message">'
            f"<h1>No results found for <b>{words}</b>.</h1></div></span>"
        ),
        "past_end": '<div class="no-results">No more results.</div>',
    }[variant]
    nothing = f"""
            <div class="result results_links results_links_deep web-result result--no-result">

          <div class="links_main links_deep result__body"> <!-- This is the visible part -->

          <h2 class="result__title">

          </h2>

            {said}

            <div class="result__extras">
                <div class="result__extras__url">
                  <span class="result__icon">
                  </span>

                  <a class="result__url" href="">

                  </a>
                </div>
            </div>

            <div class="clear"></div>
          </div>

        </div>
"""
    return _page(
        query, region, _OPEN_RESULTS + (_result(google, query, "direct") if variant == "eof" else "") + nothing
    )


def html_landing() -> str:
    """The answer to a request without a query: the form, without results and without a no-result marker."""
    return _head("", "", "DuckDuckGo") + _FOOT


def html_changed_markup(query: str, listings: Sequence[Listing]) -> str:
    """The same results under unknown class names; a parser must report this instead of "no results"."""
    cards = "".join(
        f'<article class="serp-card"><h3><a class="serp-card__link" href="{href(listing.url, "direct")}">'
        f"{html.escape(listing.title)}</a></h3><p>{marked(listing.snippet, query)}</p></article>\n"
        for listing in listings
    )
    return _head(query, "", f"{query} at DuckDuckGo") + f'<main class="serp-v2">\n{cards}</main>' + _FOOT


def _head(query: str, region: str, title: str) -> str:
    return _HEAD.format(
        title=html.escape(title),
        icons=_ICONS,
        query=html.escape(query, quote=True),
        regions=fragments.options(fragments.REGIONS, region or None),
        periods=fragments.options(fragments.PERIODS, ""),
    )


def _page(query: str, region: str, body: str) -> str:
    return _head(query, region, f"{query} at DuckDuckGo") + body + _CLOSE_RESULTS + _FOOT


def _result(listing: Listing, query: str, form: LinkForm) -> str:
    link, host = href(listing.url, form), shown(listing.url).split("/")[0]
    dated = f"<span>&nbsp; &nbsp; {listing.dated}T00:00:00.0000000</span>" if listing.dated else ""
    snippet = (
        f'<a class="result__snippet" href="{link}">{marked(listing.snippet, query)}</a>' if listing.snippet else ""
    )
    return f"""
            <div class="result results_links results_links_deep web-result ">

          <div class="links_main links_deep result__body"> <!-- This is the visible part -->

          <h2 class="result__title">

            <a rel="nofollow" class="result__a" href="{link}">{html.escape(listing.title)}</a>

          </h2>

            <div class="result__extras">
                <div class="result__extras__url">
                  <span class="result__icon">

                      <a rel="nofollow" href="{link}">
                        <img class="result__icon__img" width="16" height="16" alt=""
                          src="//external-content.duckduckgo.com/ip3/{host}.ico" name="i15" />
                      </a>

                  </span>

                  <a class="result__url" href="{link}">
                  {shown(listing.url)}
                  </a>

                  {dated}

                </div>
            </div>

                  {snippet}

            <div class="clear"></div>
          </div>

        </div>
"""


def _ad(ad: Ad, form: LinkForm) -> str:
    link = href(ad.url, form)
    return f"""
            <div class="result results_links results_links_deep result--ad ">
          <div class="links_main links_deep result__body">
          <h2 class="result__title">
            <a rel="nofollow" class="result__a" href="{link}">{html.escape(ad.title)}</a>
          </h2>
            <div class="badge--ad-wrap"><button type="button" class="badge--ad">Ad</button></div>
            <div class="result__extras">
                <div class="result__extras__url">
                  <a class="result__url" href="{link}">{html.escape(ad.host)}</a>
                </div>
            </div>
                  <a class="result__snippet" href="{link}">{html.escape(ad.snippet)}</a>
            <div class="clear"></div>
          </div>
        </div>
"""


def _box(box: Listing) -> str:
    return f"""
<div class="zci-wrapper">
  <div class="zci">
    <h1 class="zci__heading"><a rel="nofollow" href="{href(box.url, "direct")}">{html.escape(box.title)}</a></h1>
    <div class="zci__result" id="zero_click_abstract">{html.escape(box.snippet)}
      <a rel="nofollow" href="{href(box.url, "direct")}">More at Wikipedia</a></div>
  </div>
</div>
"""
