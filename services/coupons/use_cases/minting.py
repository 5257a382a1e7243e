"""New coupons with codes of their own (C8); whoever calls has decided that there may be some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes
from services.coupons.domain import issue_demands, notices_done, period
from services.coupons.programme import Programme
from services.coupons.queries import coupon_body
from services.coupons.repository import Change, append_history, campaigns, coupons, usage
from services.coupons.use_cases.alarms import raise_alarms
from shared.contracts.coupons import events
from shared.db import UnitOfWork


def mint(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: sa.RowMapping,
    member_ids: Sequence[UUID],
    *,
    cause: str,
    counted: bool = False,
) -> list[dict[str, Any]]:
    """Make each member a coupon; returns them with their codes in full.

    The counters they draw on are locked already, and have room; or they have been ``counted``.
    """
    if not member_ids:
        return []
    campaign = campaigns.campaign_of(campaign_row)
    if not counted:
        drawn = [issue_demands(campaign.terms, member_id) for member_id in member_ids]
        demands = [(campaign.campaign_id, demand) for each in drawn for demand in each]
        raise_alarms(uow, usage.take(uow.connection, demands))
    plain = [codes.new_code(campaign.terms.code_pattern) for _ in member_ids]
    holders = list(zip(member_ids, plain, strict=True))
    rows = [_row(uow, programme, campaign_row, member_id, code) for member_id, code in holders]
    store(uow, rows, cause)
    shown = {**campaign_row, "campaign_status": campaign.status}
    return [
        coupon_body({**shown, **row}, code=code, programme=programme, now=uow.now)
        for row, code in zip(rows, plain, strict=True)
    ]


def store(uow: UnitOfWork, rows: Sequence[dict[str, Any]], cause: str) -> None:
    """Store coupons that members hold from now on, and tell it."""
    coupons.insert(uow.connection, rows)
    append_history(
        uow,
        [
            Change(
                row["campaign_id"],
                None,
                "issued",
                cause,
                coupon_id=row["coupon_id"],
                member_id=row["member_id"],
            )
            for row in rows
        ],
    )
    for row in rows:
        uow.emit(events.ISSUED, subject=row["member_id"], data={**row, "cause": cause})


def _row(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: sa.RowMapping,
    member_id: UUID,
    code: str,
) -> dict[str, Any]:
    terms = campaigns.terms_of(campaign_row)
    valid_from, valid_until = period(terms.validity, uow.now, programme.zone)
    return {
        "campaign_id": campaign_row["campaign_id"],
        "version": campaign_row["version"],
        "member_id": member_id,
        "status": "issued",
        "free_status": "issued",
        **spelt(programme, campaign_row, code),
        "valid_from": valid_from,
        "valid_until": valid_until,
        "issued_at": uow.now,
        "updated_at": uow.now,
        "gift_of": None,
        "gift_message_sealed": None,
        "notices": notices_done(valid_until, uow.now),
    }


def spelt(programme: Programme, campaign_row: Mapping[Any, Any], code: str) -> dict[str, Any]:
    """Return a new coupon's id with its code as it is stored: hashed and sealed (C8)."""
    (stored,) = programme.codes.stored(campaign_row["code_key"], [code])
    return stored._asdict()
