"""What counts for a member counts for who it has become, and for itself again (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables

_MOVED = (tables.sales, tables.uses, tables.overrides, tables.subscriptions)
_PENDING = "pending_approval"


def hand_over(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Give a locked member's facts to another locked one, save requests nobody decided yet."""
    for table in _MOVED:
        mine = sa.update(table).where(table.c.member_id == source_id)
        if table is tables.overrides:
            mine = mine.where(table.c.status != _PENDING)
        origin = sa.func.coalesce(table.c.origin_member_id, table.c.member_id)
        connection.execute(mine.values(member_id=survivor_id, origin_member_id=origin))
    _share_gifts(connection, source_id, survivor_id)


def give_back(
    connection: sa.Connection, family: Sequence[UUID], source_id: UUID, survivor_id: UUID
) -> None:
    """Give a locked member back the facts that were its own, or its family's."""
    for table in _MOVED:
        theirs = table.c.origin_member_id.in_(family)
        back = sa.update(table).where(table.c.member_id == survivor_id, theirs)
        connection.execute(back.values(member_id=source_id))


def withdraw_requests(connection: sa.Connection, member_id: UUID, now: object) -> None:
    """Refuse what was asked for a member that is another one now."""
    table = tables.overrides
    asked = sa.update(table).where(table.c.member_id == member_id, table.c.status == _PENDING)
    connection.execute(
        asked.values(
            status="rejected",
            decided_by_kind="system",
            decided_by_id="system",
            decided_at=now,
            decision_note="The member was merged into another one.",
        )
    )


def set_status(connection: sa.Connection, member_id: UUID, status: str, sequence: int) -> None:
    """Take in a locked member's status, unless a newer event has told it."""
    table = tables.states
    mine = sa.update(table).where(
        table.c.member_id == member_id, table.c.status_sequence < sequence
    )
    connection.execute(mine.values(status=status, status_sequence=sequence))


def note_origin(connection: sa.Connection, sale_id: str, origin_id: UUID) -> None:
    """Note that a sale was told of as that of who has been merged since."""
    table = tables.sales
    mine = sa.update(table).where(table.c.sale_id == sale_id, table.c.origin_member_id.is_(None))
    connection.execute(mine.values(origin_member_id=origin_id))


def _share_gifts(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Let nobody get the gift of an occasion twice."""
    table = tables.grants
    had = sa.select(
        sa.literal(survivor_id, sa.Uuid(as_uuid=True)),
        table.c.kind,
        table.c.occasion,
        sa.func.gen_random_uuid(),
        table.c.code,
        table.c.tier,
        table.c.granted_at,
    ).where(table.c.member_id == source_id)
    names = ("member_id", "kind", "occasion", "grant_id", "code", "tier", "granted_at")
    connection.execute(insert(table).from_select(names, had).on_conflict_do_nothing())
