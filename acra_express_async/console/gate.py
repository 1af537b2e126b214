"""Lets people in and out, and serves pages and actions to those who are signed in and to nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment

from acra_express_async import logs
from acra_express_async.console.people import People, Person
from acra_express_async.console.sign_in_limits import SignInLimits
from acra_express_async.console.tickets import COOKIE, Session, Tickets
from acra_express_async.console.trail import acted
from acra_express_async.console.visit import HEADERS, ROOT, ConsoleVisit, form_of, redirect, rendered, require_storable
from acra_express_async.db.console.console_rows import ConsoleRows
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import AcraExpressError, NotNow
from acra_express_async.records.judgement_input import NotUnderstood, who_in
from acra_express_async.settings.tree import Settings

log = logs.logger("console")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Served = Callable[[ConsoleVisit], Awaitable[web.StreamResponse]]

ResultT = TypeVar("ResultT")
SIGN_IN_PATH = f"{ROOT}/sign-in"


class Gate:
    """Wraps what serves a signed-in person into aiohttp's handlers.

    Args:
        sessions: the console's connection.
        templates: those of this room.
    """

    def __init__(
        self,
        settings: Settings,
        sessions: OnDemand,
        people: People,
        tickets: Tickets,
        limits: SignInLimits,
        templates: Environment,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._people = people
        self._tickets = tickets
        self._limits = limits
        self._templates = templates

    def page(self, serve: Served) -> Handler:
        """A GET for signed-in people; others are led to the sign-in form."""

        async def handler(request: web.Request) -> web.StreamResponse:
            require_storable(request.query.values())
            return await self._answered(request, serve)

        return handler

    def action(self, serve: Served) -> Handler:
        """A POST of a form that was made for the same session."""

        async def handler(request: web.Request) -> web.StreamResponse:
            require_storable(request.query.values())
            form = await form_of(request)
            if not is_from_our_own_page(request):
                return self.wrong(403, "This form came from another page. Open the console and try again.")
            return await self._answered(request, serve, form)

        return handler

    async def for_person(self, request: web.Request, read: Callable[[Database], Awaitable[ResultT]]) -> ResultT | None:
        """What `read` finds for a signed-in person on an open page; None for others.

        Without a cookie of ours or a proxy's header nothing is asked of the database. Where it cannot answer, nobody is
        signed in; while it is known to be away, that is said at once, because just then people look at the status page.
        """
        if self._sessions.is_hopeless or not await self._people.announces_itself(request):
            return None
        try:
            async with self._sessions.opened() as database:
                person = await self._people.who(request, ConsoleRows(database))
                return None if person is None else await read(database)
        except NotNow as away:
            log.info("console.unknown_person", error=str(away))
            return None

    async def _answered(
        self, request: web.Request, serve: Served, form: dict[str, str] | None = None
    ) -> web.StreamResponse:
        if not await self._people.announces_itself(request):
            return self._to_sign_in(request)
        try:
            async with self._sessions.opened() as database:
                person = await self._people.who(request, ConsoleRows(database))
                if person is None:
                    return self._to_sign_in(request)
                if form is not None and not await self._tickets.is_token_of(person.session, form.get("token", "")):
                    return self.wrong(403, "This form is too old or not yours. Open the page again and repeat it.")
                visit = self._visit(request, person, database, form or {})
                answer = await self._refusals_told(visit, serve)
        except NotNow as away:
            log.info("console.away", path=request.path, error=str(away))
            return self.wrong(503, f"Not now: {away}")
        if person.is_new and not answer.prepared:
            self._people.set_cookie(request, answer, await self._tickets.cookie(person.session))
        return answer

    async def _refusals_told(self, visit: ConsoleVisit, serve: Served) -> web.StreamResponse:
        try:
            return await serve(visit)
        except NotNow:
            raise
        except (AcraExpressError, NotUnderstood) as refused:
            return await visit.show("refused.html", status=409, wrong=str(refused))

    def _visit(self, request: web.Request, person: Person, database: Database, form: dict[str, str]) -> ConsoleVisit:
        return ConsoleVisit(request, person, database, self._tickets, self._templates, self._settings.zone, form)

    def _to_sign_in(self, request: web.Request) -> web.Response:
        if request.method == "POST" or not self._people.may_sign_in:
            return self.wrong(401, "You are not signed in.")
        rest = {name: value for name, value in request.query.items() if name not in ("kept", "said")}
        wanted = {"next": request.path + (f"?{urlencode(rest)}" if rest else "")}
        kept = {"kept": "1"} if "kept" in request.query else {}
        return redirect(f"{SIGN_IN_PATH}?{urlencode(wanted | kept)}")

    def wrong(self, status: int, sentence: str) -> web.Response:
        """A page for everybody that says what went wrong."""
        return rendered(
            self._templates, "outside.html", status=status, wrong=sentence, may_sign_in=self._people.may_sign_in
        )

    async def sign_in_form(self, request: web.Request) -> web.Response:
        """The form; without a password there is none."""
        require_storable(request.query.values())
        if not self._people.may_sign_in:
            return self.wrong(404, "People sign in at the proxy in front of this service.")
        kept = "kept" not in request.query or COOKIE in request.cookies
        return self._form(request.query.get("next", ""), wrong=None if kept else _COOKIE_LOST)

    def _form(self, wanted: str, *, status: int = 200, wrong: str | None = None, wait: int = 0) -> web.Response:
        answer = rendered(
            self._templates, "sign_in.html", status=status, wrong=wrong, next=own_path(wanted), error=wrong is not None
        )
        if wait:
            answer.headers["Retry-After"] = str(wait)
        return answer

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Compare the password, unless this peer has to wait."""
        form = await form_of(request)
        if not self._people.may_sign_in or not is_from_our_own_page(request):
            return self.wrong(403, "This form came from another page. Open the console and try again.")
        wanted, client = form.get("next", ""), self._people.client(request)
        wait = self._limits.try_now(client)
        if wait:
            seconds = int(wait) + 1
            return self._form(
                wanted, status=429, wrong=f"Too many tries from your address. Wait {seconds} s.", wait=seconds
            )
        try:
            name = who_in(form.get("name", ""))
        except NotUnderstood:
            return self._form(wanted, status=400, wrong="Type your name: it is recorded with what you do.")
        if not self._people.is_password(form.get("password", "")):
            log.warning("console.sign_in_refused", peer=str(client))
            return self._form(wanted, status=403, wrong="The password is wrong.")
        self._limits.succeeded(client)
        return await self._signed_in(request, name, own_path(wanted))

    async def _signed_in(self, request: web.Request, name: str, place: str) -> web.StreamResponse:
        try:
            async with self._sessions.opened() as database:
                session = Session.new(name, "password", await ConsoleRows(database).begin())
                person = Person(session, str(self._people.client(request)))
                await acted(self._visit(request, person, database, {}), "sign_in", _nothing)
        except NotNow as away:
            return self.wrong(503, f"Not now: {away}")
        answer = redirect(f"{place}{'&' if '?' in place else '?'}kept=1")
        self._people.set_cookie(request, answer, await self._tickets.cookie(session))
        return answer

    async def sign_out(self, visit: ConsoleVisit) -> web.StreamResponse:
        """End the session on every replica."""
        await acted(visit, "sign_out", lambda: visit.rows.sign_out(visit.person.session.session_id))
        answer = redirect(SIGN_IN_PATH if self._people.may_sign_in else "/")
        answer.del_cookie(COOKIE, path="/")
        return answer


_COOKIE_LOST = (
    "Your browser did not keep the session's cookie. It keeps it over HTTPS, and over a tunnel to the host of the "
    "service; and it may have to allow cookies."
)


async def _nothing() -> None:
    return None


def is_from_our_own_page(request: web.Request) -> bool:
    """Whether a form may come from a page of this service, as far as the browser tells."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or _host_in(origin) == request.host


def own_path(wanted: str) -> str:
    """A place in the console to go on to; its first page for anything else."""
    path = wanted.partition("?")[0]
    is_ours = wanted.startswith(f"{ROOT}/") and "//" not in path and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours else f"{ROOT}/"


def _host_in(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # such as "http://[": no browser sends it
        return None


def asset_headers() -> dict[str, Any]:
    """Headers of what the pages load."""
    return {name: HEADERS[name] for name in ("X-Content-Type-Options",)} | {"Cache-Control": "max-age=300"}
