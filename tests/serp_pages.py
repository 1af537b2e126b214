"""Pages in DuckDuckGo's markup (trailing spaces in class attributes, single quotes) with invented content."""

from __future__ import annotations


def html_result(title: str, href: str, snippet: str = "") -> str:
    shown = f'<a class="result__snippet" href="{href}">{snippet}</a>' if snippet else ""
    return f"""
      <div class="result results_links results_links_deep web-result ">
        <div class="links_main links_deep result__body">
          <h2 class="result__title">
            <a rel="nofollow" class="result__a" href="{href}">{title}</a>
          </h2>
          <div class="result__extras"><div class="result__extras__url">
            <a class="result__url" href="{href}">
              shown/address
            </a></div></div>
          {shown}
          <div class="clear"></div>
        </div>
      </div>"""


def html_page(*items: str) -> str:
    return f"""<!DOCTYPE html><html><head><title>some company at DuckDuckGo</title></head><body>
    <div class="serp__results"><div id="links" class="results">{"".join(items)}</div></div></body></html>"""


def nothing(words: str) -> str:
    return f"""
      <div class="result results_links results_links_deep web-result result--no-result">
        <div class="links_main links_deep result__body"><h2 class="result__title"></h2>{words}
          <a class="result__url" href=""></a></div></div>"""


AD = """
      <div class="result results_links results_links_deep result--ad ">
        <h2 class="result__title"><a rel="nofollow" class="result__a"
          href="https://duckduckgo.com/y.js?ad_domain=shop.example&amp;ad_provider=bingv7aa">Buy it</a></h2>
        <button class="badge--ad">Ad</button></div>"""
NO_RESULT_2026 = html_page(
    nothing('<span class="no-results"><div class="no-results__message"><h1>No results found for x</h1></div></span>')
)
EOF = html_page(
    html_result("EOF", "http://www.google.com/search?hl=en&amp;q=nothing"), nothing('<div class="no-results"></div>')
)
PAST_END = html_page(nothing('<div class="no-results">No more results.</div>'))
LITE_NONE = "<html><body><table border='0'><tr><td>&nbsp;</td><td> No results. </td></tr></table></body></html>"
CHALLENGE = """<!-- <!DOCTYPE HTML> --><!DOCTYPE html><html><body>
<form id="challenge-form" action="//duckduckgo.com/anomaly.js?sv=html&cc=sre&st=1" method="POST">
<div class="anomaly-modal__mask"><div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div>
</div></form></body></html>"""


def lite_page(*rows: tuple[str, str, str | None]) -> str:
    parts = []
    for number, (title, href, snippet) in enumerate(rows, 1):
        parts.append(
            f"""<tr><td valign="top">{number}.&nbsp;</td>
            <td><a rel="nofollow" href="{href}" class='result-link'>{title}</a></td></tr>"""
        )
        if snippet is not None:
            parts.append(f"<tr><td>&nbsp;</td><td class='result-snippet'> {snippet} </td></tr>")
        parts.append("<tr><td>&nbsp;</td><td><span class='link-text'>shown</span></td></tr><tr><td>&nbsp;</td></tr>")
    sponsored = (
        "<tr class='result-sponsored'><td><a rel='nofollow' class='result-link' href='https://ad.example'>Ad</a>"
        "</td></tr>"
    )
    more = "<tr><td><a class='result-link' href='https://duckduckgo.com/duckduckgo-help-pages/'>more info</a></td></tr>"
    return f'<html><body><table border="0">{sponsored}{more}{"".join(parts)}</table></body></html>'
