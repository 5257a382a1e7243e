"""A till's sale with coupons: several services, no half-states (H2).

Points decides what becomes of the order; coupons follow its events. `SALE` is the table of the
steps, each of which may be repeated, and of what undoes them. Whoever dies at whichever step: the
same request sent again goes through the same steps and finds them done as far as they were, or
points' time limit undoes them. A shop's order goes by `gateway.order_flow`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.backend import call
from gateway.saga import Saga, Step
from shared.calls import Reply
from shared.contracts.coupons import rpc as coupons
from shared.contracts.points import rpc as points
from shared.errors.coupons import OrderClosed, OrderConflict, ReservationExpired
from shared.errors.points import CheckoutNotOpen

OPENINGS = 3
"""How often an order is opened anew when its opening ends under the flow's hands."""
_MASK_SHOWS = 4
_OPEN = "open"
_BASKET = ("line_id", "sku", "category", "brand", "kind", "quantity", "net_minor")

Command = dict[str, Any]


@dataclass(slots=True)
class Prepared:
    """A sale on its way: what is to be recorded, and how far its order is."""

    command: Command
    """As points takes it; with what coupons take off once they are reserved."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """What coupons are asked to reserve; empty for a sale that needs no checkout."""
    opening: Mapping[str, Any] = field(default_factory=dict)
    """The order's checkout as points opened it."""
    reply: Reply | None = None

    @property
    def is_open(self) -> bool:
        """Return whether there is an opening to complete; an order that is a sale has none."""
        return self.opening.get("status") == _OPEN


def _open(sale: Prepared) -> None:
    sale.opening = {}
    content = json.dumps(sale.request, sort_keys=True, separators=(",", ":"))
    order = {
        "order_id": sale.command["sale_id"],
        "member_id": sale.command["member_id"],
        "digest": hashlib.sha256(content.encode()).hexdigest(),
    }
    sale.opening = call(points.OPEN_CHECKOUT, order, idempotent=False).body


def _cancel(sale: Prepared) -> None:
    if sale.is_open:
        order = {"order_id": sale.command["sale_id"], "attempt": sale.opening["attempt"]}
        call(points.CANCEL_CHECKOUT, order, idempotent=False)


def _reserve(sale: Prepared) -> None:
    times = {name: sale.opening[name] for name in ("opened_at", "expires_at")}
    held = call(coupons.RESERVE, {**sale.request, **times}, idempotent=False).body
    sale.command = _discounted(sale.command, held, sale.opening["attempt"])


def _confirm(sale: Prepared) -> None:
    call(coupons.CONFIRM, {"order_id": sale.command["sale_id"]}, idempotent=False)


def _record(sale: Prepared) -> None:
    sale.reply = call(points.RECORD_SALE, sale.command)


def _needs_coupons(sale: Prepared) -> bool:
    return sale.is_open


_STEPS: tuple[Step[Prepared], ...] = (
    Step(
        "open",
        does="points.open_checkout: the order exists and has a time limit.",
        act=_open,
        undo=_cancel,
        undone_by="points.cancel_checkout, or points itself when the time is over",
        repeated="The same opening, while it lasts; a sale that is recorded answers so.",
    ),
    Step(
        "reserve",
        does="coupons.reserve: the codes are judged, and those that count are held.",
        act=_reserve,
        needed=_needs_coupons,
        undone_by="the event checkout.closed that undoing `open` causes",
        repeated="The same answer.",
    ),
    Step(
        "confirm",
        does="coupons.confirm: what is held no longer lapses by itself.",
        act=_confirm,
        needed=_needs_coupons,
        undone_by="the event checkout.closed that undoing `open` causes",
        repeated="Nothing more.",
    ),
    Step(
        "record",
        does="points.record_sale: the sale is final, and its event redeems the coupons.",
        act=_record,
        undone_by="nothing: cancel or return the sale",
        repeated="The sale's answer.",
    ),
)
_ENDED = (OrderClosed, OrderConflict, ReservationExpired, CheckoutNotOpen)
"""The opening ended meanwhile, by its time or by another request for this order."""
SALE = Saga("A till's sale with coupons", _STEPS, begins_anew=_ENDED, runs=OPENINGS)
PREPARATION = Saga("The same, of a batch", _STEPS[:-1], begins_anew=_ENDED, runs=OPENINGS)
"""Sales of a batch are recorded together, when each of them is prepared."""


def record(command: Command, codes: Sequence[str], channel: str) -> Reply:
    """Record one sale with coupon codes.

    Raises:
        LoyaltyError: the sale was refused, and nothing is reserved for it any more; or a service
            is away, and the same request may be sent again.
    """
    sale = SALE.run(_new(command, codes, channel))
    if sale.reply is None:
        raise AssertionError("recording is the last step")
    return sale.reply


def prepare(command: Command, codes: Sequence[str], channel: str) -> Prepared:
    """Take the steps before the recording: open, reserve, confirm.

    Raises:
        LoyaltyError: a refusal, all undone; or a service is away.
    """
    return PREPARATION.run(_new(command, codes, channel))


def give_up(prepared: Prepared) -> None:
    """Close the opening, so that what it reserved is free; one that has ended stays so."""
    PREPARATION.undo(prepared)


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


def _new(command: Command, codes: Sequence[str], channel: str) -> Prepared:
    request = {
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
    return Prepared(command, request)


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
