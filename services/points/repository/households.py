"""Households as points knows them (L10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.points import tables


@dataclass(frozen=True, slots=True)
class Household:
    """Members who share points, the owner among them."""

    household_id: UUID
    owner_id: UUID
    member_ids: Sequence[UUID]


def find(connection: sa.Connection, household_id: UUID, *, keep: bool = False) -> Household | None:
    """Return a household that is not closed; with ``keep`` nobody comes or goes until commit."""
    kept = tables.households
    statement = sa.select(kept.c.household_id, kept.c.owner_member_id, kept.c.member_ids).where(
        kept.c.household_id == household_id, kept.c.owner_member_id.is_not(None)
    )
    if keep:
        statement = statement.with_for_update(read=True)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Household(*row)
