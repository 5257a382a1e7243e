"""What consumers need of the events about rewards and about what tiers give; see `needs`."""

from __future__ import annotations

from pact import match

from shared.contracts.coupons import events as coupons
from shared.contracts.points import events as points
from shared.contracts.tiers import events as tiers
from tests.contracts.needs import Need, count, heard, uuid

_HOLD_ORDER = "reward:0192f3a0-0000-7000-8000-000000000009"
_REDEEMED = {
    "member_id": uuid(),
    "transaction_id": uuid(),
    "points": match.int(100),
    "sale_id": None,
    "order_id": match.like(_HOLD_ORDER),
}
_RELEASED = {
    "member_id": uuid(),
    "transaction_id": uuid(),
    "hold_id": uuid(),
    "order_id": match.like(_HOLD_ORDER),
    "points": match.int(100),
    "status": match.like("released"),
}
_REWARD_CANCELLED = {
    "order_id": uuid(),
    "reward_id": uuid(),
    "kind": match.like("item"),
    "member_id": uuid(),
    "quantity": match.int(1),
    "points": match.int(100),
    "reason_code": match.like("customer_request"),
    "merchant_fault": match.bool(False),
}
_GRANTED = {
    "grant_id": uuid(),
    "member_id": uuid(),
    "code": match.like("BIRTHDAY"),
    "kind": match.like("birthday_gift"),
    "tier": match.like("BASIC"),
    "occasion": match.like("2026"),
}

REWARD_NEEDS = (
    Need(
        "coupons",
        points.REDEEMED,
        "a reward was ordered",
        _REDEEMED,
        heard("coupons"),
    ),
    Need(
        "coupons",
        points.RELEASED,
        "a hold was released",
        _RELEASED,
        heard("coupons"),
    ),
    Need(
        "points",
        coupons.REWARD_CANCELLED,
        "a reward order was cancelled",
        _REWARD_CANCELLED,
        heard("points"),
    ),
    Need(
        "points",
        tiers.BENEFIT_GRANTED,
        "points were given for a birthday",
        {**_GRANTED, "campaign_id": None, "points": match.int(50)},
        count("points", "SELECT count(*) FROM transactions WHERE reference_kind = 'benefit'"),
    ),
    Need(
        "coupons",
        tiers.BENEFIT_GRANTED,
        "a coupon was given for a birthday",
        {**_GRANTED, "campaign_id": uuid(), "points": None},
        heard("coupons"),
    ),
)
