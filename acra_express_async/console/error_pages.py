"""Errors that aiohttp would answer in plain text, as pages of the console."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from acra_express_async.console.visit import ROOT

Tell = Callable[[int, str], web.Response]
"""Makes the page of a status code and a sentence."""

_SENTENCES = {
    404: "There is no such page.",
    405: "This address does not take such a request. Open the page with its form, and use that.",
    413: "The form is too large: at most 256 kB.",
    415: "This is no form of the console.",
}


def error_pages(tell: Tell) -> Middleware:
    """aiohttp middleware for everything under /console; other paths keep their plain answers, which programs read."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400 or not request.path.startswith(f"{ROOT}/"):
                raise
            answer = tell(error.status, _SENTENCES.get(error.status) or error.text or error.reason)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer

    return middleware
