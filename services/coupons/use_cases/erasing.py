"""Forgetting a member: its coupons are void, whatever became of them (M6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.coupons import codes
from services.coupons.programme import Programme
from services.coupons.repository import Change, append_history, campaigns, coupons, members
from services.coupons.tables import METADATA
from shared.contracts.coupons import events
from shared.contracts.event import Envelope
from shared.contracts.privacy import ERASED
from shared.db import UnitOfWork
from shared.privacy import erasing
from shared.privacy.pages import Opener
from shared.security.crypto import DataKey

_CAUSE = "member.erased"


def erase_member(uow: UnitOfWork, event: Envelope) -> None:
    """Void a member's coupons; one that an order holds is void once the order lets go of it."""
    member_id = event.read(ERASED)["member_id"]
    members.erase(uow.connection, member_id, event.sequence)
    gone = coupons.void_all_of(uow.connection, member_id, uow.now)
    append_history(
        uow,
        [
            Change(
                row["campaign_id"],
                row["from_status"],
                "void",
                _CAUSE,
                coupon_id=row["coupon_id"],
                member_id=member_id,
            )
            for row in gone
        ],
    )
    for row in gone:
        voided = {"coupon_id": row["coupon_id"], "campaign_id": row["campaign_id"]}
        uow.emit(
            events.VOIDED,
            subject=member_id,
            data={**voided, "member_id": member_id, "reason": members.ERASED},
        )
    coupons.forget_messages_of(uow.connection, member_id)
    erasing.forget(uow, "coupons", METADATA, member_id)
    erasing.acknowledge(uow, "coupons", member_id, {"coupons_voided": len(gone)})


def opener(uow: UnitOfWork, programme: Programme) -> Opener:
    """Return what opens a member's codes, and messages that came with gifts."""
    keys: dict[UUID, DataKey] = {}

    def open_value(_table: str, column: str, row: Mapping[str, Any]) -> str | None:
        if not row[column]:  # blanked, after an erasure
            return None
        campaign_id = row["campaign_id"]
        if campaign_id not in keys:
            wrapped = campaigns.get(uow.connection, campaign_id)["code_key"]
            keys[campaign_id] = programme.codes.key(wrapped)
        return codes.unseal(keys[campaign_id], row["coupon_id"], row[column])

    return open_value
