"""Builds the providers (one throttle, one budget and one breaker each, over one HTTP client) and the pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import httpx

from acra_express_async.companies.pipeline import Effort, Pipeline
from acra_express_async.companies.verification import Verification
from acra_express_async.db.companies.address_hash import AddressHash
from acra_express_async.db.companies.answer_memory import Memory
from acra_express_async.db.companies.optouts import OptOuts
from acra_express_async.db.companies.verification_rows import VerificationRows
from acra_express_async.db.limits.probe_requests import ProbeRequests
from acra_express_async.db.limits.settlements import Settlements
from acra_express_async.db.session.pool import Database
from acra_express_async.jobs.courtesy import Courtesy
from acra_express_async.limits import (
    SEND_MARGIN,
    Allowance,
    Breaker,
    BreakerStore,
    Budget,
    Ledger,
    Mend,
    MendedKeys,
    Pace,
    Throttle,
    allowances,
    fair_share,
)
from acra_express_async.limits.budget_table import NEEDED, VERIFICATIONS
from acra_express_async.models import Provider
from acra_express_async.ops.preflight import DatabaseAccess
from acra_express_async.ops.snapshot import Snapshot
from acra_express_async.providers import duckduckgo, jina, slack, zerobounce
from acra_express_async.providers.base import Caller
from acra_express_async.providers.duckduckgo import DuckDuckGo
from acra_express_async.providers.jina import JinaReader
from acra_express_async.providers.probes import Probes
from acra_express_async.providers.slack import Slack
from acra_express_async.providers.trials import Trial, trials
from acra_express_async.providers.zerobounce import ZeroBounce
from acra_express_async.runtime.context import Context
from acra_express_async.runtime.secret_files import Secrets
from acra_express_async.settings.tree import Settings


@dataclass(frozen=True, slots=True)
class Providers:
    """The clients, one trial call of each, and those of their limits that metrics and the status page show."""

    duckduckgo: DuckDuckGo
    jina: JinaReader
    zerobounce: ZeroBounce
    slack: Slack
    trials: Mapping[Provider, Callable[[], Awaitable[Trial]]]
    breakers: Mapping[Provider, Breaker]
    allowances: Mapping[Provider, tuple[Allowance, ...]]
    turns: Mapping[Provider, tuple[Allowance, ...]]


def paces(settings: Settings) -> dict[Provider, Pace]:
    """How fast one process may call each provider; each file of providers/ names the source of its figures."""
    return {
        Provider.DUCKDUCKGO: duckduckgo.pace(settings.duckduckgo),
        Provider.JINA: jina.pace(settings.jina),
        Provider.ZEROBOUNCE: zerobounce.PACE,
        Provider.SLACK: slack.PACE,
    }


def shared_turns(
    settings: Settings, *, window_scale: float = 1.0, margin: timedelta = SEND_MARGIN
) -> dict[Provider, tuple[Allowance, ...]]:
    """What providers count by the address they are called from; replicas with the same EGRESS share it."""
    egress = settings.duckduckgo.egress
    return {
        Provider.DUCKDUCKGO: duckduckgo.turns(settings.duckduckgo, window_scale=window_scale, margin=margin),
        Provider.JINA: jina.turns(settings.jina, egress, window_scale=window_scale, margin=margin),
    }


def mended_keys(secrets: Secrets, mend: Mend, hashes: AddressHash) -> MendedKeys:
    """The keys of this process, compared with those for which a breaker is open."""
    return MendedKeys(mend, secrets.keys, hashes.key_print)


def build_providers(
    settings: Settings,
    http: httpx.AsyncClient,
    *,
    ledger: Ledger,
    breaker_store: BreakerStore,
    context: Context,
    margin: timedelta = SEND_MARGIN,
    secrets: Secrets | None = None,
    keys: MendedKeys | None = None,
    kept: bool = False,
) -> Providers:
    """For each provider all that a call passes through.

    Args:
        margin: the time from a charge to the first byte sent.
        kept: the pipeline keeps every good answer at once (see `Caller`).
        secrets: keys that may be rotated while the service runs; without it the keys of the settings are used.
    """
    secrets = secrets or Secrets.of(settings, {})
    wait = timedelta(seconds=settings.budget_wait_seconds)
    figures = allowances(settings, margin=margin)
    turns = shared_turns(settings, margin=margin)
    pace = paces(settings)

    def breaker(provider: Provider) -> Breaker:
        return Breaker(
            provider,
            breaker_store,
            context.metrics,
            longest_try=wait + timedelta(seconds=settings.of(provider).timeout_seconds),
            key_print=None if keys is None else partial(keys.print_of, provider),
        )

    breakers = {provider: breaker(provider) for provider in figures}

    def caller(provider: Provider) -> Caller:
        throttle = Throttle(provider, pace[provider], patience=wait, context=context)
        if provider not in figures:
            return Caller(provider, throttle, margin=margin, context=context)
        budget = Budget(
            provider,
            figures[provider],
            ledger,
            patience=wait,
            turns=turns.get(provider, ()),
            context=context,
        )
        return Caller(
            provider,
            throttle,
            budget=budget,
            breaker=breakers[provider],
            margin=margin,
            kept=kept,
            context=context,
        )

    callers = {provider: caller(provider) for provider in Provider}

    def clients(of: Callable[[Provider], Caller]) -> tuple[DuckDuckGo, JinaReader, ZeroBounce]:
        return (
            DuckDuckGo(http, settings.duckduckgo, of(Provider.DUCKDUCKGO)),
            JinaReader(http, settings.jina, of(Provider.JINA), key=secrets.jina_key),
            ZeroBounce(http, settings.zerobounce, of(Provider.ZEROBOUNCE), key=secrets.zerobounce_key),
        )

    searcher, reader, verifier = clients(lambda provider: callers[provider])
    return Providers(
        duckduckgo=searcher,
        jina=reader,
        zerobounce=verifier,
        slack=Slack(http, settings.slack, callers[Provider.SLACK], webhook=secrets.slack_webhook),
        trials=trials(*clients(lambda provider: callers[provider].single()), clock=context.clock),
        breakers=breakers,
        allowances=figures,
        turns=turns,
    )


def cut_off_from(breakers: Mapping[Provider, Breaker]) -> str | None:
    """Why no company can be worked on from this host: it cannot reach a provider that every company needs."""
    for provider, breaker in breakers.items():
        if provider in NEEDED and (left := breaker.cut_off) > timedelta():
            return (
                f"this host cannot reach {provider}, which other hosts reach: it takes no job for another"
                f" {left.total_seconds():.0f} s"
            )
    return None


def build_pipeline(
    settings: Settings,
    access: DatabaseAccess,
    providers: Providers,
    *,
    memory: Memory,
    settlements: Settlements,
    snapshot: Snapshot,
    clock: Callable[[], float],
) -> Pipeline:
    """The pipeline over these providers and the stored answers; `snapshot` is kept up to date."""
    [verifications] = [each for each in providers.allowances[Provider.ZEROBOUNCE] if each.name == VERIFICATIONS.name]

    def share() -> int:
        used, _limit = snapshot.budgets.get(VERIFICATIONS.key, (0, 0))
        takers = settings.daily_cap - snapshot.cap_used
        return fair_share(verifications.own - used, takers, settings.zerobounce.max_per_company)

    verification = Verification(
        verifier=providers.zerobounce,
        store=VerificationRows(
            access.work,
            shape=access.shape,
            hashes=access.hashes,
            cache_days=settings.zerobounce.cache_days,
            settlements=settlements,
        ),
        max_addresses=settings.zerobounce.max_per_company,
        personal=settings.store_personal_emails,
        fair_share=share,
    )
    return Pipeline(
        searcher=providers.duckduckgo,
        reader=providers.jina,
        verification=verification,
        opt_outs=OptOuts(access.work, access.hashes),
        memory=memory,
        address_key=access.hashes.text,
        clock=clock,
        effort=Effort(max_pages=settings.jina.max_pages, tokens_per_page=settings.jina.tokens_per_page),
    )


def build_probes(
    settings: Settings,
    database: Database,
    providers: Providers,
    secrets: Secrets,
    *,
    owner: str,
    courtesy: Courtesy,
    context: Context,
) -> Probes:
    """The loop that probes a provider when an operator asks for it."""
    return Probes(
        store=ProbeRequests(database),
        owner=owner,
        trials=providers.trials,
        breakers=providers.breakers,
        stands_back=courtesy.stands_back,
        zone=settings.zone,
        context=context,
        keys={provider: key for provider, key in secrets.keys.items() if key is not None},
    )
