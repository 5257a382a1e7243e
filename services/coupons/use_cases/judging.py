"""Codes judged for a basket: what they are, what they take off, and the answer (C7, C8).

The same for a quote, which only looks, and for a reservation, which judges again under lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.coupons import codes
from services.coupons.domain import (
    Applied,
    Basket,
    Candidate,
    Demand,
    Evaluation,
    HeldCoupon,
    Line,
    Unused,
    evaluate,
    message_for,
    told_to_stranger,
    use_demands,
)
from services.coupons.programme import Programme
from services.coupons.repository import campaigns, coupons, members, usage
from shared.db import Snapshot


def quote(
    snapshot: Snapshot, *, programme: Programme, codes: Sequence[str], **request: Any
) -> dict[str, Any]:
    """Judge the codes for the basket as it is now; nothing is held.

    A till and a shop hear each reason. A member hears those of its own coupons, and of a code that
    is good in itself what the basket lacks; of any other code just that it cannot be used (C8).
    """
    if request["currency"] != programme.currency:
        return answer(in_other_currency(codes))
    basket = basket_of(snapshot, programme, request, snapshot.now)
    found = look_up(snapshot, programme, codes)
    known = [each for each in found if each.campaign is not None]
    used = usage.read(snapshot.connection, counters(basket, known))
    held = {each.coupon.coupon_id: each.coupon for each in known if each.coupon}
    candidates = [with_facts(each, held, used) for each in found]
    evaluation = evaluate(basket, candidates, request["mode"])
    if snapshot.actor.kind == "member":
        own = [
            each.code
            for each in candidates
            if each.coupon and str(each.coupon.member_id) == snapshot.actor.id
        ]
        return answer(_discreet(evaluation, own))
    return answer(evaluation)


def basket_of(
    snapshot: Snapshot, programme: Programme, request: Mapping[str, Any], at: datetime
) -> Basket:
    """Return the basket of a request, bought at ``at``."""
    member_id = request["member_id"]
    return Basket(
        lines=tuple(Line(**line) for line in request["lines"]),
        at=at,
        day=at.astimezone(programme.zone).date(),
        channel=request["channel"],
        store_id=request["store_id"],
        shopper=member_id and members.shopper(snapshot.connection, member_id, programme.entry_tier),
    )


def look_up(snapshot: Snapshot, programme: Programme, given: Sequence[str]) -> list[Candidate]:
    """Find what each code is: a coupon, a campaign's public code, or nothing."""
    digests = {code: programme.codes.digest(code) for code in given if not codes.is_mistyped(code)}
    found = coupons.by_digest(snapshot.connection, digests.values()) if digests else {}
    ids = [row["coupon_id"] for row in found.values()]
    held = coupons.held(snapshot.connection, ids, lock=False, now=snapshot.now)
    versions = {(row["campaign_id"], row["version"]) for row in found.values()}
    own = campaigns.by_version(snapshot.connection, versions)
    public = campaigns.by_public_code(snapshot.connection, map(codes.normalise, given))
    candidates = []
    for code in given:
        row = found.get(digests.get(code, b""))
        if row is None:
            candidates.append(Candidate(code, public.get(codes.normalise(code))))
        else:
            campaign = own[row["campaign_id"], row["version"]]
            candidates.append(Candidate(code, campaign, held[row["coupon_id"]]))
    return candidates


def with_facts(
    candidate: Candidate, held: Mapping[UUID, HeldCoupon], used: Mapping[usage.Key, int]
) -> Candidate:
    """Return the candidate with its coupon and its campaign's counters as just read."""
    campaign, coupon = candidate.campaign, candidate.coupon
    own = {
        (scope, holder): count
        for (campaign_id, scope, holder), count in used.items()
        if campaign is not None and campaign_id == campaign.campaign_id
    }
    return Candidate(candidate.code, campaign, held[coupon.coupon_id] if coupon else None, own)


def counters(basket: Basket, candidates: Iterable[Candidate]) -> list[usage.Key]:
    """Return the counters that uses of these coupons would draw on."""
    drawn = draws(basket, ((each, 0) for each in candidates))
    return [(campaign_id, demand.scope, demand.holder) for campaign_id, demand in drawn]


def draws(basket: Basket, uses: Iterable[tuple[Candidate, int]]) -> Iterator[tuple[UUID, Demand]]:
    """Yield what uses of these coupons at these discounts draw on which counters."""
    for candidate, discount in uses:
        if candidate.campaign is None:
            continue
        for demand in use_demands(
            candidate.campaign.terms,
            member_id=basket.member_id,
            store_id=basket.store_id,
            used_on=basket.day,
            discount=discount,
        ):
            yield candidate.campaign.campaign_id, demand


def in_other_currency(given: Sequence[str]) -> Evaluation:
    """Refuse all codes: the programme's coupons are in its own currency."""
    return Evaluation((), (), tuple(Unused(code, "currency_mismatch") for code in given))


def answer(evaluation: Evaluation) -> dict[str, Any]:
    """Return what became of every code in the shape of its schema."""
    return {
        "applied": [_applied(each) for each in evaluation.applied],
        "skipped": [_unused(each) for each in evaluation.skipped],
        "rejected": [_unused(each) for each in evaluation.rejected],
        "discount_minor": evaluation.discount_minor,
    }


def _discreet(evaluation: Evaluation, own: Collection[str]) -> Evaluation:
    rejected = tuple(
        each if each.code in own else Unused(each.code, told_to_stranger(each.reason))
        for each in evaluation.rejected
    )
    return Evaluation(evaluation.applied, evaluation.skipped, rejected)


def _applied(applied: Applied) -> dict[str, Any]:
    coupon, campaign = applied.candidate.coupon, applied.campaign
    return {
        "code": applied.candidate.code,
        "coupon_id": coupon.coupon_id if coupon else None,
        "campaign_id": campaign.campaign_id,
        "version": campaign.version,
        "name": campaign.name,
        "kind": campaign.terms.kind,
        "gift_sku": campaign.terms.gift_sku,
        "discount_minor": applied.discount_minor,
        "line_discounts": [
            {"line_id": line_id, "discount_minor": off} for line_id, off in applied.by_line
        ],
    }


def _unused(unused: Unused) -> dict[str, str]:
    return {
        "code": unused.code,
        "reason": unused.reason,
        "message": message_for(unused.reason),
    }
