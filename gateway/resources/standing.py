"""Accounts that staff freezes, closes and opens again."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.members import accounts, rpc, schemas

resource = Resource("standing", description="Freezing, closing and opening accounts again.")

_WRITE: dict[str, Any] = {
    "scopes": ("members:standing",),
    "body": accounts.ReasonSchema,
    "response": schemas.MemberSchema,
    "errors": rpc.CHANGE_STANDING.errors,
}


@resource.post("/v1/members/<string:member_id>/freeze", **_WRITE)
def freeze_member(member_id: str, body: dict[str, Any]) -> Response:
    """Freeze an account.

    Nothing is lost, but no sale counts for it, no point and no coupon of it can be spent, and the
    member cannot change its data, until it is unfrozen.
    """
    return _change(member_id, "freeze", body)


@resource.post("/v1/members/<string:member_id>/unfreeze", **_WRITE)
def unfreeze_member(member_id: str, body: dict[str, Any]) -> Response:
    """Let a frozen account work again."""
    return _change(member_id, "unfreeze", body)


@resource.post("/v1/members/<string:member_id>/close", **_WRITE)
def close_member(member_id: str, body: dict[str, Any]) -> Response:
    """Close an account.

    It keeps its phone and its history; `reopen` undoes it. To forget the person, erase the member.
    """
    return _change(member_id, "close", body)


@resource.post("/v1/members/<string:member_id>/reopen", **_WRITE)
def reopen_member(member_id: str, body: dict[str, Any]) -> Response:
    """Open a closed account again."""
    return _change(member_id, "reopen", body)


@resource.get(
    "/v1/members/<string:member_id>/standing",
    scopes=("members:standing", "audit:read"),
    query=ListQuery,
    response=list_of(accounts.StandingChangeSchema),
)
def list_standing(member_id: str, query: dict[str, Any]) -> Response:
    """Show who froze, closed or opened an account again, and why, newest first."""
    return respond_page(rpc.STANDING_HISTORY, {"member_id": own_member_id(member_id)}, query)


def _change(member_id: str, act: str, body: dict[str, Any]) -> Response:
    payload = {**body, "member_id": own_member_id(member_id), "act": act}
    return respond(call(rpc.CHANGE_STANDING, payload))
