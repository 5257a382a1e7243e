"""The append-only history of campaigns and coupons (C1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.coupons.tables import history
from shared.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class Change:
    """One change of status; without a coupon it is a use of a public code, or the campaign's."""

    campaign_id: UUID
    from_status: str | None
    to_status: str
    cause: str
    coupon_id: UUID | None = None
    member_id: UUID | None = None
    order_id: str | None = None
    reason: str | None = None


def append_history(uow: UnitOfWork, changes: Iterable[Change]) -> None:
    """Write down changes with who caused them, when, by which request."""
    rows = [
        {
            "campaign_id": change.campaign_id,
            "coupon_id": change.coupon_id,
            "member_id": change.member_id,
            "from_status": change.from_status,
            "to_status": change.to_status,
            "cause": change.cause,
            "reason": change.reason,
            "order_id": change.order_id,
            "actor_kind": uow.actor.kind,
            "actor_id": uow.actor.id,
            "request_id": uow.context.request_id,
            "at": uow.now,
        }
        for change in changes
    ]
    if rows:
        uow.connection.execute(sa.insert(history), rows)
