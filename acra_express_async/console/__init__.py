"""The console: pages for records and campaigns under /console, only for people who are signed in.

It is off unless a password or a proxy's header is configured. Pages are rendered here, work without script, and load
nothing from another host. What a person does is a POST with a token of their session, calls what the command of that
name calls, and leaves a row in `console_actions`.

It must cost the always-on service nothing: one connection more, opened for the first page and given up first
(`db/session/on_demand.py`), with a short statement time-out; every page reads a bounded number of rows by index.

`people` says who asks, `tickets` signs what the browser keeps, `visit` is one request of a signed-in person, `gate`
lets people in, and each `…_pages` module serves one subject.
"""

from acra_express_async.console.application import Console

__all__ = ["Console"]
