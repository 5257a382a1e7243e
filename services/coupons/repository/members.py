"""What this service knows of members: whether they are active, and their tier."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.domain import Shopper
from services.coupons.tables import members


def set_status(connection: sa.Connection, member_id: UUID, status: str, sequence: int) -> None:
    """Take in a member's status, unless a newer event has told it already."""
    new = insert(members).values(
        member_id=member_id, status=status, status_sequence=sequence, tier_sequence=0
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["member_id"],
            set_={"status": new.excluded.status, "status_sequence": new.excluded.status_sequence},
            where=members.c.status_sequence < new.excluded.status_sequence,
        )
    )


def set_tier(connection: sa.Connection, member_id: UUID, tier: str, sequence: int) -> None:
    """Take in a member's tier, unless a newer event has told it already."""
    new = insert(members).values(
        member_id=member_id, status="unknown", tier=tier, status_sequence=0, tier_sequence=sequence
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["member_id"],
            set_={"tier": new.excluded.tier, "tier_sequence": new.excluded.tier_sequence},
            where=members.c.tier_sequence < new.excluded.tier_sequence,
        )
    )


def shoppers(
    connection: sa.Connection, member_ids: Iterable[UUID], entry_tier: str
) -> dict[UUID, Shopper]:
    """Return the members among these that this service has heard of, by id.

    Whose tier nobody has told is in the programme's entry tier.
    """
    tier = sa.func.coalesce(members.c.tier, entry_tier)
    statement = sa.select(members.c.member_id, members.c.status, tier).where(
        members.c.member_id.in_(set(member_ids))
    )
    return {row.member_id: Shopper(*row) for row in connection.execute(statement)}


def shopper(connection: sa.Connection, member_id: UUID, entry_tier: str) -> Shopper:
    """Return a member; one not heard of yet has just enrolled."""
    found = shoppers(connection, [member_id], entry_tier)
    return found.get(member_id, Shopper(member_id, tier=entry_tier))


def unknown(connection: sa.Connection, member_ids: Iterable[UUID]) -> set[UUID]:
    """Return which of these members this service has not heard of."""
    wanted = set(member_ids)
    known = sa.select(members.c.member_id).where(members.c.member_id.in_(wanted))
    return wanted.difference(connection.execute(known).scalars())
