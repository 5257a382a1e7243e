"""Cards and ids of other systems that members are recognised by."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.routing import Resource
from shared.contracts.members import accounts, rpc, schemas

resource = Resource("identifiers", description="Members' cards, and their ids in other systems.")


@resource.post(
    "/v1/members/<string:member_id>/cards",
    scopes=("members:write", "self:write"),
    body=accounts.AddCardSchema,
    response=schemas.MemberSchema,
    success=201,
    errors=rpc.ADD_CARD.errors,
)
def add_card(member_id: str, body: dict[str, Any]) -> Response:
    """Give a member a card.

    `replaces` names a card that is lost or worn out; it is blocked at the same time. Points and
    coupons are the member's, not the card's, and stay where they are.
    """
    return respond(call(rpc.ADD_CARD, {**body, "member_id": own_member_id(member_id)}))


@resource.delete(
    "/v1/members/<string:member_id>/cards/<string:card_number>",
    scopes=("members:write", "self:write"),
    body=accounts.ReasonSchema,
    response=schemas.MemberSchema,
    errors=rpc.BLOCK_CARD.errors,
    personal_path=True,
)
def block_card(member_id: str, card_number: str, body: dict[str, Any]) -> Response:
    """Block a card.

    It recognises nobody from now on and cannot be given to anybody again, not even to its owner.
    """
    own_id = own_member_id(member_id)
    return respond(call(rpc.BLOCK_CARD, {**body, "member_id": own_id, "card_number": card_number}))


@resource.post(
    "/v1/members/<string:member_id>/external-ids",
    scopes=("external_ids:write",),
    body=schemas.ExternalIdSchema,
    response=schemas.MemberSchema,
    success=201,
    errors=rpc.ADD_EXTERNAL_ID.errors,
)
def add_external_id(member_id: str, body: dict[str, Any]) -> Response:
    """Note under which id another system knows a member.

    An id has one owner at a time; one that belongs to somebody else is `identifier_taken`.
    """
    return respond(call(rpc.ADD_EXTERNAL_ID, {**body, "member_id": own_member_id(member_id)}))


@resource.delete(
    "/v1/members/<string:member_id>/external-ids",
    scopes=("external_ids:write", "self:write"),
    body=schemas.ExternalIdSchema,
    response=schemas.MemberSchema,
    errors=rpc.REMOVE_EXTERNAL_ID.errors,
)
def remove_external_id(member_id: str, body: dict[str, Any]) -> Response:
    """Let another system no longer recognise a member by an id.

    The id is free again, for this member or another one.
    """
    return respond(call(rpc.REMOVE_EXTERNAL_ID, {**body, "member_id": own_member_id(member_id)}))
