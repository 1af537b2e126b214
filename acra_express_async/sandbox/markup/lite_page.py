"""The pages of lite.duckduckgo.com: a table with single-quoted classes and four sibling rows per result."""

from __future__ import annotations

import html
from collections.abc import Sequence

from acra_express_async.sandbox.markup import fragments
from acra_express_async.sandbox.markup.fragments import Ad, LinkForm, Listing, href, marked, shown

_HEAD = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">
<html>

<head>
  <meta http-equiv="content-type" content="text/html; charset=UTF-8">
  <meta name="viewport" content="width=device-width, initial-scale=1.0, maximum-scale=3.0, user-scalable=1;">
  <meta name="referrer" content="origin">
  <meta name="robots" content="noindex, nofollow" />
  <title>{title}</title>
  <link title="DuckDuckGo (Lite)" type="application/opensearchdescription+xml" rel="search" \
href="//duckduckgo.com/opensearch_lite_v2.xml">
  <link rel="stylesheet" media="handheld, all" href="//duckduckgo.com/dist/lr.48ddfe4eadf6a534e93f.css" \
type="text/css"/>
</head>

<body>
  <p class='extra'>&nbsp;</p>
  <div class="header">
    DuckDuckGo
  </div>
  <p class='extra'>&nbsp;</p>

  <form action="/lite/" method="post">
      <input class='query' type="text" size="40" name="q" value="{query}">
      <input class='submit' type="submit" value="Search">

      <div class="filters">
        <select class="submit" name="kl">
{regions}
        </select>

        <select class="submit" name="df">
{periods}
        </select>
      </div>
  </form>

    <p class="extra">&nbsp;</p>
"""
_FOOT = """
  <p class='extra'>&nbsp;</p>

    <img src="//duckduckgo.com/t/sl_l"/>

  <div id='end-spacer'>&nbsp;</div>

</body>
</html>
"""
_SPACER = """
            <tr>
              <td>&nbsp;</td>
              <td>&nbsp;</td>
            </tr>
"""


def lite_results(
    query: str,
    listings: Sequence[Listing],
    *,
    form: LinkForm = "wrapped",
    ad: Ad | None = None,
    region: str = "",
    offset: int = 10,
) -> str:
    """A page of results, with a next-page form above and below; the numbering counts the ad."""
    forward = _next_form(query, offset, region)
    entries = [_ad_rows(ad, form)] if ad else []
    first = len(entries) + 1
    entries += [_rows(number, listing, query, form) for number, listing in enumerate(listings, first)]
    return (
        _head(query, region)
        + f'    <table border="0">\n      <tr>\n        <td></td>\n        <td>{forward}</td>\n      </tr>\n'
        + "    </table>\n"
        + '\n  <table border="0">\n      <!-- Web results are present -->\n'
        + "".join(entries)
        + f"      <tr>\n        <td colspan=2>{forward}</td>\n      </tr>\n  </table>\n"
        + _FOOT
    )


def lite_no_results(query: str, *, past_end: bool = False, region: str = "") -> str:
    """The page that says "No results." (or "No more results.") in a separate row."""
    said = "No more results." if past_end else "No results."
    row = (
        f"      <tr>\n        <td>&nbsp;&nbsp;&nbsp;</td>\n        <td>\n          {said}\n        </td>\n      </tr>\n"
    )
    return _head(query, region) + f'  <table border="0">\n{row}  </table>\n' + _FOOT


def _head(query: str, region: str) -> str:
    return _HEAD.format(
        title=html.escape(f"{query} at DuckDuckGo"),
        query=html.escape(query, quote=True),
        regions=fragments.options(fragments.REGIONS, region or None),
        periods=fragments.options(fragments.PERIODS, ""),
    )


def _next_form(query: str, offset: int, region: str) -> str:
    hidden = "\n    ".join(fragments.next_page_fields(query, offset, region, ""))
    return f"""
<form class="next_form" action="/lite/" method="post">
    <input type="submit" class='navbutton' value="Next Page &gt;">
    {hidden}
</form>
"""


def _rows(number: int, listing: Listing, query: str, form: LinkForm) -> str:
    title, link = html.escape(listing.title), href(listing.url, form)
    snippet = f"""
                <!-- Only show abstract separately if there's a click URL (not EOF) -->
                <tr>
                  <td>&nbsp;&nbsp;&nbsp;</td>
                  <td class='result-snippet'>
                    {marked(listing.snippet, query)}
                  </td>
                </tr>
"""
    dated = f"<span class='timestamp'>{listing.dated}T00:00:00.0000000</span>" if listing.dated else ""
    return (
        f"""
            <tr>
                <td valign="top">
                    {number}.&nbsp;
                </td>
                <td>
                  <a rel="nofollow" href="{link}" class='result-link'>{title}</a>
                </td>
            </tr>
"""
        + (snippet if listing.snippet else "")
        + f"""
              <tr>
                <td>&nbsp;&nbsp;&nbsp;</td>
                <td>
                  <span class='link-text'>{shown(listing.url)}</span>
                  {dated}
                </td>
              </tr>
"""
        + _SPACER
    )


def _ad_rows(ad: Ad, form: LinkForm) -> str:
    help_page = "https://duckduckgo.com/duckduckgo-help-pages/company/ads-by-microsoft-on-duckduckgo-private-search/"
    return f"""
            <tr class="result-sponsored">
                <td valign="top">1.&nbsp;</td>
                <td>
                  <a rel="nofollow" href="{href(ad.url, form)}" class='result-link'>{html.escape(ad.title)}</a>
                  (<a href="{help_page}" class='result-link'>more info</a>)
                </td>
            </tr>
            <tr class="result-sponsored">
              <td>&nbsp;&nbsp;&nbsp;</td>
              <td class='result-snippet'>{html.escape(ad.snippet)}</td>
            </tr>
            <tr class="result-sponsored">
              <td>&nbsp;&nbsp;&nbsp;</td>
              <td><span class='link-text'>{html.escape(ad.host)}</span></td>
            </tr>
{_SPACER}"""
