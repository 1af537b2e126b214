"""HTML of the content delivery network in front of Jina Reader and ZeroBounce: refusals and time-outs."""

from __future__ import annotations

import html

from acra_express_async.sandbox.draws import hexadecimal

_DENIED = """<!DOCTYPE html>
<html lang="en-US">
   <head>
      <title>Access denied</title>
      <meta http-equiv="X-UA-Compatible" content="IE=Edge" />
      <meta name="robots" content="noindex, nofollow" />
      <meta name="viewport" content="width=device-width,initial-scale=1" />
      <link rel="stylesheet" href="/cdn-cgi/styles/errors.css" media="screen" />
   </head>
   <body>
   <div class="cf-main-wrapper" role="main">
      <div class="cf-header cf-section">
         <div class="cf-error-title">
            <h1>Access denied</h1>
            <span class="cf-code-label">Error code <span>1020</span></span>
         </div>
         <div class="cf-error-description">
            <p>You do not have access to {host}.</p><p>The site owner may have set restrictions that prevent you from \
accessing the site.</p>
         </div>
      </div>
   </div>

   <div class="cf-details-wrapper">
      <div class="cf-section" role="region">
         <div class="cf-expandable" id="cf-details-wrapper-expandable">
            <div class="cf-expandable-error-info hidden">
               <p class="cf-error-copy-description">Provide the site owner this information.</p>
<div class="cf-error-wrapper" id="error-details"><p class="cf-error-details-endpoint">I got an error when visiting \
{url}</p>

<p>Error code: 1020</p>
<p>Ray ID: {ray}</p>
<p>Country: SG</p>
<p>Data center: sin02</p>
<p>Timestamp: {stamp}</p>
</div>
            </div>
         </div>
      </div>
      <div class="cf-column cf-footer-line-wrapper text-center">
            <p>Performance &amp; security by <a rel="noopener noreferrer" \
href="https://www.cloudflare.com?utm_source=1020_error" target="_blank">Cloudflare</a></p>
      </div>
   </div>
</body>
</html>
"""
_UPSTREAM = """<!DOCTYPE html>
<html class="no-js" lang="en-US">
<head>
<title>{host} | {code}: {reason}</title>
<meta charset="UTF-8" />
<meta name="robots" content="noindex, nofollow" />
</head>
<body>
<div id="cf-wrapper">
    <div id="cf-error-details" class="p-0">
        <header class="mx-auto pt-10">
            <h1><span class="inline-block">{reason}</span> <span class="code-label">Error code {code}</span></h1>
            <div>Visit <a href="https://www.cloudflare.com/5xx-error-landing">cloudflare.com</a> for more \
information.</div>
            <div>{stamp}</div>
        </header>
        <p>Cloudflare Ray ID: <strong class="font-semibold">{ray}</strong></p>
    </div>
</div>
</body>
</html>
"""
_REASONS = {
    500: "Internal Server Error",
    502: "Bad gateway",
    503: "Service Unavailable",
    504: "Gateway time-out",
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    523: "Origin is unreachable",
    524: "A timeout occurred",
}


def access_denied(host: str, url: str, stamp: str) -> str:
    """Error 1020 with status 403; it echoes the URL, including any key in it."""
    ray = hexadecimal(16, "ray", url, stamp)
    return _DENIED.format(host=html.escape(host), url=html.escape(url), ray=ray, stamp=stamp)


def upstream_error(host: str, code: int, stamp: str) -> str:
    """The page for a 5xx of the network itself (520 to 524) or of the server behind it."""
    reason = _REASONS.get(code, "Error")
    ray = hexadecimal(16, "ray", host, code, stamp)
    return _UPSTREAM.format(host=html.escape(host), code=code, reason=reason, ray=ray, stamp=stamp)
