"""The trail of actions: a row before each action, completed when it is known how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from acra_express_async import logs
from acra_express_async.console.visit import ConsoleVisit
from acra_express_async.db.console.console_rows import NewAction
from acra_express_async.errors import AcraExpressError, NotNow
from acra_express_async.jobs.attempts import LockRetry

log = logs.logger("console")

ResultT = TypeVar("ResultT")


async def acted(
    visit: ConsoleVisit,
    action: str,
    do: Callable[[], Awaitable[ResultT]],
    *,
    uen: str | None = None,
    campaign_id: int | None = None,
    provider: str | None = None,
    made: Callable[[ResultT], int | None] = lambda _result: None,
) -> ResultT:
    """Note an action, take it, and note how it ended; a transaction that gave way to a lock is repeated.

    Args:
        made: the campaign that the action made, from its result.

    Raises:
        AcraExpressError: it was refused; the sentence says why.
        NotNow: the database cannot serve us; whether the action took effect may be unknown.
    """
    number = await noted(visit, action, uen=uen, campaign_id=campaign_id, provider=provider)
    try:
        result = await attempted(do)
    except NotNow:
        raise
    except AcraExpressError:
        await visit.rows.finish(number, "refused")
        raise
    await visit.rows.finish(number, "done", made(result))
    return result


async def noted(
    visit: ConsoleVisit,
    action: str,
    *,
    uen: str | None = None,
    campaign_id: int | None = None,
    provider: str | None = None,
) -> int:
    """Note an action that is about to be taken; returns the number with which its end is recorded."""
    number = await visit.rows.note(
        NewAction(
            by=visit.person.name,
            signed_in=visit.person.session.signed_in,
            peer=visit.person.peer,
            action=action,
            uen=uen,
            campaign_id=campaign_id,
            provider=provider,
        )
    )
    log.info("console.acted", action=action, by=visit.person.name, campaign_id=campaign_id, provider=provider)
    return number


async def attempted(do: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Do it; a transaction that gave way to a lock is repeated."""
    return await LockRetry(Random(), lambda _reason: None).write(do)  # noqa: S311 - jitter
