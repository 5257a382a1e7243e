"""Orders of rewards (R1): stock is taken here, points are held by points, and neither without both.

An order is ``reserved`` for a short time, then ``confirmed`` until points tells what became of the
hold that pays for it: captured, it is ``ordered``; released or out of time, it is ``released`` and
was never an order. Points is the one authority on that; whoever dies on the way, its event comes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from services.coupons.domain import status_at
from services.coupons.programme import Programme
from services.coupons.queries import reward_order_body
from services.coupons.repository import (
    Change,
    append_history,
    campaigns,
    coupons,
    members,
    rewards,
)
from services.coupons.use_cases import minting, reward_stock
from shared.contracts.coupons import events
from shared.contracts.coupons.rewards import HOLD_PREFIX
from shared.contracts.event import Envelope
from shared.contracts.points import events as points
from shared.db import Outcome, UnitOfWork
from shared.errors import IdempotencyKeyReused, NotFound
from shared.errors.coupons import ReservationExpired, RewardCouponUsed, RewardOrderStateConflict
from shared.ids import new_id

RESERVED_FOR = timedelta(minutes=2)
"""How long stock waits for points to be held; the request that took it needs milliseconds."""
_log = structlog.get_logger(__name__)
Row = rewards.Row


def reserve_reward(
    uow: UnitOfWork,
    *,
    programme: Programme,
    reward_id: UUID,
    member_id: UUID,
    quantity: int,
    request_key: str,
    fingerprint: str,
) -> dict[str, Any]:
    """Take stock for an order, or return the order that the same request has made before.

    Raises:
        NotFound: there is no such reward.
        IdempotencyKeyReused: the request had another body before.
        RewardNotAvailable: not for this member, or not now; ``reason`` says why.
        LimitReached: the member has as many as it may.
        OutOfStock: there are not so many left.
        BudgetExhausted: its campaign has no coupon left.
    """
    row = rewards.get(uow.connection, reward_id)
    order, is_new = _enter(
        uow,
        {
            "reward_id": reward_id,
            "member_id": member_id,
            "status": "reserved",
            "quantity": quantity,
            "points": row["points"] * quantity,
            "reward_name": row["name"],
            **{name: row[name] for name in ("kind", "campaign_id")},
            "coupon_ids": [],
            "request_key": request_key,
            "fingerprint": fingerprint,
            "reserved_at": uow.now,
            "expires_at": uow.now + RESERVED_FOR,
            "updated_at": uow.now,
        },
    )
    if not is_new:
        if order["fingerprint"] != fingerprint:
            raise IdempotencyKeyReused
        return dict(order)
    # Read again: what an earlier try of this request had taken may have come back just now.
    reward_stock.take(uow, programme, rewards.get(uow.connection, reward_id), order)
    if uow.actor.kind == "staff":
        after = {"reward_id": str(reward_id), "quantity": quantity}
        uow.audit("reward_order.place", ("member", member_id), after=after)
    return dict(order)


def confirm_reward(uow: UnitOfWork, *, order_id: UUID, hold_id: UUID) -> dict[str, Any]:
    """Keep the stock until points tells what became of the hold, however long that takes.

    Raises:
        NotFound: there is no such order.
        ReservationExpired: its time was over before, and the stock may be another's.
    """
    order = _lock(uow, order_id)
    in_time = order["status"] != "reserved" or order["expires_at"] > uow.now
    if order["status"] == "released" or not in_time:
        raise ReservationExpired
    if order["status"] not in rewards.LIVING:
        return dict(order)
    return dict(_move(uow, order, "confirmed", hold_id=hold_id))


def free_reward(uow: UnitOfWork, *, order_id: UUID, hold_id: UUID | None) -> dict[str, Any]:
    """Give back the stock of an order that costs nobody anything.

    Once it is confirmed, only with the hold it waits for, which points has ended uncaptured.

    Raises:
        NotFound: there is no such order.
    """
    order = _lock(uow, order_id)
    waits_for_it = order["status"] == "confirmed" and order["hold_id"] == hold_id
    if order["status"] == "reserved" or waits_for_it:
        order = _free(uow, order)
    return dict(order)


def complete_reward(uow: UnitOfWork, *, programme: Programme, order_id: UUID) -> Outcome:
    """Hand over what points has been paid for; done before, it answers as the order stands.

    Raises:
        NotFound: there is no such order.
        RewardOrderStateConflict: it was given up before it was paid.
    """
    order = _lock(uow, order_id)
    if order["status"] == "released":
        raise RewardOrderStateConflict
    if order["status"] not in rewards.LIVING:
        return Outcome(reward_order_body(order), replayed=True)
    return Outcome(reward_order_body(_finish(uow, programme, order)))


def fulfil_reward_order(uow: UnitOfWork, *, order_id: UUID) -> Outcome:
    """Note that the member has what it ordered.

    Raises:
        NotFound: there is no such order.
        RewardOrderStateConflict: it is cancelled.
    """
    order = _shown(uow, order_id)
    if order["status"] == "fulfilled":
        return Outcome(reward_order_body(order), replayed=True)
    if order["status"] != "ordered":
        raise RewardOrderStateConflict(f"The order is {order['status']}.")
    order = _move(uow, order, "fulfilled", fulfilled_at=uow.now)
    target = ("reward_order", order_id)
    uow.audit(
        "reward_order.fulfil", target, before={"status": "ordered"}, after={"status": "fulfilled"}
    )
    uow.emit(events.REWARD_FULFILLED, subject=order["member_id"], data={**order})
    return Outcome(reward_order_body(order))


def cancel_reward_order(
    uow: UnitOfWork, *, order_id: UUID, reason_code: str, merchant_fault: bool
) -> Outcome:
    """Undo an order that is not handed over: stock comes back, and points by its event (S4).

    Raises:
        NotFound: there is no such order, or it is another member's.
        RewardOrderStateConflict: the member has what it ordered.
        RewardCouponUsed: a coupon it gave is not there to be taken back.
    """
    order = _shown(uow, order_id)
    if order["status"] == "cancelled":
        return Outcome(reward_order_body(order), replayed=True)
    if order["status"] != "ordered":
        raise RewardOrderStateConflict(f"The order is {order['status']}.")
    reward_stock.give_back(uow, order)
    _withdraw_coupons(uow, order)
    order = _cancel(uow, order, reason_code, merchant_fault=merchant_fault)
    if uow.actor.kind == "staff":
        before, after = {"status": "ordered"}, {"status": "cancelled"}
        target = ("reward_order", order_id)
        uow.audit("reward_order.cancel", target, before=before, after=after, reason=reason_code)
    return Outcome(reward_order_body(order))


def follow_capture(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Hand over what was paid for, if whoever asked for it died before that."""
    order = _order_of(uow, event.read(points.REDEEMED)["order_id"])
    if order is None:
        return
    if order["status"] in rewards.LIVING:
        _finish(uow, programme, order)
    elif order["status"] == "released":
        # Nobody captures what is not confirmed; if it ever happens, the member has its points back.
        _log.error("reward_paid_too_late", order_id=str(order["order_id"]))
        key = f"paid-late/{order['order_id']}"  # the request may have another order by now
        _cancel(uow, order, "system_fault", merchant_fault=True, request_key=key)


def follow_release(uow: UnitOfWork, event: Envelope) -> None:
    """Give the stock back of an order whose hold ended without paying for it."""
    hold = event.read(points.RELEASED)
    order = _order_of(uow, hold["order_id"])
    if order is None or hold["status"] == "captured":
        return
    if order["status"] == "confirmed" and order["hold_id"] == hold["hold_id"]:
        _free(uow, order)


def free_lapsed_reward_orders(uow: UnitOfWork) -> int:
    """Give back the stock of an order whose request died early (C2); returns how many."""
    lapsed = rewards.lapsed(uow.connection, uow.now, limit=1)
    for order in lapsed:
        _free(uow, order)
    return len(lapsed)


def _enter(uow: UnitOfWork, columns: dict[str, Any]) -> tuple[Row, bool]:
    """Store an order, or return the living one of the same request; a lapsed one is freed first."""
    order, is_new = rewards.enter(uow.connection, {**columns, "order_id": new_id()})
    if is_new or order["status"] != "reserved" or order["expires_at"] > uow.now:
        return order, is_new
    _free(uow, order)
    return rewards.enter(uow.connection, {**columns, "order_id": new_id()})


def _finish(uow: UnitOfWork, programme: Programme, order: Row) -> Row:
    coupon_ids: list[UUID] = []
    if order["campaign_id"] is not None and not _is_gone(uow, programme, order):
        campaign_row = campaigns.get(uow.connection, order["campaign_id"])
        holders = [order["member_id"]] * order["quantity"]
        made = minting.mint(uow, programme, campaign_row, holders, cause="reward", counted=True)
        coupon_ids = [coupon["coupon_id"] for coupon in made]
    order = _move(uow, order, "ordered", coupon_ids=coupon_ids, ordered_at=uow.now)
    uow.emit(events.REWARD_ORDERED, subject=order["member_id"], data={**order})
    return order


def _is_gone(uow: UnitOfWork, programme: Programme, order: Row) -> bool:
    """Return whether who paid was erased since: nobody is left to hold a coupon (M6)."""
    member_id = order["member_id"]
    shopper = members.shopper(uow.connection, member_id, programme.entry_tier, lock=True)
    return shopper.status == members.ERASED


def _free(uow: UnitOfWork, order: Row) -> Row:
    reward_stock.give_back(uow, order)
    return _move(uow, order, "released")


def _cancel(
    uow: UnitOfWork, order: Row, reason: str, *, merchant_fault: bool, **columns: Any
) -> Row:
    order = _move(uow, order, "cancelled", cancelled_at=uow.now, reason_code=reason, **columns)
    data = {**order, "merchant_fault": merchant_fault}
    uow.emit(events.REWARD_CANCELLED, subject=order["member_id"], data=data)
    return order


def _withdraw_coupons(uow: UnitOfWork, order: Row) -> None:
    changes = []
    for coupon_id in sorted(order["coupon_ids"]):
        coupon = coupons.find(uow.connection, coupon_id=coupon_id)
        lapsed = coupon and status_at("issued", coupon["valid_until"], uow.now) == "expired"
        before = coupons.leave(uow.connection, coupon_id, target="void", now=uow.now)
        if coupon is None or before is None or lapsed:
            raise RewardCouponUsed
        changes.append(
            Change(
                coupon["campaign_id"],
                before,
                "void",
                "reward.cancelled",
                coupon_id=coupon_id,
                member_id=coupon["member_id"],
            )
        )
        data = {**coupon, "reason": "The reward order was cancelled."}
        uow.emit(events.VOIDED, subject=coupon["member_id"], data=data)
    append_history(uow, changes)


def _order_of(uow: UnitOfWork, named: str | None) -> Row | None:
    """Lock the reward order that points names so; None where it speaks of something else."""
    if named is None or not named.startswith(HOLD_PREFIX):
        return None
    try:
        order_id = UUID(named.removeprefix(HOLD_PREFIX))
    except ValueError:
        return None
    return rewards.order(uow.connection, order_id, lock=True)


def _lock(uow: UnitOfWork, order_id: UUID) -> Row:
    order = rewards.order(uow.connection, order_id, lock=True)
    if order is None:
        raise NotFound
    return order


def _shown(uow: UnitOfWork, order_id: UUID) -> Row:
    """Lock an order as its member and staff know it: one that points was paid for."""
    order = _lock(uow, order_id)
    stranger = uow.actor.kind == "member" and uow.actor.id != str(order["member_id"])
    if stranger or order["status"] in (*rewards.LIVING, "released"):
        raise NotFound
    return order


def _move(uow: UnitOfWork, order: Row, target: str, **columns: Any) -> Row:
    source = order["status"]
    return rewards.move(
        uow.connection,
        order["order_id"],
        sources=(source,),
        target=target,
        now=uow.now,
        **columns,
    )
