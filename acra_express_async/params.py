"""`background_jobs.params` of the two job types: parsed strictly, written in the same form.

Anyone who may insert jobs can write anything here, so every key is checked before it is used. `throttle` is kept as
found; limits/overrides.py decides about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from acra_express_async.errors import JobError

MAX_LISTED = 10_000
"""Most UENs, codes or terms in one job; larger selections are made by SSIC code."""

MAX_ID = 2**63 - 1
"""Largest bigint of PostgreSQL."""

Word = Annotated[str, Field(min_length=1, max_length=200)]


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

    def as_json(self) -> dict[str, Any]:
        """The form in which it is stored; keys with their default value are left out."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


class Campaign(_Params):
    """What all batches of one enqueue share.

    `id` is the job id of the first staging job; `left` is how many companies are still to be staged (None: no limit
    was asked for); `after` is the last UEN that the walk through the selection has reached; `wrapped` says that the
    walk has started over once.
    """

    id: Annotated[int, Field(ge=1, le=MAX_ID)]
    enqueued_at: AwareDatetime
    left: int | None = None
    after: str | None = None
    wrapped: bool = False


class StagingParams(_Params):
    """Which registry rows to stage: UENs, SSIC codes, or terms resolved to codes; at most `limit` companies."""

    terms: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    ssic_codes: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    uens: Annotated[list[Word], Field(max_length=MAX_LISTED)] = []
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    throttle: Any = None
    campaign: Campaign | None = None
    requested_by: str | None = None
    requested_by_tenant: int | None = None
    retries: int | None = None


class EnrichmentParams(_Params):
    """Which companies to enrich, and since when they have been waiting."""

    company_ids: Annotated[list[Annotated[int, Field(ge=1, le=MAX_ID)]], Field(max_length=MAX_LISTED)]
    staging_job_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    staged_at: AwareDatetime | None = None
    campaign_enqueued_at: AwareDatetime | None = None
    campaign_id: int | None = None
    throttle: Any = None
    requested_by_tenant: int | None = None
    retries: int | None = None


def companies_named_in(params: Mapping[str, Any]) -> list[int]:
    """The company ids of an enrichment job, as far as they are readable: even a broken job must be able to end."""
    listed = params.get("company_ids")
    if not isinstance(listed, list):
        return []
    return sorted({entry for entry in listed if type(entry) is int and 1 <= entry <= MAX_ID})


def moment_in(params: Mapping[str, Any], key: str) -> datetime | None:
    """An ISO moment with an offset, or None when the key is missing or unreadable."""
    try:
        moment = datetime.fromisoformat(str(params.get(key)))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _as_json(params: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(params)).encode()


def _sentence(wrong: ValidationError) -> str:
    parts = []
    for error in wrong.errors(include_url=False, include_input=False)[:5]:
        key = ".".join(str(step) for step in error["loc"])
        if error["type"] == "extra_forbidden":
            parts.append(f"params has an unknown key {key!r}")
        elif error["type"] == "missing":
            parts.append(f"params lacks the key {key!r}")
        else:
            parts.append(f"params key {key!r}: {error['msg'][:1].lower()}{error['msg'][1:]}")
    return "; ".join(parts)
