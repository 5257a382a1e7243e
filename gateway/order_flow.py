"""A shop's order: opened by a quote, paid, completed; several services, no half-states (H1, H2).

`OPENING` and `COMPLETION` are the tables of the steps. Between them the order waits for its payment
with points held and coupons reserved; a cancel, or its time limit of 30 minutes, lets all of it go.
Points decides what becomes of the order, and coupons follow its events.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.backend import call
from gateway.checkout_flow import mask
from gateway.saga import Saga, Step
from shared.calls import Reply
from shared.contracts.coupons import rpc as coupons
from shared.contracts.points import rpc as points
from shared.errors.checkout import CheckoutClosed
from shared.errors.coupons import OrderClosed, OrderConflict, ReservationExpired

OPENINGS = 3
_OPEN = "open"
_KEPT = ("coupon_id", "campaign_id", "version", "name", "gift_sku", "discount_minor",
         "line_discounts", "reason", "message")  # fmt: skip
_USE = ("coupon_id", "campaign_id", "version", "discount_minor", "line_discounts")

Json = dict[str, Any]


@dataclass(slots=True)
class Order:
    """A shop's order on its way."""

    order_id: str
    asks: Mapping[str, Any] = field(default_factory=dict)
    """What points is asked to open: member, digest and promise."""
    view: Json = field(default_factory=dict)
    """The order as points last told it."""
    paid_at: str = ""
    reply: Reply | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it waits to be paid, or to be opened to the end."""
        return self.view.get("status") == _OPEN

    @property
    def is_ready(self) -> bool:
        """Return whether all it needs had been reserved before."""
        return bool(self.view.get("is_ready"))

    @property
    def coupons(self) -> list[Json]:
        """Return the coupons it was promised."""
        applied: list[Json] = self.view["promise"]["coupons"]["applied"]
        return applied


def _open(order: Order) -> None:
    order.view = {}
    asked = {"order_id": order.order_id, **order.asks}
    order.view = call(points.OPEN_CHECKOUT, asked, idempotent=False).body


def _cancel(order: Order) -> None:
    # What had been answered before is the caller's to cancel.
    if order.is_open and not order.is_ready:
        opening = {"order_id": order.order_id, "attempt": order.view["attempt"]}
        call(points.CANCEL_CHECKOUT, opening, idempotent=False)


def _reserve(order: Order) -> None:
    promise = order.view["promise"]
    told = {name: promise[name] for name in ("store_id", "channel")}
    times = {name: order.view[name] for name in ("opened_at", "expires_at")}
    asked = {
        "order_id": order.order_id,
        "member_id": order.view["member_id"],
        "promised_at": promise["judged_by"]["at"],
        "uses": [{name: use[name] for name in _USE} for use in order.coupons],
    }
    call(coupons.RESERVE_PROMISED, asked | told | times, idempotent=False)


def _ready(order: Order) -> None:
    opening = {"order_id": order.order_id, "attempt": order.view["attempt"]}
    order.reply = call(points.READY_CHECKOUT, opening)


def _find(order: Order) -> None:
    order.view = call(points.CHECKOUT, {"order_id": order.order_id}, idempotent=False).body


def _confirm(order: Order) -> None:
    try:
        call(coupons.CONFIRM, {"order_id": order.order_id}, idempotent=False)
    except (OrderClosed, ReservationExpired):
        # Its time ran out between the steps, or somebody cancelled it.
        raise CheckoutClosed(order_status="expired") from None


def _complete(order: Order) -> None:
    paid = {"order_id": order.order_id, "paid_at": order.paid_at}
    order.reply = call(points.COMPLETE_CHECKOUT, paid)


def _reserves(order: Order) -> bool:
    return order.is_open and not order.is_ready and bool(order.coupons)


def _confirms(order: Order) -> bool:
    return order.is_open and order.is_ready and bool(order.coupons)


OPENING: Saga[Order] = Saga(
    "Opening a shop's order",
    (
        Step(
            "open",
            does="points.open_checkout: the promise is kept, points are held, caps counted; the "
            "order has 30 minutes.",
            act=_open,
            undo=_cancel,
            undone_by="points.cancel_checkout, or points itself when the time is over",
            repeated="The same opening with the same numbers.",
        ),
        Step(
            "reserve",
            does="coupons.reserve_promised: the promised coupons are held at the promised amounts.",
            act=_reserve,
            needed=_reserves,
            undone_by="the event checkout.closed that undoing `open` causes",
            repeated="The same reservation.",
        ),
        Step(
            "ready",
            does="points.ready_checkout: all is reserved, and the order may be completed.",
            act=_ready,
            undo=None,
            undone_by="undoing `open`",
            repeated="The order as it was answered.",
        ),
    ),
    begins_anew=(OrderClosed, OrderConflict, ReservationExpired),
    runs=OPENINGS,
)
COMPLETION: Saga[Order] = Saga(
    "Completing a shop's order",
    (
        Step(
            "find",
            does="points.checkout: the order as it stands.",
            act=_find,
            undone_by="nothing to undo",
            repeated="The order as it stands.",
        ),
        Step(
            "confirm",
            does="coupons.confirm: what is held no longer lapses by itself.",
            act=_confirm,
            needed=_confirms,
            undone_by="the event checkout.closed, when the order is cancelled or its time is over",
            repeated="Nothing more.",
        ),
        Step(
            "complete",
            does="points.complete_checkout: captures, awards, records; the sale is final, and its "
            "event redeems the coupons.",
            act=_complete,
            undone_by="nothing: cancel or return the sale",
            repeated="The sale's answer.",
        ),
    ),
)


def open_order(
    order_id: str, promise: Mapping[str, Any], *, digest: str, member_id: str | None
) -> Reply:
    """Open an order by a promise.

    Raises:
        QuoteExpired: the promise's time is over.
        QuoteNotCovered: something of it is gone; nothing is reserved.
        LoyaltyError: another refusal, with all undone; or a service is away.
    """
    asks = {"member_id": member_id, "digest": digest, "promise": promise}
    return _reply(OPENING.run(Order(order_id, asks)))


def complete_order(order_id: str, paid_at: str) -> Reply:
    """Make an order that is paid a sale.

    Raises:
        LoyaltyError: a refusal, the order stays as it is; or a service is away.
    """
    return _reply(COMPLETION.run(Order(order_id, paid_at=paid_at)))


def promise_of(kept: Mapping[str, Any]) -> Json:
    """Return what a quote promised, as points keeps it: no code in clear (C8)."""
    asked = kept["asked"]
    lines = [
        {**line, "discount_minor": off}
        for line, off in zip(asked["lines"], kept["discounts"], strict=True)
    ]
    copied = ("quote_id", "valid_until", "tender", "totals", "member_price", "earned", "judged_by")
    told = ("currency", "store_id", "channel", "points_to_redeem")
    return {
        **{name: kept[name] for name in copied},
        **{name: asked[name] for name in told},
        "lines": lines,
        "coupons": {
            name: [
                {"code": mask(use["code"])} | {key: use[key] for key in _KEPT if key in use}
                for use in uses
            ]
            for name, uses in kept["coupons"].items()
        },
    }


def digest_of(content: Any) -> str:
    """Return a digest of what an order was opened by: whether two requests mean the same."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _reply(order: Order) -> Reply:
    if order.reply is None:
        raise AssertionError("the last step answers")
    return order.reply
