"""`background_jobs.params` of the two job types: parsed strictly, written in the same form.

Anyone who may insert jobs can write anything here, so every key, number and moment has bounds and is checked before it
is used. `throttle` is kept as found; limits/overrides.py decides about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from acra_express_async.errors import JobError

MAX_BYTES = 1024 * 1024
"""Longest params, as JSON text: 10,000 UENs take a seventh of it."""

MAX_LISTED = 10_000
"""Most UENs, codes, terms or companies in one job; larger selections are made by SSIC code."""

MAX_COMPANIES = 1_000_000
"""Most companies of one campaign: at 300 a day, nine years of work."""

MAX_ID = 2**63 - 1
"""Largest bigint of PostgreSQL."""

MAX_INT = 2**31 - 1
"""Largest int of PostgreSQL."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A job's moments must lie between these: wide enough for every clock, and arithmetic with them never overflows."""

_SHOWN_KEY = 60
"""Characters of a key that a sentence quotes."""

Word = Annotated[str, Field(min_length=1, max_length=200)]
Identifier = Annotated[int, Field(ge=1, le=MAX_ID)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> Self:
        """Read a job's params.

        Raises:
            JobError: one sentence that names every wrong key.
        """
        try:
            return cls.model_validate_json(_as_json(params))
        except ValidationError as wrong:
            raise JobError(_sentence(wrong)) from None
        except RecursionError:
            raise JobError("params is nested more deeply than can be read") from None

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored; keys with their default value are left out."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


class Campaign(_Params):
    """What all batches of one enqueue share.

    `id` is the job id of the first staging job; `left` is how many companies are still to be staged (None: no limit
    was asked for); `after` is the last UEN that the walk through the selection has reached; `wrapped` says that the
    walk has started over once. A list of UENs is stored in the database under `id`, not here.
    """

    id: Identifier
    enqueued_at: Moment
    left: Annotated[int, Field(ge=0, le=MAX_COMPANIES)] | None = None
    after: Annotated[str, Field(max_length=200)] | None = None
    wrapped: bool = False


class StagingParams(_Params):
    """Which registry rows to stage: UENs, SSIC codes, or terms resolved to codes; at most `limit` companies.

    Only rows written by hand and continuations of version 0.1 have `uens`; their first claim moves them into the
    campaign's list.
    """

    terms: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    ssic_codes: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    uens: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    limit: Annotated[int, Field(ge=1, le=MAX_COMPANIES)] | None = None
    throttle: Any = None
    campaign: Campaign | None = None
    requested_by: Word | None = None
    requested_by_tenant: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None
    retries: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None


class EnrichmentParams(_Params):
    """Which companies to enrich, and since when they have been waiting."""

    company_ids: Annotated[list[Identifier], Field(max_length=MAX_LISTED)]
    staging_job_id: Identifier | None = None
    staged_at: Moment | None = None
    campaign_enqueued_at: Moment | None = None
    campaign_id: Identifier | None = None
    throttle: Any = None
    requested_by_tenant: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None
    retries: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None


def row_fault(job_id: int, created_at: datetime) -> str | None:
    """Why a job's row cannot be worked on, whatever its params say; None when it can."""
    if not 1 <= job_id <= MAX_ID:
        return f"job_id {job_id} is not positive; insert the row without one, and the table gives it the next"
    if believable(created_at) is None:
        years = f"{EARLIEST.year} and {LATEST.year}"
        return f"created_at lies outside the years between {years}; how long a company waited is measured from it"
    return None


def params_fault(word: str | None, most_bytes: int = MAX_BYTES) -> str | None:
    """The sentence for a fault that `acra_express.params_fault` found within `most_bytes`; None without a fault."""
    if word is None:
        return None
    instead = f"name the companies by ssic_codes or terms, or by at most {MAX_LISTED} uens a job"
    return {
        "too_long": f"params is longer than {most_bytes // 1024} kB"
        + (f": {instead}" if most_bytes == MAX_BYTES else ""),
        "number_too_long": "params holds a number of more than 100 digits",
        "no_object": "params must be a JSON object",
    }.get(word, "params is nested more deeply than can be read")


def listed_uens(uens: Iterable[str]) -> list[str]:
    """UENs as a list holds them: trimmed, in capitals, each once, in the order given."""
    return list(dict.fromkeys(uen.strip().upper() for uen in uens if uen.strip()))


def companies_named_in(params: Mapping[str, Any]) -> list[int]:
    """The readable company ids of an enrichment job, because even a broken job must be able to end.

    At most `MAX_LISTED`, the smallest ones: a job with more is never started.
    """
    listed = params.get("company_ids")
    if not isinstance(listed, list):
        return []
    return sorted({entry for entry in listed if id_of(entry) is not None})[:MAX_LISTED]


def campaign_of(params: object, job_id: int) -> int:
    """The campaign that a job's params name, however malformed they are; a job without one is its own campaign."""
    if not isinstance(params, Mapping):
        return job_id
    campaign = params.get("campaign")
    named = campaign.get("id") if isinstance(campaign, Mapping) else None
    return id_of(named) or id_of(params.get("campaign_id")) or id_of(params.get("staging_job_id")) or job_id


def id_of(value: object) -> int | None:
    """The value if it can be the id of a row; None for everything else."""
    return value if type(value) is int and 1 <= value <= MAX_ID else None


def moment_in(params: Mapping[str, Any], key: str) -> datetime | None:
    """An ISO moment with an offset between `EARLIEST` and `LATEST`; None when the key is missing or holds none."""
    return moment_of(params.get(key))


def moment_of(value: object) -> datetime | None:
    """See `moment_in`."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return believable(moment) if moment.tzinfo is not None else None


def believable(moment: datetime) -> datetime | None:
    """The moment if a job may have been made then; None for everything else."""
    return moment if EARLIEST <= moment < LATEST else None


def _as_json(params: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(params)).encode()


def _sentence(wrong: ValidationError) -> str:
    parts = []
    for error in wrong.errors(include_url=False, include_input=False)[:5]:
        key = ".".join(str(step) for step in error["loc"])[:_SHOWN_KEY]
        if not key:
            parts.append(f"params: {error['msg'][:1].lower()}{error['msg'][1:]}")
        elif error["type"] == "extra_forbidden":
            parts.append(f"params has an unknown key {key!r}")
        elif error["type"] == "missing":
            parts.append(f"params lacks the key {key!r}")
        else:
            parts.append(f"params key {key!r}: {error['msg'][:1].lower()}{error['msg'][1:]}")
    return "; ".join(parts)
