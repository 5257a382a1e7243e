"""An order of a reward: stock from coupons, points from points, both or neither (R1).

Points decides: what its hold captured is ordered, what it did not is no order. `STEPS` is the
whole of it. Each step may be repeated; a refusal undoes the steps before it, the last one first.
Whoever dies at whichever step: the same request sent again finds what was done and goes on from
there. If it never comes, the stock is free again after two minutes and the hold after five; once
the stock is confirmed, coupons follows what points tells of the hold, `points.redeemed` or
`points.released`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.backend import call
from gateway.context import current
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

    @property
    def is_unpaid(self) -> bool:
        """Whether points is still to be asked; a request sent again may find it done."""
        return self.status in _UNPAID


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and what undoes it."""

    name: str
    do: Callable[[Order], None]
    undo: Callable[[Order], None] | None = None


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
    for left in reversed(range(TRIES)):
        order = Order(request)
        try:
            _go(order)
        except _OVERTAKEN:
            if not left:
                raise
            continue
        # The caller's key goes with the step that ends it: its answer is kept under it (A3).
        return call(rewards.COMPLETE, {"order_id": order.order_id})
    raise AssertionError("unreachable")


def cancel_order(order_id: str, reason: Mapping[str, Any]) -> Reply:
    """Undo a reward order: coupons decides and takes it back, and its points go home (S4)."""
    reply = call(rewards.CANCEL, {**reason, "order_id": order_id})
    refund = {"order_id": order_id, **reason}
    # Points hears of it by event as well: what fails here happens there a moment later.
    with suppress(LoyaltyError):
        call(holds.REFUND, refund, idempotent=False)
    return reply


def _go(order: Order) -> None:
    done: list[Step] = []
    for step in STEPS:
        try:
            step.do(order)
        except LoyaltyError as refusal:
            if not refusal.retryable:
                _undo(order, done)
            raise
        done.append(step)
        if not order.is_unpaid:
            return


def _undo(order: Order, done: list[Step]) -> None:
    """Undo steps, the last one first; what cannot be undone now, the time limits undo."""
    for step in reversed(done):
        if step.undo is not None:
            with suppress(LoyaltyError):
                step.undo(order)


def _take_stock(order: Order) -> None:
    reserved = call(rewards.RESERVE, order.request, idempotent=False).body
    order.order_id, order.status = reserved["order_id"], reserved["status"]
    order.points = reserved["points"]


def _give_stock_back(order: Order) -> None:
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
    try:
        call(holds.RELEASE, {"hold_id": order.hold_id}, idempotent=False)
    except (HoldAlreadyReleased, HoldExpired):
        order.hold_ended = True
        return
    order.hold_ended = True


def _confirm_stock(order: Order) -> None:
    wanted = {"order_id": order.order_id, "hold_id": order.hold_id}
    order.status = call(rewards.CONFIRM, wanted, idempotent=False).body["status"]


def _capture_points(order: Order) -> None:
    # A request sent again may find it captured by the one before.
    with suppress(HoldAlreadyCaptured):
        call(holds.CAPTURE, {"hold_id": order.hold_id}, idempotent=False)


STEPS = (
    Step("coupons takes stock, for a short time", _take_stock, _give_stock_back),
    Step("points holds what it costs", _hold_points, _release_points),
    Step("coupons keeps the stock until points tells the outcome", _confirm_stock),
    Step("points captures the hold: from here on it is paid", _capture_points),
)
"""Then coupons hands over (`order_reward`), upon the answer or upon points' event."""


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
