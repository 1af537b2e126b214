"""Every error of this package, named after what the caller does next.

AcraExpressError
├── ConfigError            start-up only: say the sentence, exit 78
│   └── LoginRefused       the same at the start; later: wait, and read the password's file again
├── SchemaError            start-up only: say the sentence, exit 78
├── RegistryFileError      this file is not a registry export: say the sentence, load nothing
├── LeaseLost              another worker owns the job: write nothing, drop it
├── Draining               the service is stopping: start nothing new, release the job with its progress
├── NotStaged              this company cannot be staged: leave it out with the sentence, the batch goes on
├── JobError               this job can never succeed as it stands: end it in `error` with the sentence
│   └── UnknownId          a person named a job or campaign that does not exist: say the sentence, exit 2
├── NotNow                 step aside and come back: it counts against no job and ends no process that was ready
│   ├── DatabaseAway       the server cannot serve us (`reason` says why): wait; the lease decides about the job
│   │   └── TookTooLong    the server is there, but it cancelled a statement that ran into its time-out
│   ├── StandBack          the nightly run goes first: snooze the job, attempt handed back
│   │   └── LockBusy       a lock or deadlock time-out: repeat the transaction with jitter, then as StandBack
│   └── OwnFault           several companies in a row failed in our own code: snooze the job, attempt handed back
├── CalledOff              this call is not needed, or must not be made: use what is known instead
├── CapReached             today's slots are used up: snooze the job to the next day, attempt handed back
└── ProviderError          (carries `provider` and `retry_after`)
    ├── Transient          bounded retry, then snooze the job
    ├── RateLimited        tell the throttle, honour `retry_after`, then as Transient
    ├── BudgetExhausted    ours, raised before the call: snooze to `retry_after`, attempt handed back
    ├── Blocked            the breaker is open (or opens now): snooze, attempt handed back
    └── Permanent          this step fails; the company may go on without it
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any


class AcraExpressError(Exception):
    """Base of all errors raised on purpose; its text is a sentence for an operator and holds no secret."""


class ConfigError(AcraExpressError):
    """A setting is missing or wrong. Raised at start-up only; the process exits 78."""


class LoginRefused(ConfigError):
    """The server or its pooler does not let this login in; the password may have been rotated."""


class SchemaError(AcraExpressError):
    """The database is not what this version needs. Raised at start-up only; the process exits 78."""


class RegistryFileError(AcraExpressError):
    """A file given to `load-registry` cannot be read or has no usable header; nothing was loaded."""


class LeaseLost(AcraExpressError):
    """The job's token no longer matches or its status was changed by hand: write nothing for it any more."""


class Draining(AcraExpressError):
    """The service is stopping: no new call may start, and the job is released with the progress it has made."""


class NotStaged(AcraExpressError):
    """A registry row must not become a company; the sentence says why. Raised before anything was written."""


class JobError(AcraExpressError):
    """The job itself is wrong (an unknown key, a term that resolves to nothing); retrying cannot help."""


class UnknownId(JobError):
    """There is no job or campaign of the ID that a person named; the sentence says what it is instead, if anything."""


class JudgementRefused(AcraExpressError):
    """What a person says about a company cannot be recorded; the sentence says why. Nothing was written."""


class NonsenseSelection(AcraExpressError):
    """Filters of an export that no record can ever satisfy; the sentence says which, and what could be meant."""


class NotNow(AcraExpressError):
    """The same request may succeed later. Never counts against a job, and never ends a process that was ready."""


class StandBack(NotNow):
    """The nightly run goes first. `reason` is the label of `nightly_yields_total`."""

    def __init__(self, message: str, *, reason: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class LockBusy(StandBack):
    """Our transaction gave way to a lock of another session. Nothing was written; it may be tried again as it is."""


class Away(StrEnum):
    """Why the database cannot serve us; the runbook, "What we survive", says for each what an operator does."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    SESSION_LOST = "session_lost"
    READ_ONLY = "read_only"
    FULL = "full"
    LOGIN = "login"
    GRANTS = "grants"
    SCHEMA = "schema"
    POOLER = "pooler"
    FAULT = "fault"


class DatabaseAway(NotNow):
    """The database cannot serve us now; whether the last statement took effect is unknown.

    Args:
        message: one sentence that names the server and the cause.
        reason: the kind of cause.
    """

    def __init__(self, message: str, *, reason: Away = Away.UNREACHABLE) -> None:
        super().__init__(message)
        self.reason = reason


class TookTooLong(DatabaseAway):
    """The server cancelled a statement at its time-out. It had no effect, and the session is still good."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=Away.SILENT)


class OwnFault(NotNow):
    """Several companies in a row failed in our own code, so they are not the cause. `fault` names the exception."""

    reason = "internal_error"

    def __init__(self, message: str, *, fault: str) -> None:
        super().__init__(message)
        self.fault = fault


class CalledOff(AcraExpressError):
    """What was looked up before the charge stands against this call. Nothing was charged or sent.

    Args:
        known: what was found, for the part of db/ that made the look.
    """

    def __init__(self, known: dict[str, Any]) -> None:
        super().__init__("the call is called off by what is known: " + ", ".join(known))
        self.known = known


class CapReached(AcraExpressError):
    """The daily cap is used up; `retry_after` ends when the next calendar day begins in the configured time zone."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderError(AcraExpressError):
    """A provider call did not give a result.

    Args:
        message: one sentence; never the request's URL (ZeroBounce's holds the key) nor a mail address.
        provider: value of the metric label `provider`.
        retry_after: how long the provider, or our own ledger, asks us to wait; None when it does not say.
        reason: short machine word for metrics and outcomes, for example ``http_503`` or ``markup_changed``.
        sent: whether any byte of the request may have reached the provider; when False, it cannot have cost anything.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        retry_after: timedelta | None = None,
        reason: str = "provider_error",
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.retry_after = retry_after
        self.reason = reason
        self.sent = sent


class Transient(ProviderError):
    """May go away by itself: 5xx, time-out, connection error. Retried within bounds, then the job is snoozed.

    Args:
        about_target: the provider works and answered, and its error is about the page or query it was asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        retry_after: timedelta | None = None,
        reason: str = "provider_error",
        sent: bool = True,
        about_target: bool = False,
    ) -> None:
        super().__init__(message, provider=provider, retry_after=retry_after, reason=reason, sent=sent)
        self.about_target = about_target


class RateLimited(Transient):
    """The provider answered 429 or an equivalent. Tell the throttle; `retry_after` is what the provider asked for."""


class BudgetExhausted(ProviderError):
    """An allowance is used up; raised before anything is sent. `retry_after` is exact, from the ledger.

    `by_job`: it is the limit of this job's own campaign; other campaigns may go on.
    """

    by_job = False


class Blocked(ProviderError):
    """The provider refuses us (challenge page, bad key, no credits), or its breaker is open."""


class Permanent(ProviderError):
    """This request can never succeed (bad URL, target refuses robots). The company may go on without it."""


def in_words(error: BaseException) -> str:
    """``ConnectionRefusedError: …``, short enough for one line; a time-out has no message, so it gets one."""
    said = str(error).strip()
    if not said and isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
