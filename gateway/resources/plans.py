"""Paid membership: plans, and what members bought of them (T7)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import rpc as members
from shared.contracts.tiers import benefits, rpc

resource = Resource("plans", description="Tiers that can be bought.")

_PLAN = "/v1/plans/<string:plan>"
_ALL = "/v1/members/<string:member_id>/subscriptions"
_READERS = ("tiers:read", "self:read", "subscriptions:write")


@resource.post(
    "/v1/plans",
    scopes=("tiers:write",),
    body=benefits.PlanTermsSchema,
    response=benefits.PlanSchema,
    success=201,
    errors=rpc.CREATE_PLAN.errors,
)
def create_plan(body: dict[str, Any]) -> Response:
    """Put a paid membership on sale."""
    return respond(call(rpc.CREATE_PLAN, body))


@resource.get("/v1/plans", scopes=_READERS, query=ListQuery, response=list_of(benefits.PlanSchema))
def list_plans(query: dict[str, Any]) -> Response:
    """List all plans."""
    return respond_page(rpc.PLANS, {}, query)


@resource.get(_PLAN, scopes=_READERS, response=benefits.PlanSchema)
def get_plan(plan: str) -> Response:
    """Show a plan."""
    return respond(call(rpc.PLAN, {"plan": plan}))


@resource.patch(
    _PLAN,
    scopes=("tiers:write",),
    body=benefits.PlanPatchSchema,
    response=benefits.PlanSchema,
    errors=rpc.AMEND_PLAN.errors,
)
def amend_plan(plan: str, body: dict[str, Any]) -> Response:
    """Change a plan, or take it from sale; what was bought keeps its terms."""
    return respond(call(rpc.AMEND_PLAN, {**body, "plan": plan}))


@resource.post(
    _ALL,
    scopes=("subscriptions:write",),
    body=benefits.PurchaseSchema,
    response=benefits.SubscriptionSchema,
    success=201,
    repeats=True,
    errors=rpc.BUY_PLAN.errors,
)
def buy_plan(member_id: str, body: dict[str, Any]) -> Response:
    """Give a member the tier it has paid for.

    Bought while the same tier still runs, it begins when that ends. The order names the purchase:
    told again, it is the same one.
    """
    known = call(members.STATUS, {"member_id": own_member_id(member_id)}).body
    whose = {name: known[name] for name in ("member_id", "enrolled_at")}
    return respond(call(rpc.BUY_PLAN, {**body, **whose}))


@resource.get(_ALL, scopes=_READERS, query=ListQuery, response=list_of(benefits.SubscriptionSchema))
def list_subscriptions(member_id: str, query: dict[str, Any]) -> Response:
    """List a member's paid memberships, newest first."""
    return respond_page(rpc.SUBSCRIPTIONS, {"member_id": own_member_id(member_id)}, query)


@resource.get(
    f"{_ALL}/<uuid:subscription_id>", scopes=_READERS, response=benefits.SubscriptionSchema
)
def get_subscription(member_id: str, subscription_id: str) -> Response:
    """Show a paid membership."""
    named = {"member_id": own_member_id(member_id), "subscription_id": subscription_id}
    return respond(call(rpc.SUBSCRIPTION, named))


@resource.post(
    f"{_ALL}/cancel",
    scopes=("subscriptions:write", "self:write"),
    body=benefits.CancelPurchaseSchema,
    response=benefits.SubscriptionsSchema,
    errors=rpc.CANCEL_SUBSCRIPTIONS.errors,
)
def cancel_subscriptions(member_id: str, body: dict[str, Any]) -> Response:
    """End a member's paid membership.

    Within the cooling-off time it ends at once, and `refund_minor` says what to pay back. After
    that, the tier stays as long as it is paid for.
    """
    own_id = own_member_id(member_id)
    return respond(call(rpc.CANCEL_SUBSCRIPTIONS, {**body, "member_id": own_id}))
