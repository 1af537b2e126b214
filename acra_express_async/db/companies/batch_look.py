"""What a staging job has to know before it selects, from one statement: list, held codes, slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from acra_express_async.db.session.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class ListedUens:
    """What a batch may take: the `next` UENs in list order, and whether `more` follow.

    `exists` says that the campaign has a list at all; one that is used up still counts. `again`: companies that were
    checked lately were asked for too.
    """

    next: tuple[str, ...] = ()
    more: bool = False
    exists: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class BatchLook:
    """What a batch finds before it selects.

    Args:
        listed: what it may take from the campaign's list.
        held: SSIC codes for which a nightly job is pending.
        registered: rows of the registry for the UENs that are next, with the company's ID if there is one.
        full_until: how long until the next day begins, if no slot of the daily cap is left today.
    """

    listed: ListedUens = ListedUens()
    held: frozenset[str] = frozenset()
    registered: Mapping[str, Row] = field(default_factory=dict)
    full_until: timedelta | None = None


async def look_at_batch(
    connection: Connection,
    campaign_id: int | None,
    limit: int,
    *,
    uens: Sequence[str] = (),
    hold_nights: int = 0,
    zone: str = "UTC",
    cap: int | None = None,
) -> BatchLook:
    """Look, and write nothing.

    Args:
        campaign_id: whose list is read; None where there is none.
        limit: most UENs to take from the list.
        uens: further ones, which no list holds.
        hold_nights: for how many nights the codes of a pending nightly job are held.
        zone: whose calendar day the daily cap counts.
        cap: the daily cap; None where it does not matter.
    """
    rows = await connection.fetch(_LOOK, campaign_id, limit + 1, list(uens), hold_nights, zone, cap)
    first = rows[0]
    listed = [row["wanted"] for row in rows if row["is_listed"]]
    return BatchLook(
        ListedUens(tuple(listed[:limit]), more=len(listed) > limit, exists=first["has_list"], again=first["again"]),
        frozenset(first["held"]),
        {row["uen"]: row for row in rows if row["uen"] is not None},
        first["full_until"],
    )


# $1 campaign, $2 how many of its list, $3 further UENs, $4 nights, $5 time zone, $6 daily cap. One row at least. With
# LIMIT 1 each look-up goes by an index: how many UENs are wanted is unknown when the plan is made, and for many of them
# the server would rather read the whole registry.
_LOOK = """
    WITH wanted AS MATERIALIZED (
        SELECT l.uen, l.place::bigint AS place, true AS is_listed FROM (
            SELECT u.uen, u.place FROM acra_express.campaign_uens u
            WHERE u.campaign_id = $1::bigint AND u.staging_job_id IS NULL AND u.kind IS NULL
            ORDER BY u.place LIMIT $2) l
        UNION ALL
        SELECT a.uen, a.place, false FROM unnest($3::text[]) WITH ORDINALITY AS a(uen, place))
    SELECT EXISTS (SELECT FROM acra_express.campaign_uens u WHERE u.campaign_id = $1::bigint) AS has_list,
           EXISTS (SELECT FROM acra_express.campaigns c
                   WHERE c.campaign_id = $1::bigint AND c.again_by IS NOT NULL) AS again,
           CASE WHEN $4 > 0 THEN ARRAY(SELECT acra_express.nightly_codes($4)) ELSE '{}' END AS held,
           CASE WHEN (SELECT count(*) FROM acra_express.daily_slots d WHERE d.day = today.day) >= $6::int
                THEN ((today.day + 1)::timestamp AT TIME ZONE $5) - today.now END AS full_until,
           w.uen AS wanted, coalesce(w.is_listed, false) AS is_listed,
           s.uen, s.entity_name, s.status, s.entity_type, s.constitution, s.ssic_code, s.ssic_description,
           s.incorporated, c.company_id
    FROM (SELECT now, (now AT TIME ZONE $5)::date AS day FROM (SELECT acra_express.clock() AS now) c) today
    LEFT JOIN wanted w ON true
    LEFT JOIN LATERAL (
        SELECT r.uen, r.entity_name, r.entity_status_description AS status, r.entity_type_description AS entity_type,
               r.business_constitution_description AS constitution, r.primary_ssic_code AS ssic_code,
               r.primary_ssic_description AS ssic_description, r.registration_incorporation_date AS incorporated
        FROM public.staging_acra_companies r WHERE r.uen = w.uen LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT k.company_id FROM public.companies k WHERE k.uen = s.uen LIMIT 1) c ON true
    ORDER BY w.place
"""
