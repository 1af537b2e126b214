"""`acra-express check --providers`: the cheapest real call to each provider, which never changes a breaker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from acra_express_async.db.limits.breaker_rows import BreakerRows
from acra_express_async.db.limits.budget_ledger import BudgetLedger
from acra_express_async.db.session.pool import Database
from acra_express_async.limits import BreakerState, Kind, Streak
from acra_express_async.models import Provider
from acra_express_async.ops.checks import Finding
from acra_express_async.providers.http_client import http_client
from acra_express_async.providers.trials import Trial
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.service.clients import build_providers
from acra_express_async.service.process_context import process_context
from acra_express_async.settings.tree import Settings, secret_files


class ReadOnlyBreakers:
    """The shared breakers, as `limits.BreakerStore`: an open one prevents the call, and nothing is ever written."""

    def __init__(self, rows: BreakerRows) -> None:
        self._rows = rows

    async def read(self, provider: Provider) -> BreakerState:
        """The state now."""
        return await self._rows.read(provider)

    async def failed(self, provider: Provider, target: str, *, about_target: bool, unreached: bool = False) -> Streak:  # noqa: ARG002
        """Not noted."""
        return Streak()

    async def answered(self, provider: Provider) -> None:
        """Not noted."""

    async def trip(
        self,
        provider: Provider,
        kind: Kind,  # noqa: ARG002
        reason: str,  # noqa: ARG002
        cooldowns: Sequence[timedelta],  # noqa: ARG002
        probe: datetime | None = None,  # noqa: ARG002
        key_print: str | None = None,  # noqa: ARG002
    ) -> tuple[BreakerState, bool]:
        """Left as it is."""
        return await self.read(provider), False

    async def claim_probe(self, provider: Provider, lease: timedelta) -> datetime | None:  # noqa: ARG002
        """Never: a half-open breaker is the service's to probe."""
        return None

    async def release_probe(self, provider: Provider, probe: datetime) -> None:
        """There is none."""

    async def reset(self, provider: Provider, probe: datetime) -> None:
        """Left as it is."""


async def provider_findings(settings: Settings, database: Database) -> list[Finding]:
    """One line for each provider: `ok` when it answered, `warn` when it was not called, `FAIL` when it does not serve
    us."""
    async with http_client() as http:
        providers = build_providers(
            settings,
            http,
            ledger=BudgetLedger(database),
            breaker_store=ReadOnlyBreakers(BreakerRows(database)),
            context=process_context(settings),
            secrets=Secrets.of(settings, secret_files()),
        )
        return [_finding(await call()) for call in providers.trials.values()]


def _finding(trial: Trial) -> Finding:
    if trial.answered:
        return Finding("ok", trial.text)
    return Finding("FAIL" if trial.called else "warn", trial.text)
