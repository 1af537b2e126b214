"""DuckDuckGo's challenge: a page with nine image tiles, served with a success status."""

from __future__ import annotations

import html
from typing import Literal

from acra_express_async.sandbox.draws import hexadecimal

ChallengeKind = Literal["sre", "botnet"]

_TILE = """
                                <div class="anomaly-modal__box" data-index="{index}">
                                        <label class="" for="image-check_{name}" \
data-testid="anomaly-modal-tile-{index}">
                                            <input type="checkbox" class="anomaly-modal__check" \
name="image-check_{name}" id="image-check_{name}">
                                            <img class="anomaly-modal__image" alt=" " id="image-{name}" \
src="../assets/anomaly/images/challenge/{name}.jpg" data-id="{name}.jpg" \
data-testid="anomaly-modal-image-{index}"></img>
                                        </label>
                                </div>
"""
_PAGE = """<!-- <!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" \
"http://www.w3.org/TR/html4/loose.dtd"> -->
<!DOCTYPE html>
<html lang="en">

<head>
    <link rel="canonical" href="https://duckduckgo.com/">
    <meta http-equiv="content-type" content="text/html; charset=UTF-8">
    <meta name="viewport" content="width=device-width, initial-scale=1.0, maximum-scale=3.0, user-scalable=1">
    <meta name="referrer" content="origin">
    <title>
        DuckDuckGo
    </title>
    <link rel="preload" href="/font/ProximaNova-Reg-webfont.woff2" as="font" type="font/woff2" crossorigin="anonymous">
    <link title="DuckDuckGo (Lite)" type="application/opensearchdescription+xml" rel="search" \
href="//duckduckgo.com/opensearch_lite_v2.xml">
    <link rel="icon" href="//duckduckgo.com/favicon.ico" type="image/x-icon"/>
    <link rel="stylesheet" media="handheld, all" href="//duckduckgo.com/dist/l.304bf63bbd053ee46b28.css" \
type="text/css"/>
    <link rel="stylesheet" media="handheld, all" href="//duckduckgo.com/dist/lc.844e8ff9baa78da64b59.css" \
type="text/css"/>
</head>

<body>
    <a name="top"></a>
    <center id="lite_wrapper">
        <br>
        <a class="header-url" href="/html/">
            <span class="header">DuckDuckGo</span>
        </a>
        <br><br>

        <iframe name="ifr" width="0" height="0" border="0" class="hidden"></iframe>
        <form id="img-form" action="{action}&ti={stamp}&{seal}" target="ifr" method="POST"></form>
        <form id="challenge-form" action="{action}&st={stamp}&{seal}" method="POST">
            <div class="anomaly-modal__mask">
                <div class="anomaly-modal__modal  is-ie" data-testid="anomaly-modal">
                    <div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div>
                    <div class="anomaly-modal__description">Please complete the following challenge to confirm this \
search was made by a human.</div>
                    <div class="anomaly-modal__instructions">Select all squares containing a duck:</div>
                    <div class="anomaly-modal__puzzle-margins">
                        <div class="anomaly-modal__puzzle">
{tiles}
                        </div>
                    </div>
                    <div class="anomaly-modal__controls">
                        <button name="challenge-submit" class="btn btn--primary anomaly-modal__submit \
js-anomaly-modal-submit" form="challenge-form" value="{key}" >Submit</button>
                        <p></p>
                        <input class="feedback-toggle" type="checkbox" id="feedback" unchecked />
                        <label for="feedback" class="feedback-text">Images not loading?</label>
                        <div class="feedback-content">
                            <label class="feedback-instructions">Please email the following code to:</label>
                            <p class="feedback-instructions">error-lite@duckduckgo.com</p>
                            <p><label class="feedback-instructions">Code: {key}</label></p>
                        </div>
                    </div>
            </div>
        </form>

        <br>
        <p class='html-only'>
            <!--    This is the Lite version. Get the full-JS version <a href="https://duckduckgo.com/">here</a>. //-->
        </p>
    </center>

        <img src="//duckduckgo.com/t/tqadb?7387383&amp;s=lite&amp;gk={key}&amp;cc={kind}"/>

</body>

</html>
"""


def challenge_page(
    query: str, *, kind: ChallengeKind = "sre", service: Literal["html", "lite"] = "html", stamp: int = 1_781_857_831
) -> str:
    """The challenge for a suspected robot; served with 202 (lite: sometimes 200), without Retry-After.

    Args:
        query: the search terms.
        kind: the provider's reason, ``cc`` in the form.
        service: ``sv`` in the form.
        stamp: Unix seconds of the challenge.
    """
    names = [hexadecimal(32, "tile", query, stamp, index) for index in range(9)]
    key = hexadecimal(32, "challenge", query, stamp)
    return _PAGE.format(
        action=f"//duckduckgo.com/anomaly.js?sv={service}&cc={kind}",
        stamp=stamp,
        seal=f"gk={key}&p={'-'.join(names)}&q={html.escape(query)}&o={hexadecimal(43, 'origin', query)}%3D%0A&r=usc",
        tiles="".join(_TILE.format(index=index, name=name) for index, name in enumerate(names)),
        key=key,
        kind=kind,
    )
