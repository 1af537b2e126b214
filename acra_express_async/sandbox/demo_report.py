"""The report at the end of a demo: one line per company, agreement with the truth, budgets, violations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from acra_express_async.db.session.pool import Connection
from acra_express_async.records.reasons import in_words
from acra_express_async.sandbox.world import Truth


@dataclass(frozen=True, slots=True)
class Result:
    """One company as the database holds it after the run."""

    uen: str
    name: str
    kind: str
    reason: str
    domain: str | None
    mails: tuple[tuple[str, str], ...]
    phones: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the results compare with the simulator's truth, in counts of companies, mail addresses and phone numbers."""

    companies: int = 0
    right: int = 0
    missed: int = 0
    wrong: int = 0
    mails: int = 0
    false_mails: int = 0
    phones: int = 0
    false_phones: int = 0


async def results(owner: Connection) -> list[Result]:
    """All finished companies in the order in which they finished; `seconds` is the time spent on each company."""
    rows = await owner.fetch(
        """
        SELECT o.uen, c.name, o.kind, o.reason, o.detail FROM acra_express.outcomes o
        LEFT JOIN companies c USING (company_id) ORDER BY o.ended_at
        """
    )
    return [_result(row["uen"], row["name"], row["kind"], row["reason"], row["detail"] or {}) for row in rows]


def _result(uen: str, name: str, kind: str, reason: str, detail: Mapping[str, Any]) -> Result:
    mails = tuple(
        (mail.get("address", "(kept as a hash)"), (mail.get("verdict") or {}).get("status", "unverified"))
        for mail in detail.get("emails", ())
    )
    return Result(
        uen=uen,
        name=name,
        kind=kind,
        reason=reason,
        domain=(detail.get("site") or {}).get("domain"),
        mails=mails if kind == "enriched" else (),
        phones=tuple(phone["number"] for phone in detail.get("phones", ())),
        seconds=sum(detail.get("stage_seconds", {}).values()),
    )


def agreement(found: Sequence[Result], truth_of: Callable[[str], Truth]) -> Agreement:
    """Score sites, mails and phones; for a site with too little proof, no answer is correct too."""
    counts = dict.fromkeys(Agreement.__dataclass_fields__, 0)
    for result in found:
        truth = truth_of(result.uen)
        counts["companies"] += 1
        accepted: set[str | None] = {truth.domain, *truth.aliases}
        if truth.may_abstain:
            accepted |= {None, truth.own_domain}
        if result.domain in accepted:
            counts["right"] += 1
        elif result.domain is None:
            counts["missed"] += 1
        else:
            counts["wrong"] += 1
        known_mails = {mail.email for mail in truth.emails}
        known_phones = {*truth.phones, *truth.optional_phones}
        for address, _verification in result.mails:
            if "@" in address:
                counts["mails" if address in known_mails else "false_mails"] += 1
        for number in result.phones:
            counts["phones" if number in known_phones else "false_phones"] += 1
    return Agreement(**counts)


def company_table(found: Sequence[Result]) -> Table:
    """One line per company, for a terminal."""
    table = Table(
        Column("UEN", no_wrap=True),
        "company",
        "website",
        "mails (verification)",
        "phone",
        "s",
        title=f"{len(found)} companies",
    )
    for result in found:
        website = result.domain or f"[dim]none: {in_words(result.reason)}[/dim]"
        mails = "\n".join(f"{address} ({verification})" for address, verification in result.mails[:3])
        table.add_row(result.uen, result.name, website, mails, "\n".join(result.phones[:2]), f"{result.seconds:.1f}")
    return table


def budget_table(state: Mapping[str, Any]) -> Table:
    """The budgets by the simulator's ledger of arrivals, which is the independent count."""
    table = Table("budget", "allowance", "worst window", "window", title="budgets as counted by the simulator")
    for name, window in state["budgets"].items():
        table.add_row(name, f"{window['allowance']:g}", f"{window['worst']:g}", f"{window['window_seconds']:g} s")
    return table


def show(console: Console, found: Sequence[Result], score: Agreement, state: Mapping[str, Any]) -> None:
    """Print everything in reading order."""
    console.print(company_table(found))
    console.print(
        f"compared with the truth: {score.right} of {score.companies} companies right, {score.missed} missed, "
        f"{score.wrong} wrong; {score.mails} mail addresses right, {score.false_mails} wrong; "
        f"{score.phones} phone numbers right, {score.false_phones} wrong"
    )
    console.print(budget_table(state))
    twice = state["verifications"]["sent_more_than_once"]
    console.print(f"budget violations: {state['violations']}; addresses verified twice: {twice}")
