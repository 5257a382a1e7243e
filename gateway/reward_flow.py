"""An order of a reward: stock from coupons, points from points, both or neither (R1).

Points decides: what its hold captured is ordered, what it did not is no order. `ORDERING` is the
table of the steps. Whoever dies at whichever step: the same request sent again finds what was done
and goes on from there. If it never comes, the stock is free again after two minutes and the hold
after five; once the stock is confirmed, coupons follows what points tells of the hold,
`points.redeemed` or `points.released`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.backend import call
from gateway.context import current
from gateway.saga import Saga, Step
from gateway.vouching import call_for
from shared.calls import Reply
from shared.contracts.coupons import rewards
from shared.contracts.points import holds
from shared.errors import LoyaltyError
from shared.errors.coupons import ReservationExpired
from shared.errors.points import HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired

HOLD_TTL_S = 300
"""Longer than coupons keeps stock unconfirmed: a hold never ends first by itself."""
TRIES = 3
"""How often an order begins anew that its time limits ended under the request's hands."""
_OVERTAKEN = (ReservationExpired, HoldAlreadyReleased, HoldExpired)
_UNPAID = ("reserved", "confirmed")


@dataclass(slots=True)
class Order:
    """How far an order is."""

    request: Mapping[str, Any]
    order_id: str = ""
    status: str = ""
    points: int = 0
    hold_id: str | None = None
    hold_ended: bool = False
    """True once points says that the hold ended uncaptured."""
    reply: Reply | None = None


def order_reward(reward_id: str, member_id: str, quantity: int) -> Reply:
    """Order pieces of a reward for a member, as the request being answered.

    Raises:
        LoyaltyError: a refusal, with all undone; or a service is away, and the same request may be
            sent again.
    """
    request = {
        "reward_id": reward_id,
        "member_id": member_id,
        "quantity": quantity,
        **_request_key(),
    }
    order = ORDERING.run(Order(request))
    if order.reply is None:
        raise AssertionError("handing over is the last step")
    return order.reply


def cancel_order(order_id: str, reason: Mapping[str, Any]) -> Reply:
    """Undo a reward order: coupons decides and takes it back, and its points go home (S4)."""
    reply = call(rewards.CANCEL, {**reason, "order_id": order_id})
    refund = {"order_id": order_id, **reason}
    # Points hears of it by event as well: what fails here happens there a moment later.
    with suppress(LoyaltyError):
        call(holds.REFUND, refund, idempotent=False)
    return reply


def _take_stock(order: Order) -> None:
    order.order_id, order.hold_id, order.hold_ended = "", None, False
    reserved = call(rewards.RESERVE, order.request, idempotent=False).body
    order.order_id, order.status = reserved["order_id"], reserved["status"]
    order.points = reserved["points"]


def _give_stock_back(order: Order) -> None:
    if not order.order_id:
        return
    ended = order.hold_id if order.hold_ended else None
    call(rewards.FREE, {"order_id": order.order_id, "hold_id": ended}, idempotent=False)


def _hold_points(order: Order) -> None:
    member_id = order.request["member_id"]
    wanted = {
        "member_id": member_id,
        "points": order.points,
        "order_id": rewards.hold_order_id(order.order_id),
        "ttl_s": HOLD_TTL_S,
    }
    order.hold_id = call_for(holds.PLACE, wanted, [member_id], idempotent=False).body["hold_id"]


def _release_points(order: Order) -> None:
    if order.hold_id is None:
        return
    with suppress(HoldAlreadyReleased, HoldExpired):
        call(holds.RELEASE, {"hold_id": order.hold_id}, idempotent=False)
    order.hold_ended = True


def _confirm_stock(order: Order) -> None:
    wanted = {"order_id": order.order_id, "hold_id": order.hold_id}
    order.status = call(rewards.CONFIRM, wanted, idempotent=False).body["status"]


def _capture_points(order: Order) -> None:
    # A request sent again may find it captured by the one before.
    with suppress(HoldAlreadyCaptured):
        call(holds.CAPTURE, {"hold_id": order.hold_id}, idempotent=False)


def _hand_over(order: Order) -> None:
    # The caller's key goes with the step that ends it: its answer is kept under it (A3).
    order.reply = call(rewards.COMPLETE, {"order_id": order.order_id})


def _is_unpaid(order: Order) -> bool:
    return order.status in _UNPAID


_STEPS = (
    Step(
        "stock",
        does="coupons.reserve_reward: stock, the member's share and coupons to come are taken.",
        act=_take_stock,
        undo=_give_stock_back,
        undone_by="coupons.free_reward, or coupons itself after two minutes",
        repeated="The same order, unless it was undone.",
    ),
    Step(
        "hold",
        does="points.place_hold: what it costs is set aside.",
        act=_hold_points,
        undo=_release_points,
        needed=_is_unpaid,
        undone_by="points.release_hold, or points itself after five minutes",
        repeated="The order's hold, captured or not.",
    ),
    Step(
        "confirm",
        does="coupons.confirm_reward: the stock is kept until points tells the outcome.",
        act=_confirm_stock,
        needed=_is_unpaid,
        undone_by="coupons.free_reward with the hold that ended, or the event points.released",
        repeated="Nothing more.",
    ),
    Step(
        "capture",
        does="points.capture_hold: from here on it is paid.",
        act=_capture_points,
        needed=_is_unpaid,
        undone_by="nothing: cancel the order",
        repeated="Captured already is captured.",
    ),
    Step(
        "hand over",
        does="coupons.complete_reward: it is ordered, and what it gives is issued.",
        act=_hand_over,
        undone_by="nothing: cancel the order; the event points.redeemed does it if this dies",
        repeated="The answer of the first time.",
    ),
)
ORDERING = Saga("An order of a reward", _STEPS, begins_anew=_OVERTAKEN, runs=TRIES)


def _request_key() -> dict[str, str]:
    """Name the request by caller, route and key, so that sent again it is the same order."""
    context = current()
    if context.idempotency is None:
        raise AssertionError("the route needs a key")
    named = "\n".join((context.actor.key, context.idempotency.route, context.idempotency.key))
    return {
        "request_key": hashlib.sha256(named.encode()).hexdigest(),
        "fingerprint": context.idempotency.fingerprint,
    }
