"""Who a basket is for, as its caller may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.backend import call
from gateway.context import actor, own_member_id
from shared.contracts.members import rpc as members
from shared.errors import NotFound
from shared.errors.members import CodeExpired, CodeInvalid, MemberNotFound

BUYER_ERRORS = (NotFound, MemberNotFound, CodeInvalid, CodeExpired)
"""What `buyer_of` raises."""


def buyer_of(body: Mapping[str, Any]) -> str | None:
    """Return who the basket is for.

    Raises:
        NotFound: a member asks for somebody else.
        MemberNotFound: nobody answers to the reference.
        CodeInvalid, CodeExpired: the rotating code that names the buyer does not count. Being
            asked about does not use it up.
    """
    asking, reference = actor(), body.get("member")
    if asking.kind in ("member", "anonymous"):
        own = {"type": "member_id", "value": own_member_id("me")}
        if reference is not None and {**own, "system": None} != {"system": None, **reference}:
            raise NotFound
        return own["value"]
    if reference is None:
        return None
    if reference["type"] == "code":
        shown: str = call(members.LOOKUP, reference, idempotent=False).body["member_id"]
        return shown
    (found,) = call(members.LOOKUP_MANY, {"references": [reference]}, idempotent=False).body[
        "results"
    ]
    if not found["found"]:
        raise MemberNotFound
    member_id: str = found["member_id"]
    return member_id
