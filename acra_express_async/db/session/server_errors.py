"""Translates errors of the server, a pooler and the driver into the caller's next move.

An error that means "this server, this login or this session cannot serve us now" becomes `NotNow`. An error about our
own statement or its values (SQLSTATE classes 21 to 23, 42 and similar ones) is left as it is: repeating cannot help.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg

from acra_express_async.errors import Away, DatabaseAway, LockBusy, NotNow, TookTooLong, in_words

LOCK_PAUSE = timedelta(seconds=30)
"""How long a job is snoozed when repeating the transaction did not help."""

DRIVER_ERRORS = (
    OSError,  # TimeoutError and TLS errors included
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""All that asyncpg raises while it connects, prepares, executes or releases."""

_GAVE_WAY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
_PLAN_IS_OLD = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""A table was altered after its plan was cached; asyncpg has dropped the plan, so repeating succeeds."""

_BY_STATE = {
    "25006": Away.READ_ONLY,
    "25P03": Away.SESSION_LOST,  # idle_in_transaction_session_timeout
    "25P04": Away.SESSION_LOST,  # transaction_timeout
    "26000": Away.POOLER,  # the prepared statement is unknown …
    "42P05": Away.POOLER,  # … or exists already: a pooler has switched us to another session
    "3D000": Away.LOGIN,
    "42501": Away.GRANTS,
    "3F000": Away.SCHEMA,
    "42P01": Away.SCHEMA,
    "42703": Away.SCHEMA,
    "42704": Away.SCHEMA,
    "42883": Away.SCHEMA,
    "53100": Away.FAULT,
    "53200": Away.FAULT,
    "57P03": Away.UNREACHABLE,
    "57P04": Away.LOGIN,
}
_BY_CLASS = {
    "08": Away.SESSION_LOST,
    "28": Away.LOGIN,
    "40": Away.FAULT,
    "53": Away.FULL,
    "54": Away.FAULT,
    "55": Away.FAULT,
    "57": Away.SESSION_LOST,
    "58": Away.FAULT,
    "72": Away.FAULT,
    "F0": Away.FAULT,
    "HV": Away.FAULT,
    "XX": Away.FAULT,
}
_ABOUT_OUR_VALUES = frozenset({"54001", "54011", "54023"})
"""Codes of class 54 for a statement that is too deep or too wide, which every server refuses."""
_TOO_LARGE = frozenset({"index_form_tuple_context", "index_form_tuple", "_bt_check_third_page"})
"""Texts with which the server refuses a value for an index; their code (54000) also means transaction ID wraparound."""

_WORDS = {
    Away.UNREACHABLE: "cannot be reached",
    Away.SILENT: "gave no answer in time",
    Away.SESSION_LOST: "ended the session",
    Away.READ_ONLY: "accepts no writes: it is a standby, or read-only by a setting",
    Away.FULL: "has no connection free",
    Away.LOGIN: "refuses the login",
    Away.GRANTS: "denies the tenant role what it needs (run `acra-express migrate` to give the grants again)",
    Away.SCHEMA: "lacks a table, column or function that this version needs (see `acra-express check`)",
    Away.POOLER: (
        "loses prepared statements, as a transaction pooler does; set ACRA_EXPRESS_LISTEN_DSN to a direct connection"
    ),
    Away.FAULT: "cannot serve us",
}

_POOLER_FULL = ("no more connections allowed", "too many", "query_wait_timeout", "max_client_conn")
_POOLER_LOGIN = ("no such user", "no such database", "authentication failed", "login rejected")
"""PgBouncer before 1.20 gives SQLSTATE 08P01 to all of its refusals; only the text tells them apart."""


def as_not_now(error: BaseException, server: str) -> NotNow | None:
    """The error as the caller's next move, or None for one that is about our own statement or its values.

    Args:
        error: an instance of `DRIVER_ERRORS`.
        server: host and port, for the sentence.
    """
    if isinstance(error, _GAVE_WAY):
        return LockBusy(f"gave way to another's lock: {error}", reason="lock_timeout", retry_after=LOCK_PAUSE)
    if isinstance(error, _PLAN_IS_OLD):
        return LockBusy(f"a table was altered meanwhile: {error}", reason="table_busy", retry_after=LOCK_PAUSE)
    if isinstance(error, asyncpg.QueryCanceledError):
        return TookTooLong(f"PostgreSQL at {server} cancelled a statement: {error}")
    reason = reason_of(error)
    if reason is None:
        return None
    return DatabaseAway(f"PostgreSQL at {server} {_WORDS[reason]} ({_said(error)})", reason=reason)


def _said(error: BaseException) -> str:
    """The server's sentence with its code, without details and hints, which take several lines and may hold values."""
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "the DSN asks for a server that does"
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and isinstance(error.__cause__, asyncpg.PostgresError):
        error = error.__cause__  # what the server said before it closed the connection
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.args[0]}, SQLSTATE {error.sqlstate}"
    return in_words(error)


def reason_of(error: BaseException) -> Away | None:
    """Why the database cannot serve us, by SQLSTATE or by the driver's class; None for other errors."""
    match error:
        case TimeoutError():
            return Away.SILENT
        case OSError():
            return Away.UNREACHABLE
        case asyncpg.TargetServerAttributeNotMatched():
            return Away.READ_ONLY
        case asyncpg.InternalClientError():
            return Away.SESSION_LOST
        case asyncpg.InterfaceError():
            # its two subclasses of ValueError are about one of our values and about the DSN
            return None if isinstance(error, ValueError) else Away.SESSION_LOST
        case asyncpg.ConnectionDoesNotExistError(__cause__=asyncpg.PostgresError() as said):
            return _of_server(said) or Away.SESSION_LOST  # the server gave its reason before it closed the connection
        case asyncpg.PostgresError():
            return _of_server(error)
    return None


def _of_server(error: asyncpg.PostgresError) -> Away | None:
    state = str(error.sqlstate or "")
    if state == "08P01":
        return _of_pooler(str(error))
    if state in _ABOUT_OUR_VALUES or error.server_source_function in _TOO_LARGE:
        return None
    found = _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if found is None and error.severity in ("FATAL", "PANIC"):
        return Away.SESSION_LOST
    return found


def _of_pooler(text: str) -> Away:
    if any(words in text for words in _POOLER_FULL):
        return Away.FULL
    if any(words in text for words in _POOLER_LOGIN):
        return Away.LOGIN
    return Away.UNREACHABLE


def spoils_the_session(error: BaseException) -> bool:
    """Whether the session must be closed and never be used again."""
    return not isinstance(error, (*_GAVE_WAY, *_PLAN_IS_OLD, asyncpg.QueryCanceledError)) and (
        reason_of(error) is not None
    )


@contextmanager
def translated(server: str) -> Iterator[None]:
    """Translates errors of statements on a connection outside of `Database`.

    Raises:
        NotNow: see `as_not_now`; other errors are raised as they are.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        not_now = as_not_now(error, server)
        if not_now is None:
            raise
        raise not_now from error
