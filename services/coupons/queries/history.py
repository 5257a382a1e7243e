"""What became of a coupon (C1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons.tables import coupons
from services.coupons.tables import history as changes
from shared.db import Snapshot
from shared.errors import FieldError, Invalid, NotFound


def history(
    snapshot: Snapshot,
    *,
    member_id: UUID,
    coupon_id: UUID,
    limit: int,
    after: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Return the changes of a member's coupon, oldest first.

    Raises:
        NotFound: the member has no such coupon.
    """
    owned = sa.select(coupons.c.coupon_id).where(
        coupons.c.coupon_id == coupon_id, coupons.c.member_id == member_id
    )
    if snapshot.connection.execute(owned).first() is None:
        raise NotFound
    statement = (
        sa.select(changes)
        .where(changes.c.coupon_id == coupon_id)
        .order_by(changes.c.id)
        .limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(changes.c.id > _seen(after))
    rows = list(snapshot.connection.execute(statement).mappings())
    page = rows[:limit]
    for_staff = snapshot.actor.kind == "staff"
    return {
        "items": [
            {**row, "by": row["actor_kind"], "actor_id": row["actor_id"] if for_staff else None}
            for row in page
        ],
        "next": {"id": page[-1]["id"]} if len(rows) > limit else None,
    }


def _seen(after: Mapping[str, Any]) -> int:
    seen = after.get("id")
    if not isinstance(seen, int):
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")])
    return seen
