"""What a person asks for with an enqueue: understood, foreseen, and inserted as a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acra_express_async.companies.forecast import Foreseen, foreseen
from acra_express_async.db.companies.campaign_rows import Asked
from acra_express_async.db.jobs.job_commands import Operator
from acra_express_async.db.session.pool import Database
from acra_express_async.errors import JobError
from acra_express_async.limits import JobThrottle, resolve
from acra_express_async.models import JobId
from acra_express_async.params import StagingParams
from acra_express_async.settings.tree import Settings

LONGEST_NAME = 200
"""Characters of a campaign's name."""


@dataclass(frozen=True, slots=True)
class CampaignRequest:
    """A selection and how it is to be worked on; `judged` is the throttle that will be in force.

    Attributes:
        uens: the list, each UEN once and in upper case; empty for a selection by terms and codes alone.
        again: companies within RECHECK_DAYS too.
    """

    params: StagingParams
    uens: Sequence[str]
    judged: JobThrottle
    again: bool

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        terms: Iterable[str],
        ssic_codes: Iterable[str],
        uens: Iterable[str],
        limit: int | None = None,
        again: bool = False,
        throttle: Mapping[str, object] | None = None,
    ) -> CampaignRequest:
        """What these words ask for.

        Args:
            throttle: as in a job's params.

        Raises:
            JobError: nothing is named at all, or a value is wrong; the sentence names it.
        """
        wanted = {"terms": words_in(terms), "ssic_codes": words_in(ssic_codes)}
        listed = words_in(uen.upper() for uen in uens)
        if not (any(wanted.values()) or listed):
            raise JobError("name at least one term, SSIC code or UEN")
        params = StagingParams.parse(wanted | {"limit": limit, "throttle": throttle})
        return cls(params, listed, resolve(throttle, settings), again)

    async def foreseen(self, database: Database, settings: Settings, *, served: bool = False) -> Foreseen:
        """What will come of it; nothing is written.

        Args:
            served: as for `forecast.foreseen`.

        Raises:
            JobError: a term or a code matches nothing.
        """
        listed = list(self.uens)
        return await foreseen(database, settings, self.params, self.judged, listed, again=self.again, served=served)

    async def enqueue(self, database: Database, seen: Foreseen, *, name: str | None, by: str) -> JobId:
        """Insert the campaign; returns its ID."""
        expected = seen.companies if seen.exact else None
        asked = Asked(name=name, by=by, expected=expected, again_by=by if self.again else None)
        return await Operator(database).enqueue(self.params, asked, list(self.uens))


def words_in(given: Iterable[str]) -> list[str]:
    """Each word once, in order, without blank ones."""
    return list(dict.fromkeys(word.strip() for word in given if word.strip()))


def cuts(judged: JobThrottle, settings: Settings) -> list[str]:
    """Raises that were refused or reduced, and why."""
    approvers = settings.override_approvers
    if judged.authorized_by in approvers:
        why = "more than the provider's allowance"
    elif approvers:
        why = f"--authorized-by must be one of OVERRIDE_APPROVERS: {', '.join(approvers)}"
    else:
        why = "OVERRIDE_APPROVERS is empty, so no one can approve it"
    return [f"throttle not raised: {refused} ({why})" for refused in judged.refused]
