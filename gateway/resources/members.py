"""Who the members are: enrolment, profiles, recognition at the till, and the wallet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Response, current_app
from marshmallow import fields

from gateway.backend import answer_of, call, json_response, read_all, respond
from gateway.context import actor, claims, own_member_id
from gateway.paging import MAX_LIMIT, ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.calls import Reply
from shared.clock import parse_rfc3339
from shared.contracts.base import WireSchema
from shared.contracts.coupons import rpc as coupons
from shared.contracts.coupons.schemas import CouponSchema
from shared.contracts.fields import StrictBoolean
from shared.contracts.members import accounts, codes, rpc, schemas
from shared.contracts.method import Method
from shared.contracts.points import rpc as points
from shared.contracts.points.schemas import BalanceSchema
from shared.contracts.tiers import rpc as tiers
from shared.contracts.tiers.benefits import BenefitSchema
from shared.contracts.tiers.schemas import MemberTierSchema
from shared.errors import FieldError, Invalid, LoyaltyError, Unauthenticated
from shared.errors.identity import TokenExpired
from shared.errors.members import MemberClosed, MemberFrozen

resource = Resource("members", description="Who the members are.")

_CLOCKS_DIFFER = timedelta(minutes=1)
_CRITERIA = ("phone", "card_number", "email", "name")


class MembersQuery(ListQuery, schemas.SearchQuery):
    """At most one exact criterion, and which page."""


class WalletSchema(WireSchema):
    """All a member owns, in one answer."""

    member = fields.Nested(schemas.MemberSchema, required=True)
    code = fields.Nested(
        codes.CodeSchema,
        required=True,
        allow_none=True,
        metadata={"description": "For the member itself; null while no till serves it."},
    )
    tier = fields.Nested(MemberTierSchema, required=True)
    benefits = fields.List(fields.Nested(BenefitSchema), required=True)
    points = fields.Nested(BalanceSchema, required=True)
    coupons = fields.List(
        fields.Nested(CouponSchema),
        required=True,
        metadata={"description": f"The first {MAX_LIMIT}, soonest expiry first."},
    )
    has_more_coupons = StrictBoolean(
        required=True, metadata={"description": "The rest is at `/v1/members/{id}/coupons`."}
    )


@resource.post(
    "/v1/members",
    scopes=("members:enrol", "self:write"),
    body=schemas.EnrolSchema,
    response=schemas.MemberSchema,
    success=201,
    errors=rpc.ENROL.errors,
)
def enrol_member(body: dict[str, Any]) -> Response:
    """Enrol a member.

    A till, a shop or staff enrols whoever stands before it. A person enrols itself with the phone
    that its one-time code has proved, and signs in again afterwards.
    """
    proven = claims().get("phone_digest")
    return respond(call(rpc.ENROL, {**body, "verified_phone_digest": proven}))


@resource.get(
    "/v1/members",
    scopes=("members:read",),
    query=MembersQuery,
    response=list_of(schemas.MemberSchema),
)
def list_members(query: dict[str, Any]) -> Response:
    """Find members by one exact criterion, or list all, newest first.

    Personal fields are masked.
    """
    criterion = {name: query[name] for name in _CRITERIA if name in query}
    return respond_page(rpc.SEARCH, criterion, query)


@resource.post(
    "/v1/members/lookup",
    scopes=("members:lookup",),
    body=schemas.ReferenceSchema,
    response=schemas.LookupSchema,
    errors=rpc.LOOKUP.errors,
    reads=True,
)
def lookup_member(body: dict[str, Any]) -> Response:
    """Recognise a member by phone, e-mail, card, id in another system, or member id.

    Shows just enough to greet the right person: masked name and phone, tier, points.
    """
    found = call(rpc.LOOKUP, body).body
    member_id = found["member_id"]
    tier, balance = read_all(
        (tiers.MEMBER_TIER, {"member_id": member_id}),
        (points.BALANCE, {"member_id": member_id, "exists": True}),
    )
    return json_response(
        {
            **found,
            "tier": answer_of(tier)["tier"]["code"],
            "points_available": answer_of(balance)["balances"]["available"],
        }
    )


@resource.get(
    "/v1/members/<string:member_id>",
    scopes=("members:read", "self:read"),
    response=schemas.MemberSchema,
)
def get_member(member_id: str) -> Response:
    """Show a member.

    `me` stands for the caller. Anyone but the member itself sees personal fields masked.
    """
    return respond(call(rpc.GET, {"member_id": own_member_id(member_id)}))


@resource.patch(
    "/v1/members/<string:member_id>",
    scopes=("members:write", "self:write"),
    body=schemas.PatchMemberRequestSchema,
    response=schemas.MemberSchema,
    errors=rpc.PATCH.errors,
)
def update_member(member_id: str, body: dict[str, Any]) -> Response:
    """Change a profile.

    A field left out stays as it is; null clears it. A member who changes its phone shows that the
    new one is its own: it asks for a one-time code to the new phone, and sends the token that the
    code gives as `phone_token`. Staff changes phones without.
    """
    own_id = own_member_id(member_id)
    changes = {name: value for name, value in body.items() if name != "phone_token"}
    proven = _proven_phone(body["phone_token"]) if "phone_token" in body else None
    return respond(
        call(rpc.PATCH, {**changes, "member_id": own_id, "verified_phone_digest": proven})
    )


@resource.post(
    "/v1/members/<string:member_id>/unmask",
    scopes=("members:unmask",),
    body=accounts.UnmaskSchema,
    response=accounts.UnmaskedSchema,
    errors=rpc.UNMASK.errors,
    reads=True,
)
def unmask_member(member_id: str, body: dict[str, Any]) -> Response:
    """Show fields of a member as they are.

    Who saw which fields, and for what purpose, stands in the audit trail, once for each time.
    """
    return respond(call(rpc.UNMASK, {**body, "member_id": own_member_id(member_id)}))


@resource.get(
    "/v1/members/<string:member_id>/wallet",
    scopes=("members:read", "self:read"),
    response=WalletSchema,
)
def get_wallet(member_id: str) -> Response:
    """Show a member with tier, benefits, points and coupons in one call.

    The member itself sees its code of the moment as well; it is as `GET /v1/members/me/code` says.
    """
    own_id, owner = own_member_id(member_id), actor().kind == "member"
    asked_at = current_app.extensions["loyalty"].clock.now()
    page = {"member_id": own_id, "owner": owner, "limit": MAX_LIMIT, "after": None}
    reads: list[tuple[Method, dict[str, Any]]] = [
        (rpc.GET, {"member_id": own_id}),
        (tiers.MEMBER_TIER, {"member_id": own_id}),
        (points.BALANCE, {"member_id": own_id, "exists": True}),
        (coupons.WALLET, page),
    ]
    if owner:
        reads.append((rpc.SHOW_CODE, {"member_id": own_id}))
    member, tier, balance, held, *shown_codes = read_all(*reads)
    shown = _tier_of(answer_of(member), answer_of(tier), asked_at)
    owned = answer_of(held)
    return json_response(
        {
            "member": answer_of(member),
            "code": next(map(_code_of, shown_codes), None),
            "tier": shown,
            "benefits": shown["benefits"],
            "points": answer_of(balance),
            "coupons": owned["items"],
            "has_more_coupons": owned["next"] is not None,
        }
    )


def _tier_of(member: Mapping[str, Any], tier: dict[str, Any], asked_at: datetime) -> dict[str, Any]:
    """Return the member's tier; where tiers has not heard of the member, as of its enrolment.

    To one it does not know, tiers gives the entry tier since the very moment.
    """
    since = parse_rfc3339(tier["since"])
    is_new = tier["tier"]["rank"] == 0 and since >= asked_at - _CLOCKS_DIFFER
    if not is_new or tier["since"] == member["enrolled_at"]:
        return tier
    known = {"member_id": member["member_id"], "enrolled_at": member["enrolled_at"]}
    return call(tiers.MEMBER_TIER, known).body


def _code_of(outcome: Reply | LoyaltyError) -> dict[str, Any] | None:
    """Return the code; None for a member that no till serves."""
    return None if isinstance(outcome, MemberFrozen | MemberClosed) else answer_of(outcome)


def _proven_phone(token: str) -> str | None:
    """Return the digest of the phone that a token proves; raises `Invalid` for no good token."""
    verifier = current_app.extensions["loyalty"].verifier
    try:
        digest: str | None = verifier.verify(token).values.get("phone_digest")
    except (Unauthenticated, TokenExpired):
        wrong = FieldError("phone_token", "invalid", "Not a valid access token.")
        raise Invalid(errors=[wrong]) from None
    return digest
