"""Households: their member's row is locked before theirs, always (L10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.members import tables


def add_household(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a household nobody belongs to yet."""
    connection.execute(sa.insert(tables.households).values(row))


def lock_household(connection: sa.Connection, household_id: UUID) -> sa.Row[Any] | None:
    """Return a household that is not closed, locked until the end."""
    table = tables.households
    wanted = sa.select(table).where(
        table.c.household_id == household_id, table.c.closed_at.is_(None)
    )
    return connection.execute(wanted.with_for_update()).one_or_none()


def change_household(
    connection: sa.Connection, household_id: UUID, values: Mapping[str, Any]
) -> None:
    """Update columns of a locked household."""
    table = tables.households
    mine = table.c.household_id == household_id
    connection.execute(sa.update(table).where(mine).values(values))


def household_of(connection: sa.Connection, member_id: UUID) -> UUID | None:
    """Return which household a member belongs to."""
    table = tables.household_members
    mine = sa.select(table.c.household_id).where(table.c.member_id == member_id)
    found: UUID | None = connection.execute(mine).scalar()
    return found


def members_of_household(connection: sa.Connection, household_id: UUID) -> dict[UUID, str]:
    """Return the role of each who belongs to a locked household, in the order they came."""
    table = tables.household_members
    theirs = sa.select(table.c.member_id, table.c.role).where(table.c.household_id == household_id)
    rows = connection.execute(theirs.order_by(table.c.joined_at, table.c.member_id))
    return {row.member_id: row.role for row in rows}


def add_to_household(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Let a member belong to a household; False when it belongs to one already."""
    added = insert(tables.household_members).values(row).on_conflict_do_nothing()
    return bool(connection.execute(added).rowcount)


def set_household_role(connection: sa.Connection, member_id: UUID, role: str) -> None:
    """Give somebody who belongs to a locked household another role."""
    table = tables.household_members
    mine = table.c.member_id == member_id
    connection.execute(sa.update(table).where(mine).values(role=role))


def drop_from_household(connection: sa.Connection, member_id: UUID) -> None:
    """Let a member belong to no household."""
    table = tables.household_members
    connection.execute(sa.delete(table).where(table.c.member_id == member_id))


def invite_to_household(
    connection: sa.Connection, household_id: UUID, member_id: UUID, expires_at: datetime
) -> None:
    """Ask somebody to join a locked household, or ask again."""
    row = {"household_id": household_id, "member_id": member_id, "expires_at": expires_at}
    asked = insert(tables.household_invitations).values(row)
    key = [tables.household_invitations.c.household_id, tables.household_invitations.c.member_id]
    connection.execute(
        asked.on_conflict_do_update(index_elements=key, set_={"expires_at": expires_at})
    )


def open_invitations(connection: sa.Connection, household_id: UUID, now: datetime) -> set[UUID]:
    """Return who is asked to join a locked household; forgets those who did not answer."""
    table = tables.household_invitations
    theirs = table.c.household_id == household_id
    connection.execute(sa.delete(table).where(theirs, table.c.expires_at <= now))
    return set(connection.execute(sa.select(table.c.member_id).where(theirs)).scalars())


def drop_invitations(
    connection: sa.Connection, household_id: UUID, member_id: UUID | None = None
) -> bool:
    """Take back an invitation, or all of a household's; return whether there was any."""
    table = tables.household_invitations
    which = [table.c.household_id == household_id]
    if member_id is not None:
        which.append(table.c.member_id == member_id)
    return bool(connection.execute(sa.delete(table).where(*which)).rowcount)
