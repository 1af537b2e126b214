"""The embedded aiohttp app: /metrics, /healthz, /readyz, /status.json and the status page at /.

Handlers only read what the loops keep up to date and do no I/O, so a probe is answered in a millisecond whatever the
database does. Nothing on the page comes from another host, and every value is escaped: names and addresses come from
the registry and the web.
"""

from acra_express_async.web.app import WebServer, build_app, liveness, readiness

__all__ = ["WebServer", "build_app", "liveness", "readiness"]
