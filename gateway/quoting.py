"""Quotes (H1): what a basket costs and earns now, put together from tiers, coupons and points.

The order is always the same: the member price of the tier first, line by line; coupons on what it
leaves; points pay of the rest; what is left then is paid with money, and earns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.backend import call
from gateway.guessing import guesses
from shared.clock import parse_rfc3339, rfc3339
from shared.contracts.coupons import rpc as coupons
from shared.contracts.members import rpc as members
from shared.contracts.points import rpc as points
from shared.contracts.tiers import rpc as tiers
from shared.errors.points import not_active
from shared.ids import new_id

VALID_FOR = timedelta(minutes=15)
_ACTIVE = "active"
_PRODUCT = "product"
_LINE = ("line_id", "sku", "category", "brand", "kind", "quantity", "net_minor")
_LISTS = ("applied", "skipped", "rejected")
_NO_COUPONS: Mapping[str, Any] = {name: [] for name in _LISTS}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote, as it is answered and as it is kept."""

    answer: Json
    """All of `QuoteSchema` but the token."""
    promise: Json
    """What an order needs to get the same numbers, and what it takes to ask anew."""


def question(body: Mapping[str, Any], member_id: str | None, channel: str) -> Json:
    """Return what is asked in its one form: the basket as given, the rest as it is understood."""
    return {
        "member_id": member_id,
        "currency": body["currency"],
        "channel": channel,
        "store_id": body.get("store_id"),
        "lines": [{name: line[name] for name in _LINE if name in line} for line in body["lines"]],
        "codes": list(dict.fromkeys(body.get("codes") or [])),
        "mode": body.get("mode") or "requested_order",
        "points_to_redeem": body.get("points_to_redeem") or 0,
    }


def make(asked: Mapping[str, Any]) -> Quote:
    """Judge a basket as it is now; nothing is held.

    Raises:
        LoyaltyError: it cannot be sold like that, or a service is away.
    """
    price = _member_price(asked)
    priced = [
        {**line, "net_minor": line["net_minor"] - off}
        for line, off in zip(asked["lines"], price.by_line, strict=True)
    ]
    judged = _judge_codes(asked, priced)
    off = _taken_off(asked["lines"], price.by_line, judged)
    sold = [
        {**line, "discount_minor": taken} for line, taken in zip(asked["lines"], off, strict=True)
    ]
    basket = {name: asked[name] for name in ("member_id", "currency", "channel", "store_id")}
    spent = asked["points_to_redeem"]
    sale = call(
        points.QUOTE_SALE,
        {**basket, "points_to_redeem": spent, "lines": sold},
        idempotent=False,
    ).body
    made_at = parse_rfc3339(sale["judged_by"]["at"])
    named = {"quote_id": str(new_id()), "valid_until": rfc3339(_ends(made_at))}
    tender = [line["points_minor"] for line in sale["lines"]]
    answer = {
        "quote_id": named["quote_id"],
        "member_id": asked["member_id"],
        "currency": asked["currency"],
        "lines": lines_of(sold, tender),
        "totals": sale["totals"],
        "member_price": price.shown,
        "coupons": {name: judged[name] for name in _LISTS},
        "points": {"redeemed": spent, **sale["points"]},
        "explain": sale["explain"],
        "valid_until": named["valid_until"],
    }
    promise = {
        **named,
        "asked": asked,
        "discounts": off,
        "tender": tender,
        "totals": sale["totals"],
        "member_price": price.shown,
        "coupons": answer["coupons"],
        "earned": sale["points"]["earned"],
        "judged_by": sale["judged_by"],
    }
    return Quote(answer, promise)


@dataclass(frozen=True, slots=True)
class _MemberPrice:
    by_line: Sequence[int]
    shown: Json | None = None


def _member_price(asked: Mapping[str, Any]) -> _MemberPrice:
    """Return what the member's tier takes off each article; of several percentages the largest.

    It is a price per line, so each line is rounded by itself, in favour of the shop as coupons are.

    Raises:
        MemberNotActive: the member may not buy as one.
    """
    nothing = [0] * len(asked["lines"])
    if asked["member_id"] is None:
        return _MemberPrice(nothing)
    known = call(members.STATUS, {"member_id": asked["member_id"]}, idempotent=False).body
    if known["status"] != _ACTIVE:
        raise not_active(known["status"])
    who = {name: known[name] for name in ("member_id", "enrolled_at")}
    benefits = call(tiers.MEMBER_BENEFITS, who, idempotent=False).body
    percent = max(
        (each["value"] or 0 for each in benefits["items"] if each["kind"] == "member_price"),
        default=0,
    )
    off = [
        line["net_minor"] * percent // 100 if line.get("kind", _PRODUCT) == _PRODUCT else 0
        for line in asked["lines"]
    ]
    if not percent:
        return _MemberPrice(nothing)
    shown = {"tier": benefits["tier"], "percent": percent, "discount_minor": sum(off)}
    return _MemberPrice(off, shown)


def _judge_codes(asked: Mapping[str, Any], priced: Sequence[Json]) -> Mapping[str, Any]:
    """Return what the codes take off; members who try codes are counted (C8)."""
    if not asked["codes"]:
        return _NO_COUPONS
    guesses().check()
    told = ("member_id", "currency", "channel", "store_id", "codes", "mode")
    query = {name: asked[name] for name in told}
    judged = call(coupons.QUOTE, {**query, "lines": list(priced)}, idempotent=False).body
    guesses().failed(sum(each["reason"] == "not_usable" for each in judged["rejected"]))
    return judged


def _taken_off(lines: Sequence[Json], price: Sequence[int], judged: Mapping[str, Any]) -> list[int]:
    off = {line["line_id"]: taken for line, taken in zip(lines, price, strict=True)}
    for applied in judged["applied"]:
        for part in applied["line_discounts"]:
            off[part["line_id"]] += part["discount_minor"]
    return [off[line["line_id"]] for line in lines]


def lines_of(sold: Sequence[Mapping[str, Any]], tender: Sequence[int]) -> list[Json]:
    """Return lines as a quote shows them."""
    return [
        {
            "line_id": line["line_id"],
            "gross_minor": line["net_minor"],
            "discount_minor": line["discount_minor"],
            "points_minor": paid,
            "net_minor": line["net_minor"] - line["discount_minor"] - paid,
        }
        for line, paid in zip(sold, tender, strict=True)
    ]


def _ends(made_at: datetime) -> datetime:
    return made_at + VALID_FOR
