"""What members spend by static cards on a day; their accounts are locked meanwhile (M2)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points.tables import card_spending


def on(connection: sa.Connection, member_id: UUID, day: date) -> int:
    """Return the points that the member's cards have spent on a local day."""
    statement = sa.select(card_spending.c.points).where(
        card_spending.c.member_id == member_id, card_spending.c.spent_on == day
    )
    return connection.execute(statement).scalar() or 0


def add(connection: sa.Connection, member_id: UUID, day: date, points: int) -> None:
    """Count points that a card of the member spends."""
    first = insert(card_spending).values(member_id=member_id, spent_on=day, points=points)
    connection.execute(
        first.on_conflict_do_update(
            index_elements=["member_id", "spent_on"],
            set_={"points": card_spending.c.points + first.excluded.points},
        )
    )
