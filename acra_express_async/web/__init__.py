"""The embedded aiohttp app: /metrics, /healthz, /readyz, /status.json and the status page at /.

It only reads what the loops keep fresh: a handler does no I/O, so a probe answers in a millisecond whatever the
database does.
"""

from acra_express_async.web.app import READY_DATABASE_SECONDS, WebServer, build_app, liveness, readiness

__all__ = ["READY_DATABASE_SECONDS", "WebServer", "build_app", "liveness", "readiness"]
