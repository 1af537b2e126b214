"""Who asks: a session that a person began with the password, or the name that a trusted proxy vouches for."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from aiohttp import web

from acra_express_async.console.peers import Address, TrustedProxies, peer_of
from acra_express_async.console.tickets import COOKIE, Session, Tickets
from acra_express_async.db.console.console_rows import VALID_FOR, ConsoleRows
from acra_express_async.records.judgement_input import NotUnderstood, who_in
from acra_express_async.runtime.secret_files import Secret


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person, and the session that their forms belong to.

    `is_new`: the session began with this request, so its cookie must be set.
    """

    session: Session
    peer: str
    is_new: bool = False

    @property
    def name(self) -> str:
        return self.session.name

    @property
    def is_vouched_for(self) -> bool:
        """The proxy knows who this is; otherwise the person typed a name."""
        return self.session.signed_in == "proxy"


class People:
    """Knows people by cookie or by the proxy's header.

    Args:
        password: None without a sign-in form.
        header: in which trusted proxies give the name; None without them.
    """

    def __init__(
        self, tickets: Tickets, proxies: TrustedProxies, *, password: Secret | None, header: str | None
    ) -> None:
        self._tickets = tickets
        self._proxies = proxies
        self._password = password
        self._header = header

    @property
    def may_sign_in(self) -> bool:
        """There is a password to sign in with."""
        return self._password is not None

    def client(self, request: web.Request) -> Address:
        """The address by which tries are counted and actions are noted."""
        return self._proxies.client(request)

    async def announces_itself(self, request: web.Request) -> bool:
        """The request carries a cookie that we signed, or a proxy's name: only then is the database asked."""
        return self._vouched_for(request) is not None or await self._signed(request) is not None

    async def who(self, request: web.Request, rows: ConsoleRows) -> Person | None:
        """The person behind a request; None when nobody is signed in.

        Raises:
            NotNow: the database cannot tell whether the session was ended.
        """
        name = self._vouched_for(request)
        session = await self._session(request, rows)
        peer = str(self._proxies.client(request))
        if name is not None:
            if session is not None and (session.signed_in, session.name) == ("proxy", name):
                return Person(session, peer)
            return Person(Session.new(name, "proxy", await rows.begin()), peer, is_new=True)
        if session is None or session.signed_in != "password" or self._password is None:
            return None
        return Person(session, peer)

    def is_password(self, tried: str) -> bool:
        """Compare in constant time; a password from a file may have been changed since."""
        if self._password is None:
            return False
        return self._equals(tried) or (self._password.refused() and self._equals(tried))

    def set_cookie(self, request: web.Request, response: web.StreamResponse, cookie: str) -> None:
        """Give the browser a session's cookie. Without TLS only a browser on this host gets one that it will send."""
        local = self._proxies.client(request).is_loopback and peer_of(request).is_loopback
        response.set_cookie(
            COOKIE,
            cookie,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=not local or self._proxies.is_encrypted(request),
            max_age=int(VALID_FOR.total_seconds()),
        )

    async def _session(self, request: web.Request, rows: ConsoleRows) -> Session | None:
        session = await self._signed(request)
        if session is None or not await rows.is_alive(session.session_id, session.begun):
            return None
        return session

    async def _signed(self, request: web.Request) -> Session | None:
        cookie = request.cookies.get(COOKIE)
        return None if cookie is None else await self._tickets.session(cookie)

    def _vouched_for(self, request: web.Request) -> str | None:
        given = None if self._header is None else self._proxies.user(request, self._header)
        try:
            return None if given is None else who_in(given)
        except NotUnderstood:
            return None

    def _equals(self, tried: str) -> bool:
        assert self._password is not None
        return hmac.compare_digest(tried.encode("utf-8", "replace"), self._password.value.encode("utf-8", "replace"))
