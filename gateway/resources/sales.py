"""Sales as tills and shops post them, one by one or in batches, and what comes back of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from marshmallow import INCLUDE, fields, validate

from gateway import checkout_flow
from gateway.backend import call, json_response, respond
from gateway.checkout_flow import Command, Prepared
from gateway.context import actor
from gateway.routing import Resource
from gateway.sale_commands import channel_of, commands, refuse_foreign_store
from shared.calls import Actor
from shared.contracts.base import WireSchema, load
from shared.contracts.fields import ExternalKey
from shared.contracts.points import returns, rpc, sales
from shared.errors import LoyaltyError
from shared.errors.points import StoreMismatch

resource = Resource("sales", description="Finished sales, returns and cancels.")

_ACTIVE = "active"


class _SomeSaleSchema(WireSchema):
    """A sale of a batch as far as the batch needs it: each is validated by itself."""

    class Meta:
        """Whatever else is in it comes later."""

        unknown = INCLUDE

    sale_id = ExternalKey(required=True)


class _SomeSalesSchema(WireSchema):
    """A batch that can be read."""

    sales = fields.List(
        fields.Nested(_SomeSaleSchema),
        required=True,
        validate=validate.Length(min=1, max=sales.MAX_SALES),
    )


@resource.post(
    "/v1/sales",
    scopes=("sales:write",),
    body=sales.SaleSchema,
    response=sales.SaleAnswerSchema,
    success=201,
    repeats=True,
    errors=(*rpc.RECORD_SALE.errors, StoreMismatch),
)
def record_sale(body: dict[str, Any]) -> Response:
    """Record a sale.

    Awards points to the member, spends `points_to_redeem` and redeems `coupons`. A coupon that does
    not count is named with its reason, and the sale stands. A sale that is known with the same
    content answers 200 as it did then, also under another key; with other content 409.
    """
    seller = actor()
    refuse_foreign_store(body, seller)
    (command,) = commands([body], seller)
    codes = body.get("coupons") or []
    if not _needs_checkout(command, codes):
        return respond(call(rpc.RECORD_SALE, command))
    reply = checkout_flow.record(command, codes, channel_of(seller))
    checkout_flow.unmask(reply.body, codes)
    return respond(reply)


@resource.post(
    "/v1/sales/batch",
    scopes=("sales:write",),
    body=sales.SaleBatchSchema,
    response=sales.SaleResultsSchema,
    validates=False,
)
def record_sales(body: dict[str, Any]) -> Response:
    """Record up to 500 sales, each with its own result.

    They are recorded in the order given. A sale that is refused says why, as a problem of
    `POST /v1/sales` would, and leaves the others alone.
    """
    load(_SomeSalesSchema, body)
    seller, posted = actor(), body["sales"]
    results: dict[int, dict[str, Any]] = {}
    good = {
        place: sale
        for place, sale in enumerate(posted)
        if not _refused(results, place, sale, seller)
    }
    made = dict(zip(good, commands(list(good.values()), seller), strict=True))
    ready = _prepare_all(made, good, results, channel_of(seller))
    reply = _record_all(ready, good, results)
    answer = {"results": [results[place] for place in range(len(posted))]}
    response = json_response(answer)
    if reply:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@resource.get(
    "/v1/sales/<string:sale_id>",
    scopes=("sales:read",),
    response=sales.SaleViewSchema,
    errors=rpc.GET_SALE.errors,
)
def get_sale(sale_id: str) -> Response:
    """Show a sale as it stands: what it was, and what came back of it."""
    return respond(call(rpc.GET_SALE, {"sale_id": sale_id}))


@resource.post(
    "/v1/sales/<string:sale_id>/returns",
    scopes=("returns:write",),
    body=returns.ReturnSchema,
    response=returns.ReturnAnswerSchema,
    success=201,
    repeats=True,
    errors=rpc.RETURN_SALE.errors,
)
def return_sale(sale_id: str, body: dict[str, Any]) -> Response:
    """Take goods of a sale back, line by line.

    Each line gives back its own points in proportion to what is refunded of it, cumulatively;
    points that were spent on the sale go home. A known return answers 200 as it did then.
    """
    return respond(call(rpc.RETURN_SALE, {**body, "sale_id": sale_id}))


@resource.post(
    "/v1/sales/<string:sale_id>/cancel",
    scopes=("returns:write",),
    body=returns.CancelSchema,
    response=returns.ReturnAnswerSchema,
    errors=rpc.CANCEL_SALE.errors,
)
def cancel_sale(sale_id: str, body: dict[str, Any]) -> Response:
    """Undo what is left of a sale: its points, the points spent on it, its coupons."""
    return respond(call(rpc.CANCEL_SALE, {**body, "sale_id": sale_id}))


def _needs_checkout(command: Command, codes: Sequence[str]) -> bool:
    """Return whether coupons have a say; points refuses a member it must not serve by itself."""
    return bool(codes) and command["member_status"] in (None, _ACTIVE)


def _refused(
    results: dict[int, dict[str, Any]], place: int, sale: Mapping[str, Any], seller: Actor
) -> bool:
    """Check one sale of a batch; note its refusal."""
    try:
        load(sales.SaleSchema, sale)
        refuse_foreign_store(sale, seller)
    except LoyaltyError as refusal:
        results[place] = _rejected(sale["sale_id"], refusal)
        return True
    return False


def _rejected(sale_id: str, refusal: LoyaltyError) -> dict[str, Any]:
    wire = refusal.to_wire()
    error = {name: wire[name] for name in ("code", "status", "detail", "errors")}
    return {"sale_id": sale_id, "status": "rejected", "error": error}


def _prepare_all(
    made: Mapping[int, Command],
    good: Mapping[int, Mapping[str, Any]],
    results: dict[int, dict[str, Any]],
    channel: str,
) -> dict[int, Prepared]:
    """Settle the coupons of each sale that names some; note refusals.

    Raises:
        LoyaltyError: a service is away; the batch may be sent again.
    """
    ready = {}
    for place, command in made.items():
        codes = good[place].get("coupons") or []
        if not _needs_checkout(command, codes):
            ready[place] = Prepared(command)
            continue
        try:
            ready[place] = checkout_flow.prepare(command, codes, channel)
        except LoyaltyError as refusal:
            if refusal.retryable:
                raise
            results[place] = _rejected(command["sale_id"], refusal)
    return ready


def _record_all(
    ready: Mapping[int, Prepared],
    good: Mapping[int, Mapping[str, Any]],
    results: dict[int, dict[str, Any]],
) -> bool:
    """Record what is ready, note the results, and return whether they are replayed ones."""
    if not ready:
        return False
    reply = call(rpc.RECORD_SALES, {"sales": [each.command for each in ready.values()]})
    for (place, prepared), result in zip(ready.items(), reply.body["results"], strict=True):
        if result["status"] == "rejected":
            checkout_flow.give_up(prepared)
        elif "coupons" in result:
            checkout_flow.unmask(result, good[place].get("coupons") or [])
        results[place] = result
    return reply.replayed
