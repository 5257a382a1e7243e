"""Checkouts: a shop's orders from the quote to the sale (H1, H2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from gateway import order_flow, quoting
from gateway.backend import call, json_response, respond
from gateway.buyers import BUYER_ERRORS, buyer_of
from gateway.checkout_flow import unmask
from gateway.context import actor
from gateway.resources.quotes import answer_of, seal
from gateway.routing import Resource
from gateway.sale_commands import channel_of
from shared.calls import Reply
from shared.contracts.checkouts import CancelOrderSchema, OpenOrderSchema, OrderViewSchema
from shared.contracts.points import rpc as points
from shared.contracts.points.checkouts import CompleteCheckoutSchema
from shared.contracts.points.sales import SaleAnswerSchema
from shared.errors import LoyaltyError
from shared.errors.checkout import QuoteExpired, QuoteNotCovered, QuoteTokenInvalid
from shared.errors.coupons import OrderClosed, OrderConflict

resource = Resource("checkouts", description="A shop's orders, from the quote to the sale.")

_ONE = "/v1/checkouts/<string:order_id>"


@resource.post(
    "/v1/checkouts",
    scopes=("checkouts:write",),
    body=OpenOrderSchema,
    response=OrderViewSchema,
    success=201,
    repeats=True,
    errors=(
        *BUYER_ERRORS,
        *points.QUOTE_SALE.errors,
        *points.OPEN_CHECKOUT.errors,
        *points.READY_CHECKOUT.errors,
        OrderClosed,
        OrderConflict,
        QuoteTokenInvalid,
    ),
)
def open_checkout(body: dict[str, Any]) -> Response:
    """Open an order.

    Its points are held and its coupons reserved, all or nothing, until it is completed or cancelled
    or 30 minutes are over. With a `quote_token` it gets exactly the quote's numbers; what is gone
    meanwhile is named by `quote_not_covered`. A quote that came too late is answered with a fresh
    one. A known order answers 200 as it stands; another quote for it replaces the one before.
    """
    token = body.get("quote_token")
    if token is None:
        kept, meant = _quoted(body)
    else:
        kept = seal().open(token, actor())
        meant = {"quote_id": kept["quote_id"]}
    asked = kept["asked"]
    try:
        reply = order_flow.open_order(
            body["order_id"],
            order_flow.promise_of(kept),
            digest=order_flow.digest_of(meant),
            member_id=asked["member_id"],
        )
    except QuoteExpired:
        raise QuoteExpired(quote=_fresh(asked)) from None
    except QuoteNotCovered as refusal:
        raise QuoteNotCovered(missing=_named(refusal.extra["missing"], kept)) from None
    return _respond(reply, asked["codes"])


@resource.get(
    _ONE,
    scopes=("checkouts:write", "points:read"),
    response=OrderViewSchema,
    errors=points.CHECKOUT.errors,
)
def get_checkout(order_id: str) -> Response:
    """Show an order as it stands; a shop sees its own."""
    return _respond(call(points.CHECKOUT, {"order_id": order_id}))


@resource.post(
    f"{_ONE}/complete",
    scopes=("checkouts:write",),
    body=CompleteCheckoutSchema,
    response=SaleAnswerSchema,
    success=201,
    repeats=True,
    errors=points.COMPLETE_CHECKOUT.errors,
)
def complete_checkout(order_id: str, body: dict[str, Any]) -> Response:
    """Make an order that is paid a sale.

    Its points are captured, its coupons redeemed, what was promised is awarded. The answer is that
    of a sale whose `sale_id` is the `order_id`; an order that is complete answers 200 as it did.
    """
    return respond(order_flow.complete_order(order_id, body["paid_at"]))


@resource.post(
    f"{_ONE}/cancel",
    scopes=("checkouts:write",),
    body=CancelOrderSchema,
    response=OrderViewSchema,
    errors=points.CANCEL_CHECKOUT.errors,
)
def cancel_checkout(order_id: str, body: dict[str, Any]) -> Response:
    """Give up an order that is not paid.

    Its points and coupons are free again within seconds. By `merchant_fault` those that have lapsed
    or would lapse within 7 days last 7 days from now. One that has ended stays as it ended; a
    complete one is a sale, and is cancelled as such.
    """
    return _respond(call(points.CANCEL_CHECKOUT, {**body, "order_id": order_id}))


def _quoted(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Quote a basket on the spot; returns the promise, and what the request means by itself."""
    asked = quoting.question(body, buyer_of(body), body.get("channel") or channel_of(actor()))
    return quoting.make(asked).promise, asked


def _fresh(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a fresh quote of the same basket, None where it cannot be sold like that any more.

    Raises:
        LoyaltyError: a service is away.
    """
    try:
        return answer_of(quoting.make(asked))
    except LoyaltyError as refusal:
        if refusal.retryable:
            raise
        return None


def _named(
    missing: Sequence[Mapping[str, Any]], kept: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Return what is missing with the codes as whoever asked for the quote gave them."""
    codes = {
        (use["coupon_id"], use["campaign_id"]): use["code"] for use in kept["coupons"]["applied"]
    }
    named = []
    for each in missing:
        code = codes.get((each.get("coupon_id"), each.get("campaign_id", "")))
        named.append(each if code is None else {**each, "code": code})
    return named


def _respond(reply: Reply, codes: Sequence[str] = ()) -> Response:
    """Answer with an order as its shop sees it; codes in full where it has just given them."""
    body, promise = reply.body, reply.body["promise"]
    applied = ("code", "coupon_id", "campaign_id", "name", "gift_sku", "discount_minor")
    uses = promise["coupons"]["applied"]
    answer = {
        **{name: body[name] for name in ("order_id", "status", "member_id", "hold")},
        **{name: promise[name] for name in ("quote_id", "currency", "totals", "member_price")},
        "lines": quoting.lines_of(promise["lines"], promise["tender"]),
        "coupons": {
            **promise["coupons"],
            "applied": [{name: use.get(name) for name in applied} for use in uses],
        },
        "points": {"redeemed": promise["points_to_redeem"], "earned": promise["earned"]},
        **{name: body[name] for name in ("opened_at", "expires_at", "closed_at", "reason_code")},
    }
    unmask(answer, codes)
    response = json_response(answer, reply.status)
    if reply.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
