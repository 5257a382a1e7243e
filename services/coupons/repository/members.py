"""What this service knows of members: whether they are active, and their tier."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.domain import Shopper
from services.coupons.tables import members
from shared.merging import survivor

MERGED = "merged"
ERASED = "erased"

# By id and not by row: a member may be erased, and given something, that has no row here yet.
_STAY = sa.text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended(member_id, 2))"
    " FROM unnest(CAST(:member_ids AS text[])) AS m (member_id)"
)
_LAST = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:member_id, 2))")


def set_birth_month(
    connection: sa.Connection, member_id: UUID, birth_month: int | None, sequence: int
) -> bool:
    """Take in the month of a member's birthday with the status just set; whether it is a new one.

    Nothing is taken in from an event that is not the newest about the member.
    """
    statement = (
        sa.update(members)
        .where(
            members.c.member_id == member_id,
            members.c.status_sequence == sequence,
            members.c.birth_month.is_distinct_from(birth_month),
        )
        .values(birth_month=birth_month)
    )
    return bool(connection.execute(statement).rowcount)


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


def set_tier(
    connection: sa.Connection, member_id: UUID, tier: str, *, rank: int, sequence: int
) -> bool:
    """Take in a member's tier, unless a newer event has told it already; whether it has risen.

    Before its first tier was told a member was in the entry tier, whose rank is 0.
    """
    known = sa.select(members.c.tier_rank).filter_by(member_id=member_id).with_for_update()
    before = connection.execute(known).scalar_one_or_none() or 0
    new = insert(members).values(
        member_id=member_id,
        status="unknown",
        tier=tier,
        tier_rank=rank,
        status_sequence=0,
        tier_sequence=sequence,
    )
    names = ("tier", "tier_rank", "tier_sequence")
    taken = connection.execute(
        new.on_conflict_do_update(
            index_elements=["member_id"],
            set_={name: new.excluded[name] for name in names},
            where=members.c.tier_sequence < new.excluded.tier_sequence,
        )
    )
    return bool(taken.rowcount) and rank > before


def erase(connection: sa.Connection, member_id: UUID, sequence: int) -> None:
    """Take in that a member was erased, after all who give it something just now (M6)."""
    connection.execute(_LAST, {"member_id": str(member_id)})
    set_status(connection, member_id, ERASED, sequence)


def shoppers(
    connection: sa.Connection, member_ids: Iterable[UUID], entry_tier: str, *, lock: bool = False
) -> dict[UUID, Shopper]:
    """Return the members among these that this service has heard of, by id.

    Whose tier nobody has told is in the programme's entry tier. With ``lock`` none of them is
    erased before the transaction's end: what it gives them the erasure finds.
    """
    wanted = set(member_ids)
    if lock:
        connection.execute(_STAY, {"member_ids": [str(member_id) for member_id in wanted]})
    tier = sa.func.coalesce(members.c.tier, entry_tier)
    statement = sa.select(members.c.member_id, members.c.status, tier).where(
        members.c.member_id.in_(wanted)
    )
    return {row.member_id: Shopper(*row) for row in connection.execute(statement)}


def shopper(
    connection: sa.Connection, member_id: UUID, entry_tier: str, *, lock: bool = False
) -> Shopper:
    """Return a member, or who it was merged into; one not heard of yet has just enrolled.

    ``lock`` is as for `shoppers`.
    """
    found = shoppers(connection, [member_id], entry_tier, lock=lock)
    member = found.get(member_id, Shopper(member_id, tier=entry_tier))
    if member.status == MERGED and (now := survivor(connection, member_id)) != member_id:
        return shopper(connection, now, entry_tier, lock=lock)
    return member


def unknown(connection: sa.Connection, member_ids: Iterable[UUID]) -> set[UUID]:
    """Return which of these members this service has not heard of."""
    wanted = set(member_ids)
    known = sa.select(members.c.member_id).where(members.c.member_id.in_(wanted))
    return wanted.difference(connection.execute(known).scalars())
