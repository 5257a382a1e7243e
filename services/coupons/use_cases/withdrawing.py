"""A coupon leaves its holder otherwise than by use: withdrawn by staff, or given to somebody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes
from services.coupons.domain import (
    issue_demands,
    message_for,
    notices_done,
    status_at,
    wallet_reason,
)
from services.coupons.programme import Programme
from services.coupons.queries import coupon_body
from services.coupons.repository import (
    Change,
    append_history,
    campaigns,
    coupons,
    members,
    usage,
)
from services.coupons.use_cases import eligibility, minting
from shared.contracts.coupons import events
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.coupons import CouponStateConflict, GiftRefused, NotGiftable


def void(uow: UnitOfWork, *, programme: Programme, code: str, reason: str) -> dict[str, Any]:
    """Withdraw a coupon for good; what it took of the campaign's total stays taken.

    Raises:
        NotFound: there is no such coupon.
        CouponStateConflict: it is used, held for an order, or gone already.
    """
    row = _by_code(uow, programme, code) or _by_id(uow, code)
    if row is None:
        raise NotFound
    before = coupons.leave(uow.connection, row["coupon_id"], target="void", now=uow.now)
    if before is None:
        raise CouponStateConflict(f"The coupon is {row['status']}.")
    change = Change(
        row["campaign_id"],
        before,
        "void",
        "void",
        coupon_id=row["coupon_id"],
        member_id=row["member_id"],
        reason=reason,
    )
    append_history(uow, [change])
    was, now = {"status": before}, {"status": "void"}
    uow.audit("coupon.void", ("coupon", row["coupon_id"]), before=was, after=now, reason=reason)
    subject = row["member_id"] or row["coupon_id"]
    uow.emit(events.VOIDED, subject=subject, data={**row, "reason": reason})
    return {**row, "code": codes.masked(row["code_hint"]), "status": "void"}


def gift(
    uow: UnitOfWork,
    *,
    programme: Programme,
    code: str,
    member_id: UUID,
    receiver_id: UUID | None,
    message: str | None,
) -> dict[str, Any]:
    """Give the member's coupon to another one, who gets it under a new code.

    The old code is known to the giver and good for nothing any more. What is in the way on the
    receiver's side is one refusal: whether somebody is a member, and what they hold, is nobody's
    business.

    Raises:
        NotFound: the member has no such coupon.
        NotGiftable: this coupon cannot be given away; ``reason`` says why.
        GiftRefused: not to that person.
    """
    row = _by_code(uow, programme, code)
    if row is None or row["member_id"] != member_id:
        raise NotFound
    campaign_row = campaigns.get_version(uow.connection, row["campaign_id"], row["version"])
    reason = _not_giftable(uow, row, campaign_row)
    if reason is not None:
        raise NotGiftable(message_for(reason), reason=reason)
    receiver = _receiver(uow, programme, campaign_row, receiver_id, giver=member_id)
    before = coupons.leave(uow.connection, row["coupon_id"], target="gifted", now=uow.now)
    if before is None:  # it was used or given a moment ago
        raise NotGiftable(message_for("reserved"), reason="reserved")
    change = Change(
        row["campaign_id"],
        before,
        "gifted",
        "gift",
        coupon_id=row["coupon_id"],
        member_id=member_id,
    )
    append_history(uow, [change])
    minting.store(
        uow,
        [_given(uow, programme, campaign_row, row, receiver_id=receiver, message=message)],
        "gift",
    )
    given = {**campaign_row, **row, "status": "gifted", "campaign_status": campaign_row["status"]}
    return coupon_body(given, code=code, programme=programme, now=uow.now)


def _not_giftable(
    uow: UnitOfWork, row: sa.RowMapping, campaign_row: campaigns.Columns
) -> str | None:
    if not campaign_row["giftable"]:
        return "not_giftable"
    if row["gift_of"] is not None:
        return "gifted_before"
    reason = wallet_reason(
        status_at(row["status"], row["valid_until"], uow.now),
        valid_from=row["valid_from"],
        now=uow.now,
        campaign_status=campaign_row["status"],
    )
    return None if reason == "not_yet_valid" else reason


def _receiver(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: campaigns.Columns,
    receiver_id: UUID | None,
    *,
    giver: UUID,
) -> UUID:
    """Return the receiver, with one coupon more in the counter of what it holds.

    Raises:
        GiftRefused: it is nobody, the giver, or may not hold the coupon.
    """
    if receiver_id is None or receiver_id == giver:
        raise GiftRefused
    campaign = campaigns.campaign_of(campaign_row)
    shopper = members.shopper(uow.connection, receiver_id, programme.entry_tier, lock=True)
    demands = [
        demand
        for demand in issue_demands(campaign.terms, receiver_id)
        if demand.scope == "held"  # it was issued once, and is not issued again
    ]
    used = usage.hold(uow.connection, eligibility.keys_of(campaign.campaign_id, demands))
    full = eligibility.full(demands, used, campaign.campaign_id)
    if eligibility.not_for(campaign, shopper) or full:
        raise GiftRefused
    usage.take(uow.connection, ((campaign.campaign_id, demand) for demand in demands))
    return receiver_id


def _given(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: campaigns.Columns,
    row: sa.RowMapping,
    *,
    receiver_id: UUID,
    message: str | None,
) -> dict[str, Any]:
    kept = ("campaign_id", "version", "valid_from", "valid_until")
    spelt = minting.spelt(programme, campaign_row, codes.new_code(campaign_row["code_pattern"]))
    key = programme.codes.key(campaign_row["code_key"])
    sealed = None if message is None else codes.seal(key, spelt["coupon_id"], message)
    return {
        **{name: row[name] for name in kept},
        **spelt,
        "member_id": receiver_id,
        "status": "issued",
        "free_status": "issued",
        "issued_at": uow.now,
        "updated_at": uow.now,
        "gift_of": row["coupon_id"],
        "gift_message_sealed": sealed,
        "notices": notices_done(row["valid_until"], uow.now),
    }


def _by_code(uow: UnitOfWork, programme: Programme, code: str) -> sa.RowMapping | None:
    return coupons.find(uow.connection, digest=programme.codes.digest(code))


def _by_id(uow: UnitOfWork, text: str) -> sa.RowMapping | None:
    try:
        coupon_id = UUID(text)
    except ValueError:
        return None
    return coupons.find(uow.connection, coupon_id=coupon_id)
