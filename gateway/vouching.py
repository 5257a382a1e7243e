"""Writes about members of whom points may not have heard yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.backend import call
from shared.calls import Reply
from shared.contracts.members import rpc as members
from shared.contracts.method import Method
from shared.errors import NotFound
from shared.errors.points import UnknownMember


def call_for(
    method: Method,
    payload: Mapping[str, Any],
    member_ids: Sequence[str],
    *,
    idempotent: bool = True,
) -> Reply:
    """Call points, which hears of a new member a moment late; members knows for sure.

    ``idempotent`` is that of `gateway.backend.call`.

    Raises:
        LoyaltyError: points' refusal; `UnknownMember` when members knows none of that id either.
    """
    try:
        return call(method, {**payload, "exists": False}, idempotent=idempotent)
    except UnknownMember:
        try:
            for member_id in member_ids:
                call(members.STATUS, {"member_id": member_id})
        except NotFound:
            raise UnknownMember from None
        return call(method, {**payload, "exists": True}, idempotent=idempotent)
