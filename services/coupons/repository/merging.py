"""A member's coupons and counts go to who it has become, and come back (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from services.coupons.tables import MERGES, coupons

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


def hand_over(connection: sa.Connection, source_id: UUID, survivor_id: UUID) -> None:
    """Give a member's coupons, whatever has become of them, to another one."""
    origin = sa.func.coalesce(coupons.c.origin_member_id, coupons.c.member_id)
    mine = sa.update(coupons).where(coupons.c.member_id == source_id)
    connection.execute(mine.values(member_id=survivor_id, origin_member_id=origin))
    connection.execute(_SHARE, {"source": str(source_id), "survivor": str(survivor_id)})


def give_back(
    connection: sa.Connection, family: Sequence[UUID], source_id: UUID, survivor_id: UUID
) -> None:
    """Give a member back the coupons that were its own, or its family's, and its counts."""
    theirs = coupons.c.origin_member_id.in_(family)
    back = sa.update(coupons).where(coupons.c.member_id == survivor_id, theirs)
    connection.execute(back.values(member_id=source_id))
    connection.execute(_UNSHARE, {"source": str(source_id), "survivor": str(survivor_id)})


def stragglers(connection: sa.Connection, limit: int) -> Sequence[UUID]:
    """Return members who were merged and have coupons nevertheless, some at a time."""
    merged = MERGES.redirects.c.member_id
    has_coupons = sa.exists().where(coupons.c.member_id == merged)
    statement = sa.select(merged).where(has_coupons).order_by(merged).limit(limit)
    return connection.execute(statement).scalars().all()


def gather(connection: sa.Connection, member_id: UUID, survivor_id: UUID) -> None:
    """Give coupons that a member got in the moment of its merge to who it has become."""
    origin = sa.func.coalesce(coupons.c.origin_member_id, coupons.c.member_id)
    mine = sa.update(coupons).where(coupons.c.member_id == member_id)
    connection.execute(mine.values(member_id=survivor_id, origin_member_id=origin))
