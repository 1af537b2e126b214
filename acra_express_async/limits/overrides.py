"""`throttle` of a job's params: the job's own limits. A lower one always applies; a higher one needs an approver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acra_express_async.errors import JobError
from acra_express_async.limits.budget import Allowance, allowances
from acra_express_async.limits.budget_table import budgets_of
from acra_express_async.models import JobLimits, Provider
from acra_express_async.settings.tree import Settings

LARGEST_BATCH = 100
"""The same maximum as the setting BATCH_SIZE has."""
LARGEST_CAP = 1_000_000


@dataclass(frozen=True, slots=True)
class Override:
    """One limit that a job asked to raise: what is configured, what was asked for, and what was granted."""

    name: str
    configured: int
    asked: int
    granted: int

    def __str__(self) -> str:
        return f"{self.name}: asked {self.asked}, configured {self.configured}, granted {self.granted}"


@dataclass(frozen=True, slots=True)
class JobThrottle:
    """What applies to one job and its continuations.

    `raised` are the approved limits above the configured ones; `refused` are those that were reduced (not approved, or
    beyond the allowance). Both are logged with `authorized_by`, the name that the job gave.
    """

    batch_size: int
    daily_cap: int
    limits: JobLimits = field(default_factory=JobLimits)
    raised: tuple[Override, ...] = ()
    refused: tuple[Override, ...] = ()
    authorized_by: str | None = None


def resolve(params_throttle: object, settings: Settings, *, key: str = "") -> JobThrottle:
    """Decide about `params.throttle` under the settings.

    Args:
        params_throttle: as found in the job; None means that there is none.
        settings: configured limits, allowances and approvers.
        key: names the job and its continuations in the ledger; without it their calls are not counted together.

    Raises:
        JobError: an unknown key, a wrong type or an impossible value; the sentence names the key.
    """
    asked = {} if params_throttle is None else _mapping(params_throttle, "throttle")
    _only(asked, {"batch_size", "daily_cap", "providers", "authorized_by"}, "throttle")
    who = asked.get("authorized_by", "")
    if not isinstance(who, str):
        raise JobError("throttle.authorized_by must be a string")
    judge = _Judge(approved=who in settings.override_approvers)
    batch_size = judge.figure("batch_size", asked, settings.batch_size, least=1, most=LARGEST_BATCH)
    daily_cap = judge.figure("daily_cap", asked, settings.daily_cap, least=0, most=LARGEST_CAP)
    figures = _provider_figures(_mapping(asked.get("providers", {}), "throttle.providers"), settings, judge)
    return JobThrottle(
        batch_size=batch_size,
        daily_cap=daily_cap,
        limits=JobLimits(key, figures),
        raised=tuple(judge.raised),
        refused=tuple(judge.refused),
        authorized_by=who or None,
    )


def _provider_figures(
    asked: Mapping[str, object], settings: Settings, judge: _Judge
) -> dict[tuple[Provider, str], int]:
    configured = allowances(settings)
    _only(asked, set(configured), "throttle.providers")
    figures = {}
    for provider in map(Provider, asked):
        where = f"throttle.providers.{provider}"
        group = _mapping(asked[provider], where)
        rows = {row.setting: row for row in budgets_of(provider)}
        _only(group, set(rows), where)
        for name, value in group.items():
            row = rows[name]
            [allowance] = [each for each in configured[provider] if each.name == row.name]
            granted = judge.provider_figure(f"{where}.{name}", value, allowance, least=row.least)
            if granted is not None:
                figures[row.key] = granted
    return figures


@dataclass(slots=True)
class _Judge:
    approved: bool
    raised: list[Override] = field(default_factory=list)
    refused: list[Override] = field(default_factory=list)

    def figure(self, key: str, given: Mapping[str, object], configured: int, *, least: int, most: int) -> int:
        """The limit that applies: the job's own if it is lower or approved, the configured one otherwise."""
        if key not in given:
            return configured
        name = f"throttle.{key}"
        asked = _whole(name, given[key], least)
        if asked > most:
            raise JobError(f"{name} must be at most {most}, not {asked}")
        if asked <= configured:
            return asked
        granted = asked if self.approved else configured
        self._record(Override(name, configured, asked, granted))
        return granted

    def provider_figure(self, name: str, value: object, allowance: Allowance, *, least: int) -> int | None:
        """The job's own limit, never above the allowance; None when only the configured budget applies."""
        asked = _whole(name, value, least)
        if asked <= allowance.own:
            return asked
        granted = min(asked, allowance.limit) if self.approved else allowance.own
        self._record(Override(name, allowance.own, asked, granted))
        return granted if granted > allowance.own else None

    def _record(self, override: Override) -> None:
        if override.granted > override.configured:
            self.raised.append(override)
        if override.granted < override.asked:
            self.refused.append(override)


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise JobError(f"{name} must be an object")
    return value


def _only(given: Mapping[str, object], known: set[str] | set[Provider], name: str) -> None:
    for key in given:
        if key not in known:
            raise JobError(f"unknown key {name}.{key[:60]}")


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise JobError(f"{name} must be a whole number")
    if value < least:
        raise JobError(f"{name} must be at least {least}, not {value}")
    return value
