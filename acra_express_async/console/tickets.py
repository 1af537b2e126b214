"""Signs what a browser keeps for us: the session's cookie, the token of its forms, and what a redirect says.

The key comes from the password and from the database's own key of hashes: replicas share it, a new password ends all
sessions, and a stolen cookie does not let its thief try passwords. Deriving it is slow on purpose (scrypt).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.runtime.secret_files import Secret

COOKIE = "acra_express_console"
ID_BYTES = 18
SALT = "console@acra-express"
LONGEST_SAID = 600
"""Characters of a sentence that a redirect carries."""

_NOT_OURS = (BadData, UnicodeEncodeError)
"""What a text raises that we did not sign, such as bytes of a header that are no UTF-8."""

SignedInBy = Literal["password", "proxy"]


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says. `begun`: seconds since 1970 by the database's clock, which also judges when it expires."""

    session_id: bytes
    name: str
    signed_in: SignedInBy
    begun: float

    @classmethod
    def new(cls, name: str, signed_in: SignedInBy, begun: float) -> Session:
        return cls(secrets.token_bytes(ID_BYTES), name, signed_in, begun)


class Tickets:
    """Signs and reads.

    Args:
        password: None where a proxy alone vouches for people.
    """

    def __init__(self, hashes: AddressHash, password: Secret | None) -> None:
        self._hashes = hashes
        self._password = password
        self._keyed: tuple[str, bytes] | None = None
        self._deriving = asyncio.Lock()

    async def cookie(self, session: Session) -> str:
        """The cookie of a session."""
        told = {
            "i": urlsafe_b64encode(session.session_id).decode(),
            "n": session.name,
            "h": session.signed_in,
            "t": session.begun,
        }
        return str((await self._signer("session")).dumps(told))

    async def session(self, cookie: str) -> Session | None:
        """What a cookie says; None for one that we did not sign, or signed under another password."""
        try:
            told = (await self._signer("session")).loads(cookie)
        except _NOT_OURS:
            return None
        return Session(urlsafe_b64decode(told["i"]), told["n"], told["h"], float(told["t"]))

    async def token(self, session: Session) -> str:
        """The token of every form of this session."""
        return str((await self._signer("form")).dumps(urlsafe_b64encode(session.session_id).decode()))

    async def is_token_of(self, session: Session, token: str) -> bool:
        """Whether a form was made for this session."""
        return bool(await self._read("form", token) == urlsafe_b64encode(session.session_id).decode())

    async def said(self, session: Session, sentence: str) -> str:
        """A sentence for the next page of this session, so that no link can put words into our mouth."""
        owner = urlsafe_b64encode(session.session_id).decode()
        return str((await self._signer("said")).dumps([owner, sentence[:LONGEST_SAID]]))

    async def heard(self, session: Session, said: str) -> str | None:
        """The sentence, if it was for this session."""
        told = await self._read("said", said)
        owner = urlsafe_b64encode(session.session_id).decode()
        return str(told[1]) if isinstance(told, list) and told[:1] == [owner] else None

    async def _read(self, purpose: str, text: str) -> Any:
        try:
            return (await self._signer(purpose)).loads(text)
        except _NOT_OURS:
            return None

    async def _signer(self, purpose: str) -> URLSafeSerializer:
        key = await self._key()
        return URLSafeSerializer(
            key, salt=f"console {purpose}", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )

    async def _key(self) -> bytes:
        async with self._deriving:  # once, however many strangers come with a cookie: it takes 16 MB and 50 ms
            password = "" if self._password is None else self._password.value
            if self._keyed is None or self._keyed[0] != password:
                salt = self._hashes.digest(SALT)
                key = await asyncio.to_thread(
                    hashlib.scrypt, password.encode(), salt=salt, n=2**14, r=8, p=1, maxmem=2**26, dklen=32
                )
                self._keyed = (password, key)
            return self._keyed[1]
