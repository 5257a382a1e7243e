"""Adjustments: points that staff give or take, with reason and note."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.vouching import call_for
from shared.contracts.fields import Choice, Id
from shared.contracts.points import adjustments

resource = Resource("adjustments", description="Points that staff give or take.")

_ONE = "/v1/points/adjustments/<uuid:adjustment_id>"


class AdjustmentsQuery(ListQuery):
    """Which adjustments to list."""

    member_id = Id(metadata={"description": "Only this member's."})
    status = Choice(*adjustments.ADJUSTMENT_STATUSES, metadata={"description": "Only these."})


@resource.post(
    "/v1/points/adjustments",
    scopes=("points:adjust",),
    body=adjustments.AdjustSchema,
    response=adjustments.AdjustmentSchema,
    success=201,
    awaits=adjustments.AdjustmentSchema,
    errors=adjustments.ADJUST.errors,
)
def adjust_points(body: dict[str, Any]) -> Response:
    """Give a member points, or take some.

    Support may adjust up to 1,000 points, managers any number. Above 10,000 the answer is 202: a
    second person approves. No more can be taken than is available.
    """
    return respond(call_for(adjustments.ADJUST, body, [body["member_id"]]))


@resource.get(
    "/v1/points/adjustments",
    scopes=("points:read",),
    query=AdjustmentsQuery,
    response=list_of(adjustments.AdjustmentSchema),
)
def list_adjustments(query: dict[str, Any]) -> Response:
    """List adjustments, newest first."""
    only = {name: query.get(name) for name in ("member_id", "status")}
    return respond_page(adjustments.LIST, only, query)


@resource.get(_ONE, scopes=("points:read",), response=adjustments.AdjustmentSchema)
def get_adjustment(adjustment_id: str) -> Response:
    """Show an adjustment."""
    return respond(call(adjustments.GET, {"adjustment_id": adjustment_id}))


@resource.post(
    f"{_ONE}/approve",
    scopes=("points:approve",),
    response=adjustments.AdjustmentSchema,
    errors=adjustments.APPROVE.errors,
)
def approve_adjustment(adjustment_id: str) -> Response:
    """Carry out what somebody else asked for."""
    return respond(call(adjustments.APPROVE, {"adjustment_id": adjustment_id}))


@resource.post(
    f"{_ONE}/reject",
    scopes=("points:approve",),
    response=adjustments.AdjustmentSchema,
    errors=adjustments.REJECT.errors,
)
def reject_adjustment(adjustment_id: str) -> Response:
    """Refuse what was asked for, or withdraw it."""
    return respond(call(adjustments.REJECT, {"adjustment_id": adjustment_id}))
