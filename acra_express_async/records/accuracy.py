"""How right the answers are in the field, from people's judgements on random samples; and how samples are drawn.

Precision is the share of right ones among what was judged. Its interval is Wilson's at 95 %, which holds for few
judgements and for shares near one, where the usual one does not (Wilson 1927; Brown, Cai and DasGupta 2001).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import Any

from acra_express_async.db.records.sample_rows import AnswerKey, DrawnAnswer, JudgedMember, SampleMember
from acra_express_async.records.levels import TABLE, Level, level_of

CONFIDENCE = 0.95
INVALID = "invalid"
"""ZeroBounce's word for an address that does not exist."""
MOST_INVALID = 0.05
"""A larger share of invalid addresses at one level says that its sites are not as sure as the level claims."""
ENOUGH_VERDICTS = 20
"""Fewer addresses at a level are no ground for a warning."""
FIELDS = ("site", "email", "phone")
_RIGHT, _WRONG = ("accept",), ("reject", "bounced")


@dataclass(frozen=True, slots=True)
class Precision:
    """`right` of `judged`; the share and the ends of its interval are None while nothing was judged."""

    judged: int = 0
    right: int = 0

    @property
    def share(self) -> float | None:
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.right, self.judged) if self.judged else None

    def __add__(self, other: Precision) -> Precision:
        return Precision(self.judged + other.judged, self.right + other.right)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Precision by field and level, and how many members of the samples nobody has judged yet."""

    members: int
    unjudged: int
    precision: Mapping[tuple[str, Level], Precision] = field(default_factory=dict)

    def of(self, name: str, level: Level | None = None) -> Precision:
        """The precision of a field at one level, or at all of them."""
        levels = list(Level) if level is None else [level]
        return sum((self.precision.get((name, each), Precision()) for each in levels), Precision())


@dataclass(frozen=True, slots=True)
class VerdictShare:
    """ZeroBounce's verdicts on the addresses of one level."""

    level: Level
    verified: int
    by_status: Mapping[str, int]

    @property
    def invalid_share(self) -> float | None:
        return self.by_status.get(INVALID, 0) / self.verified if self.verified else None

    @property
    def is_suspect(self) -> bool:
        """More of them are invalid than a level may have."""
        return self.verified >= ENOUGH_VERDICTS and (self.invalid_share or 0.0) > MOST_INVALID


def wilson(right: int, judged: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval of a share: it has the true one in 95 of 100 samples."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / judged
    scale = 1 + z * z / judged
    middle = (share + z * z / (2 * judged)) / scale
    half = z * sqrt(share * (1 - share) / judged + z * z / (4 * judged * judged)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def accuracy_of(members: Iterable[JudgedMember], hash_of: Callable[[str], str]) -> Accuracy:
    """Count what people said of these members.

    A site is right when it was accepted, or set as it was answered; wrong when it was rejected, another one was set, or
    the company has none. An address or phone counts when it was judged itself; where the site is wrong, all of them
    are.

    Args:
        hash_of: the keyed hash (hex) by which a judgement names an address.
    """
    counts: dict[tuple[str, Level], Precision] = {}
    total = unjudged = 0
    for member in members:
        total += 1
        verdicts = list(_verdicts(member, hash_of))
        unjudged += not verdicts
        level = _level_of(member)
        for name, right in verdicts:
            counts[name, level] = counts.get((name, level), Precision()) + Precision(1, int(right))
    return Accuracy(total, unjudged, counts)


def verdict_shares(verdicts: Mapping[tuple[str, str], int]) -> list[VerdictShare]:
    """Verdicts by level, the surest level first."""
    found = []
    for level in Level:
        by_status = {status: count for (of, status), count in sorted(verdicts.items()) if of == level}
        found.append(VerdictShare(level, sum(by_status.values()), by_status))
    return found


async def drawn(pages: AsyncIterator[Sequence[AnswerKey]], size: int, seed: int) -> tuple[list[AnswerKey], int]:
    """A simple random sample without replacement, and the size of the population.

    Each company has a place by the hash of seed and UEN, so the same seed draws the same companies again, and each
    subset is as likely as any other.
    """
    first: list[tuple[int, AnswerKey]] = []  # a heap with the largest place on top, as negative numbers
    population = 0
    async for page in pages:
        population += len(page)
        for key in page:
            place = -int.from_bytes(hashlib.sha256(f"{seed}:{key.uen}".encode()).digest()[:8], "big")
            if len(first) < size:
                heapq.heappush(first, (place, key))
            elif place > first[0][0]:
                heapq.heapreplace(first, (place, key))
    return [key for _, key in sorted(first, key=lambda each: (-each[0], each[1].uen))], population


def member_of(told: DrawnAnswer) -> SampleMember | None:
    """A drawn answer with its level by the present thresholds; None where its detail has another shape."""
    site = told.site
    if not isinstance(site, dict) or not isinstance(site.get("points"), int):
        return None
    present = told.level is not None and told.level_table == TABLE
    return SampleMember(
        key=told.key,
        name=told.name,
        domain=str(site["domain"]),
        url=site.get("url"),
        points=site["points"],
        level=str(told.level) if present else level_of(site["points"]).value,
        level_table=TABLE,
    )


def _level_of(member: JudgedMember) -> Level:
    """By the present thresholds: a level by earlier ones cannot be compared."""
    return Level(member.level) if member.level_table == TABLE else level_of(member.points)


def _verdicts(member: JudgedMember, hash_of: Callable[[str], str]) -> Iterator[tuple[str, bool]]:
    site_is_right = None
    if member.site is not None:
        site_is_right = member.site in _RIGHT or (member.site == "set" and member.site_value == member.domain)
        yield "site", site_is_right
    for name, subject in _contacts(member.detail, hash_of):
        said = member.contacts.get(subject)
        if said is not None:
            yield name, said not in _WRONG
        elif site_is_right is False:
            yield name, False


def _contacts(detail: Mapping[str, Any], hash_of: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Field and subject of each contact that was answered; a person's address only as a hash."""
    for email in _entries(detail, "emails"):
        if email.get("address_hash"):
            yield "email", str(email["address_hash"])
        elif email.get("address"):
            yield "email", hash_of(str(email["address"]))
    for phone in _entries(detail, "phones"):
        if phone.get("number"):
            yield "phone", str(phone["number"])


def _entries(detail: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = detail.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
