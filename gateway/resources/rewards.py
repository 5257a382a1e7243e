"""Rewards: what members can have for their points, and their orders (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway import reward_flow
from gateway.backend import call, respond
from gateway.context import actor, own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.coupons import rewards
from shared.contracts.fields import Choice, Id
from shared.contracts.points import holds
from shared.errors import FieldError, Invalid
from shared.errors.points import MemberRequired

resource = Resource("rewards", description="What members can have for their points.")

_ONE = "/v1/rewards/<uuid:reward_id>"
_ORDER = "/v1/reward-orders/<uuid:order_id>"
_READERS = ("rewards:read", "self:read")
_ORDERERS = ("self:write", "reward_orders:write")


class RewardsQuery(ListQuery):
    """Which rewards to list."""

    kind = Choice(*rewards.REWARD_KINDS, metadata={"description": "Only these."})


class RewardOrdersQuery(ListQuery):
    """Which reward orders to list."""

    member_id = Id(metadata={"description": "Only this member's."})
    reward_id = Id(metadata={"description": "Only of this reward."})
    status = Choice(*rewards.ORDER_STATUSES, metadata={"description": "Only these."})


@resource.post(
    "/v1/rewards",
    scopes=("rewards:write",),
    body=rewards.RewardDraftSchema,
    response=rewards.RewardSchema,
    success=201,
)
def create_reward(body: dict[str, Any]) -> Response:
    """Offer something for points."""
    return respond(call(rewards.CREATE, body))


@resource.get(
    "/v1/rewards",
    scopes=_READERS,
    query=RewardsQuery,
    response=list_of(rewards.RewardSchema),
)
def list_rewards(query: dict[str, Any]) -> Response:
    """List rewards, newest first; members see those that can be ordered now."""
    return respond_page(rewards.LIST, {"kind": query.get("kind")}, query)


@resource.get(_ONE, scopes=_READERS, response=rewards.RewardSchema)
def get_reward(reward_id: str) -> Response:
    """Show a reward."""
    return respond(call(rewards.GET, {"reward_id": reward_id}))


@resource.patch(
    _ONE,
    scopes=("rewards:write",),
    body=rewards.RewardPatchSchema,
    response=rewards.RewardSchema,
    errors=rewards.AMEND.errors,
)
def amend_reward(reward_id: str, body: dict[str, Any]) -> Response:
    """Change a reward; orders placed before keep what they were placed for."""
    return respond(call(rewards.AMEND, {**body, "reward_id": reward_id}))


@resource.post(
    f"{_ONE}/orders",
    scopes=_ORDERERS,
    body=rewards.OrderRewardSchema,
    response=rewards.RewardOrderSchema,
    success=201,
    errors=(
        *rewards.RESERVE.errors,
        *rewards.CONFIRM.errors,
        *rewards.COMPLETE.errors,
        *holds.PLACE.errors,
        MemberRequired,
    ),
)
def order_reward(reward_id: str, body: dict[str, Any]) -> Response:
    """Spend points on a reward: points, stock and what it gives, all or nothing.

    A member orders for itself, staff for the `member_id` they name. A request that was answered
    with 503 can be sent again with its key: it is the same order. If it is not, the order is undone
    within minutes.
    """
    member_id = _orderer(body)
    return respond(reward_flow.order_reward(reward_id, member_id, body.get("quantity", 1)))


@resource.get(
    "/v1/reward-orders",
    scopes=_READERS,
    query=RewardOrdersQuery,
    response=list_of(rewards.RewardOrderSchema),
)
def list_reward_orders(query: dict[str, Any]) -> Response:
    """List reward orders, newest first; a member sees its own."""
    only = {name: query.get(name) for name in ("member_id", "reward_id", "status")}
    return respond_page(rewards.ORDERS, only, query)


@resource.get(_ORDER, scopes=_READERS, response=rewards.RewardOrderSchema)
def get_reward_order(order_id: str) -> Response:
    """Show a reward order."""
    return respond(call(rewards.ORDER, {"order_id": order_id}))


@resource.post(
    f"{_ORDER}/fulfil",
    scopes=("reward_orders:write",),
    response=rewards.RewardOrderSchema,
    errors=rewards.FULFIL.errors,
)
def fulfil_reward_order(order_id: str) -> Response:
    """Note that the member has what it ordered; after that it is not cancelled any more."""
    return respond(call(rewards.FULFIL, {"order_id": order_id}))


@resource.post(
    f"{_ORDER}/cancel",
    scopes=_ORDERERS,
    body=rewards.CancelRewardOrderSchema,
    response=rewards.RewardOrderSchema,
    errors=rewards.CANCEL.errors,
)
def cancel_reward_order(order_id: str, body: dict[str, Any]) -> Response:
    """Undo a reward order: its points go home to their lots, its pieces to the stock.

    A coupon it gave is void then. Cancelled again, the answer is the same.
    """
    return respond(reward_flow.cancel_order(order_id, _reason(body)))


def _orderer(body: Mapping[str, Any]) -> str:
    """Return for whom a reward is ordered.

    Raises:
        NotFound: a member names somebody else.
        MemberRequired: staff name nobody.
    """
    named = body.get("member_id")
    if actor().kind in ("member", "anonymous"):
        return own_member_id(named or "me")
    if named is None:
        raise MemberRequired
    return str(named)


def _reason(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return why an order is cancelled; only staff can tell that the merchant is to blame.

    Raises:
        Invalid: a member says so.
    """
    reason = {"reason_code": "customer_request", "merchant_fault": False, **body}
    if reason["merchant_fault"] and actor().kind != "staff":
        message = "Staff say whose fault it was."
        raise Invalid(errors=[FieldError("merchant_fault", "not_allowed", message)])
    return reason
