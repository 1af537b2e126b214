"""The console as a whole: its parts, its routes, and what the open pages show to whom."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

from aiohttp import web

from acra_express_async.console.campaign_pages import CampaignPages
from acra_express_async.console.company_pages import CompanyPages
from acra_express_async.console.downloads import MOST_ROWS, Downloads
from acra_express_async.console.enqueue_pages import EnqueuePages
from acra_express_async.console.error_pages import error_pages
from acra_express_async.console.gate import Gate, asset_headers
from acra_express_async.console.paced_reader import GRACE_SECONDS
from acra_express_async.console.peers import TrustedProxies
from acra_express_async.console.people import People
from acra_express_async.console.provider_pages import ProviderPages
from acra_express_async.console.review_pages import ReviewPages
from acra_express_async.console.search_page import search
from acra_express_async.console.sign_in_limits import SignInLimits
from acra_express_async.console.tickets import Tickets
from acra_express_async.console.trail_page import trail
from acra_express_async.console.visit import ROOT
from acra_express_async.console.wording_filters import FILTERS
from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.campaign_rows import Campaigns
from acra_express_async.db.schema.platform_shape import PlatformShape
from acra_express_async.db.session.on_demand import OnDemand
from acra_express_async.runtime.secret_files import Secret
from acra_express_async.settings.tree import Settings
from acra_express_async.web.templating import environment_of

ASSETS = {"console.css": "text/css", "console.js": "text/javascript"}


class Console:
    """Serves /console and says who may see what of the open pages.

    Args:
        sessions: its connection, opened on demand.
        password: the one of CONSOLE__PASSWORD, in force now; None without.
        shape: the platform's tables in this deployment.
        hashes: of addresses, and the part of the signing key that only the database knows.
        status: what /status.json says.
        clock: monotonic seconds.
        most_rows: of one export.
        export_grace_seconds: by which the reader of an export may be late.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sessions: OnDemand,
        password: Secret | None,
        shape: PlatformShape,
        hashes: AddressHash,
        status: Callable[[], dict[str, Any]],
        clock: Callable[[], float],
        most_rows: int = MOST_ROWS,
        export_grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.sessions = sessions
        tickets = Tickets(hashes, password)
        people = People(
            tickets,
            TrustedProxies(settings.console.trusted_proxies),
            password=password,
            header=settings.console.user_header,
        )
        templates = environment_of("acra_express_async.console", **FILTERS)
        self._gate = Gate(settings, sessions, people, tickets, SignInLimits(clock), templates)
        self._campaigns = CampaignPages(settings)
        self._companies = CompanyPages(shape, hashes)
        self._providers = ProviderPages(status)
        self._enqueue = EnqueuePages(settings)
        self._downloads = Downloads(
            sessions,
            clock,
            stands_back=settings.stand_back_while_nightly_runs,
            most_rows=most_rows,
            grace_seconds=export_grace_seconds,
        )
        self._review = ReviewPages()

    def attach(self, app: web.Application) -> None:
        """Add the routes, and the pages of their errors."""
        gate, add = self._gate, app.router
        app.middlewares.append(error_pages(gate.wrong))
        add.add_get(ROOT, _to_root)
        add.add_get(f"{ROOT}/assets/{{name}}", _assets())
        add.add_get(f"{ROOT}/sign-in", gate.sign_in_form)
        add.add_post(f"{ROOT}/sign-in", gate.sign_in)
        for path, page in (
            ("/", self._campaigns.listed),
            (r"/campaigns/{campaign_id:\d+}", self._campaigns.shown),
            ("/search", search),
            ("/companies/{uen}", self._companies.shown),
            ("/review", self._review.shown),
            ("/enqueue", self._enqueue.form),
            ("/providers", self._providers.shown),
            ("/export", self._downloads.form),
            ("/trail", trail),
        ):
            add.add_get(f"{ROOT}{path}", gate.page(page))
        add.add_get(f"{ROOT}/export/records.{{form}}", gate.page(self._downloads.file), allow_head=False)
        for path, action in (
            ("/sign-out", gate.sign_out),
            ("/pause", self._campaigns.pause),
            ("/resume", self._campaigns.resume),
            (r"/campaigns/{campaign_id:\d+}/retry", self._campaigns.retry),
            (r"/campaigns/{campaign_id:\d+}/cancel", self._campaigns.cancel),
            ("/companies/{uen}/judge", self._companies.judge),
            ("/enqueue", self._enqueue.sent),
            ("/providers/{provider}/probe", self._providers.probe),
        ):
            add.add_post(f"{ROOT}{path}", gate.action(action))

    async def view(self, request: web.Request, status: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """The status as the one who asks may see it, and whether they are signed in.

        Strangers see no company and no campaign's name; signed-in people see both.
        """
        ids = [line["campaign_id"] for line in status["campaigns"]]
        names = await self._gate.for_person(request, lambda database: Campaigns(database).names(ids))
        if names is None:
            return status | {"companies": []}, False
        named = [line | {"name": names.get(line["campaign_id"])} for line in status["campaigns"]]
        return status | {"campaigns": named}, True


async def _to_root(_request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": f"{ROOT}/"})


def _assets() -> Callable[[web.Request], Any]:
    folder = resources.files("acra_express_async.console").joinpath("assets")
    texts = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in ASSETS}

    async def asset(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in texts:
            raise web.HTTPNotFound
        return web.Response(text=texts[name], content_type=ASSETS[name], headers=asset_headers())

    return asset
