"""A member's coupons and counts go to who it has become, and come back (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from services.coupons.tables import MERGES, coupons, reward_orders

# Counters of a member, of a member and day, and of what it holds begin with its id.
_SHARE = sa.text("""
INSERT INTO usage AS known (campaign_id, scope, holder, used)
SELECT campaign_id, scope, :survivor || substr(holder, 37), used FROM usage
WHERE scope IN ('member', 'member_day', 'held')
    AND (holder = :source OR holder LIKE :source || '/%')
ORDER BY campaign_id, scope, holder
ON CONFLICT (campaign_id, scope, holder) DO UPDATE SET used = known.used + excluded.used
""")
_UNSHARE = sa.text("""
UPDATE usage AS known SET used = greatest(known.used - own.used, 0) FROM usage own
WHERE own.scope IN ('member', 'member_day', 'held')
    AND (own.holder = :source OR own.holder LIKE :source || '/%')
    AND (known.campaign_id, known.scope, known.holder)
        = (own.campaign_id, own.scope, :survivor || substr(own.holder, 37))
""")

_SHARE_REWARDS = sa.text("""
INSERT INTO reward_holders AS known (member_id, reward_id, taken)
SELECT CAST(:survivor AS uuid), reward_id, taken FROM reward_holders
WHERE member_id = CAST(:source AS uuid) ORDER BY reward_id
ON CONFLICT (member_id, reward_id) DO UPDATE SET taken = known.taken + excluded.taken
""")
_UNSHARE_REWARDS = sa.text("""
UPDATE reward_holders AS known SET taken = greatest(known.taken - own.taken, 0)
FROM reward_holders own
WHERE own.member_id = CAST(:source AS uuid) AND known.reward_id = own.reward_id
    AND known.member_id = CAST(:survivor AS uuid)
""")
_MOVED = (coupons, reward_orders)
"""What a member owns, each with the column that says whose it was at first."""


def hand_over(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Give what a member has, whatever has become of it, to another one."""
    gather(connection, source_id, survivor_id)
    parties = {"source": str(source_id), "survivor": str(survivor_id)}
    for share in (_SHARE, _SHARE_REWARDS):
        connection.execute(share, parties)


def give_back(
    connection: sa.Connection, family: Sequence[UUID], source_id: UUID, survivor_id: UUID
) -> None:
    """Give a member back what was its own, or its family's, and its counts."""
    for table in _MOVED:
        theirs = table.c.origin_member_id.in_(family)
        back = sa.update(table).where(table.c.member_id == survivor_id, theirs)
        connection.execute(back.values(member_id=source_id))
    parties = {"source": str(source_id), "survivor": str(survivor_id)}
    for unshare in (_UNSHARE, _UNSHARE_REWARDS):
        connection.execute(unshare, parties)


def stragglers(connection: sa.Connection, limit: int) -> Sequence[UUID]:
    """Return members who were merged and have something nevertheless, some at a time."""
    merged = MERGES.redirects.c.member_id
    owns = (sa.exists().where(table.c.member_id == merged) for table in _MOVED)
    statement = sa.select(merged).where(sa.or_(*owns)).order_by(merged).limit(limit)
    return connection.execute(statement).scalars().all()


def gather(connection: sa.Connection, member_id: UUID, survivor_id: UUID) -> None:
    """Give what a member got in the moment of its merge to who it has become."""
    for table in _MOVED:
        origin = sa.func.coalesce(table.c.origin_member_id, table.c.member_id)
        mine = sa.update(table).where(table.c.member_id == member_id)
        connection.execute(mine.values(member_id=survivor_id, origin_member_id=origin))
