"""What the commands share: settings, one event loop, and sessions as the login account or as the tenant role."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import tzinfo
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

from acra_express_async.cli.wording import json_text
from acra_express_async.db.schema.tenant_access import require_tenant
from acra_express_async.db.session.dsn import host_and_port
from acra_express_async.db.session.pinned import COMMAND_NAME, OWNER_SETTINGS, session_settings
from acra_express_async.db.session.pool import Connection, Database, connect
from acra_express_async.db.session.server_errors import translated
from acra_express_async.errors import ConfigError, DatabaseAway, NotNow
from acra_express_async.settings.tree import Settings

Arguments = ParamSpec("Arguments")
ResultT = TypeVar("ResultT")


def synchronous(command: Callable[Arguments, Coroutine[Any, Any, ResultT]]) -> Callable[Arguments, ResultT]:
    """Run a coroutine command in its own event loop."""

    @wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResultT:
        return asyncio.run(command(*args, **kwargs))

    return run


@asynccontextmanager
async def as_login(settings: Settings) -> AsyncIterator[Connection]:
    """A session of the login account: for migrations, uninstall, loading the registry, and forgetting.

    Raises:
        ConfigError: the server cannot be reached, or it refuses the login.
    """
    connection = await _dial(settings, OWNER_SETTINGS)
    try:
        with translated(_server(settings)):
            yield connection
    finally:
        await _close(connection)


@asynccontextmanager
async def as_tenant(settings: Settings) -> AsyncIterator[Database]:
    """Sessions under the tenant role, as the service itself has them; role, schema and tenant are checked first.

    Raises:
        ConfigError, SchemaError: one sentence for the operator.
    """
    named = {"application_name": COMMAND_NAME}
    connection = await _dial(settings, session_settings(settings.tenant_role, None) | named)
    try:
        with translated(_server(settings)):
            tenant_id = await require_tenant(connection, settings, pooled=False)
    finally:
        await _close(connection)
    database = Database(
        settings.postgres_dsn.get_secret_value(),
        role=settings.tenant_role,
        tenant_id=tenant_id,
        size=1,
        pooled=settings.listen_dsn is not None,
        extra=named,
    )
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _direct(settings: Settings) -> str:
    """A command's session outlives a transaction, so it goes past a transaction pooler."""
    return (settings.listen_dsn or settings.postgres_dsn).get_secret_value()


def _server(settings: Settings) -> str:
    return host_and_port(_direct(settings))


async def _dial(settings: Settings, session: dict[str, str]) -> Connection:
    try:
        setting = "LISTEN_DSN" if settings.listen_dsn else "POSTGRES_DSN"
        return await connect(_direct(settings), session, setting=setting)
    except DatabaseAway as away:
        raise ConfigError(str(away)) from away


async def _close(connection: Connection) -> None:
    """A session that broke cannot say goodbye; what broke it was said already."""
    try:
        with translated("the server"):
            await connection.close(timeout=2)
    except NotNow:
        connection.terminate()


def operator_name() -> str:
    """Who runs the command, for audit trails; a container's numeric user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def say(answer: dict[str, Any], *, as_json: bool, text: str, zone: tzinfo | None = None) -> None:
    """One answer, for a machine (moments with the offset of `zone`) or for a person."""
    click.echo(json_text(answer, zone) if as_json else text)


def confirm(question: str, *, as_json: bool) -> None:
    """Ask before something that cannot be undone; a program that answers on standard input is not shown the question.

    Raises:
        click.Abort: the answer is not yes.
    """
    if not as_json or sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
    elif sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise click.Abort


page_size_option = click.option(
    "--page-size",
    type=click.Choice(["0", "1", "4"]),
    default="0",
    show_default=True,
    help="Of the simulated websites: 0 short pages, 1 as real ones, 4 with menus and footers four times as large.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
