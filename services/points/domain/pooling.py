"""Whose points a household pools first (L10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from services.points.domain.lots import Draw

_NEVER = datetime.max.replace(tzinfo=UTC)


def gather(lots: Mapping[UUID, Sequence[Draw]], points: int) -> dict[UUID, int]:
    """Return how many of ``points`` each member gives, in the order of their ids.

    The lots that lapse first go first, whoever's they are, as within one account (L3); of lots
    that lapse together those of the smaller member id. Who gives nothing is left out. May come to
    less than ``points`` when the lots have less.
    """
    every = [(member_id, lot) for member_id, owned in lots.items() for lot in owned]
    every.sort(key=lambda each: (each[1].expires_at or _NEVER, each[0]))
    given: Counter[UUID] = Counter()
    for member_id, lot in every:
        taken = min(lot.points, points)
        points -= taken
        given[member_id] += taken
    return {member_id: given[member_id] for member_id in sorted(given) if given[member_id]}
