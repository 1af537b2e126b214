"""One request of a signed-in person: its form, the sessions of the database, and the answer in our pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment

from acra_express_async.console.people import Person
from acra_express_async.console.tickets import Tickets
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.session.pool import Database

ROOT = "/console"
MOST_FIELDS = 60
FORM_TYPE = "application/x-www-form-urlencoded"
HEADERS = {
    # nothing inline, nothing from another host, forms only to us, and no site may put us into a frame
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would hide from us where a form came from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class ConsoleVisit:
    """See the module. `form` holds the last value of each field; it is empty unless the request is a POST."""

    request: web.Request
    person: Person
    database: Database
    tickets: Tickets
    templates: Environment
    zone: ZoneInfo
    form: Form

    @property
    def rows(self) -> ConsoleRows:
        """The console's own rows."""
        return ConsoleRows(self.database)

    def asked(self, name: str) -> str:
        """A parameter of the query, trimmed; empty where it is missing."""
        return self.request.query.get(name, "").strip()

    def typed(self, name: str) -> str:
        """A field of the form, trimmed; empty where it is missing."""
        return self.form.get(name, "").strip()

    def number(self, name: str) -> int:
        """A number in the path.

        Raises:
            HTTPNotFound: it is none.
        """
        text = self.request.match_info[name]
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise web.HTTPNotFound
        return int(text)

    async def show(self, template: str, *, status: int = 200, **facts: Any) -> web.Response:
        """A page with these facts."""
        said = self.asked("said")
        facts.setdefault("said", await self.tickets.heard(self.person.session, said) if said else None)
        facts.setdefault("wrong", None)
        return rendered(
            self.templates,
            template,
            status=status,
            zone=self.zone,
            person=self.person,
            token=await self.tickets.token(self.person.session),
            path=self.request.path,
            **facts,
        )

    async def go_to(self, path: str, said: str | None = None, **query: str) -> web.Response:
        """Lead the browser on after an action, so that reloading does not repeat it; the next page says `said`."""
        more = dict(query)
        if said is not None:
            more["said"] = await self.tickets.said(self.person.session, said)
        place = f"{ROOT}{path}" + (f"?{urlencode(more)}" if more else "")
        return redirect(place)


def redirect(place: str) -> web.Response:
    """See Other."""
    return web.Response(status=303, headers=HEADERS | {"Location": place})


def rendered(templates: Environment, template: str, *, status: int = 200, **facts: Any) -> web.Response:
    """A page of ours."""
    text = templates.get_template(template).render(root=ROOT, **facts)
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


async def form_of(request: web.Request) -> Form:
    """The fields of a form.

    Raises:
        HTTPUnsupportedMediaType, HTTPBadRequest, HTTPRequestEntityTooLarge: it is none, or too large.
    """
    if request.content_type != FORM_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        body = await request.read()
    except ConnectionError as gone:  # nobody reads the answer; as an error it would cost a traceback in the log
        raise web.HTTPBadRequest(text="the form did not arrive") from gone
    try:
        fields = parse_qs(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as wrong:
        raise web.HTTPBadRequest(text="the form cannot be read") from wrong
    form = {name: values[-1] for name, values in fields.items()}
    require_storable(form.values())
    return form


def require_storable(texts: Iterable[str]) -> None:
    """PostgreSQL stores no NUL, and no lone surrogate is a character.

    Raises:
        HTTPBadRequest: there is one.
    """
    if any("\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text) for text in texts):
        raise web.HTTPBadRequest(text="the request holds what is no text")
