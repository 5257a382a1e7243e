"""A sale with coupons: several services, no half-states (H2).

Points decides what becomes of the order; coupons follow its events. The steps, each of which may be
repeated, and what undoes them:

1. ``points.open_checkout``: the order exists and has a time limit. Undone by `give_up`, or by
   points itself when the time is over.
2. ``coupons.reserve``: the codes are judged and those that count are held. Undone by the event
   ``checkout.closed`` that step 1's undoing causes.
3. ``coupons.confirm``: what is held no longer lapses by itself. Undone likewise.
4. ``points.record_sale``: the sale is final, and its event redeems the coupons. A refusal undoes 1.

Whoever dies at whichever step: the same request sent again goes through the same steps and finds
them done as far as they were, or points' time limit undoes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.backend import call
from shared.calls import Reply
from shared.contracts.coupons import rpc as coupons
from shared.contracts.points import rpc as points
from shared.errors import LoyaltyError
from shared.errors.coupons import OrderClosed, OrderConflict, ReservationExpired
from shared.errors.points import CheckoutNotOpen

OPENINGS = 3
"""How often an order is opened anew when its opening ends under the flow's hands."""
_MASK_SHOWS = 4
_COMPLETED = "completed"
_BASKET = ("line_id", "sku", "category", "brand", "kind", "quantity", "net_minor")

Command = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sale ready to be recorded."""

    command: Command
    attempt: int | None = None
    """Which opening of the order it completes; None when the order is a sale already."""


def record(command: Command, codes: Sequence[str], channel: str) -> Reply:
    """Record one sale with coupon codes.

    Raises:
        LoyaltyError: the sale was refused, and nothing is reserved for it any more; or a service
            is away, and the same request may be sent again.
    """
    for left in reversed(range(OPENINGS)):
        prepared = prepare(command, codes, channel)
        try:
            return call(points.RECORD_SALE, prepared.command)
        except CheckoutNotOpen:
            if not left:
                raise
        except LoyaltyError as refusal:
            if not refusal.retryable:
                give_up(prepared)
            raise
    raise AssertionError("unreachable")


def prepare(command: Command, codes: Sequence[str], channel: str) -> Prepared:
    """Take the steps before the recording: open, reserve, confirm.

    Raises:
        LoyaltyError: a refusal, all undone; or a service is away.
    """
    request = _reservation_request(command, codes, channel)
    for left in reversed(range(OPENINGS)):
        opening = _open(command, request)
        if opening["status"] == _COMPLETED:
            return Prepared(command)
        prepared = Prepared(command, opening["attempt"])
        times = {name: opening[name] for name in ("opened_at", "expires_at")}
        try:
            reservation = call(coupons.RESERVE, {**request, **times}, idempotent=False).body
            call(coupons.CONFIRM, {"order_id": request["order_id"]}, idempotent=False)
        except (OrderClosed, OrderConflict, ReservationExpired):
            # The opening ended meanwhile, by its time or by another request for this order.
            give_up(prepared)
            if not left:
                raise
            continue
        except LoyaltyError as refusal:
            if not refusal.retryable:
                give_up(prepared)
            raise
        return Prepared(_discounted(command, reservation, opening["attempt"]), opening["attempt"])
    raise AssertionError("unreachable")


def give_up(prepared: Prepared) -> None:
    """Close the opening, so that what it reserved is free; one that has ended stays so."""
    if prepared.attempt is None:
        return
    order = {"order_id": prepared.command["sale_id"], "attempt": prepared.attempt}
    try:
        call(points.CANCEL_CHECKOUT, order, idempotent=False)
    except LoyaltyError:
        # Its time limit does it then. The caller has to hear of the refusal that led here.
        return


def digest(codes: Sequence[str]) -> str:
    """Return a digest of coupon codes: whether two requests name the same ones."""
    return hashlib.sha256(json.dumps(list(codes)).encode()).hexdigest()


def mask(code: str) -> str:
    """Return a code as others than its giver may see it (C8)."""
    return "****" + code[-_MASK_SHOWS:] if len(code) > 2 * _MASK_SHOWS else "****"


def unmask(answer: Mapping[str, Any], codes: Sequence[str]) -> None:
    """Show the giver of codes its own ones in the answer's ``coupons``."""
    given: dict[str, list[str]] = {}
    for code in codes:
        given.setdefault(mask(code), []).append(code)
    for uses in answer["coupons"].values():
        for use in uses:
            known = given.get(use["code"], [])
            if len(known) == 1:
                use["code"] = known[0]


def _open(command: Command, request: Mapping[str, Any]) -> Mapping[str, Any]:
    content = json.dumps(request, sort_keys=True, separators=(",", ":"))
    order = {
        "order_id": command["sale_id"],
        "member_id": command["member_id"],
        "digest": hashlib.sha256(content.encode()).hexdigest(),
    }
    return call(points.OPEN_CHECKOUT, order, idempotent=False).body


def _reservation_request(command: Command, codes: Sequence[str], channel: str) -> dict[str, Any]:
    return {
        "order_id": command["sale_id"],
        "member_id": command["member_id"],
        "store_id": command["store_id"],
        "channel": channel,
        "currency": command["currency"],
        "occurred_at": command["occurred_at"],
        "lines": [
            {name: line[name] for name in _BASKET if name in line} for line in command["lines"]
        ],
        "codes": list(dict.fromkeys(codes)),
    }


def _discounted(command: Command, reservation: Mapping[str, Any], attempt: int) -> Command:
    """Return the sale with what the coupons take off its lines, codes masked."""
    off: dict[str, int] = {}
    for applied in reservation["applied"]:
        for part in applied["line_discounts"]:
            off[part["line_id"]] = off.get(part["line_id"], 0) + part["discount_minor"]
    kept = (
        "coupon_id",
        "campaign_id",
        "name",
        "gift_sku",
        "discount_minor",
        "reason",
        "message",
    )
    result = {
        name: [
            {"code": mask(use["code"])} | {key: use[key] for key in kept if key in use}
            for use in reservation[name]
        ]
        for name in ("applied", "skipped", "rejected")
    }
    lines = [{**line, "discount_minor": off.get(line["line_id"], 0)} for line in command["lines"]]
    return {**command, "lines": lines, "coupons": result, "checkout_attempt": attempt}
