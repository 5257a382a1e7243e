"""New coupons: claimed by a member, or issued to some by marketing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.coupons import codes
from services.coupons.domain import Campaign, Demand, issue_demands, message_for
from services.coupons.programme import Programme
from services.coupons.repository import campaigns, members, usage
from services.coupons.use_cases import eligibility, minting
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.coupons import (
    BudgetExhausted,
    CampaignStateConflict,
    LimitReached,
    NotClaimable,
)

_REFUSALS = {"budget_exhausted": BudgetExhausted, "limit_reached": LimitReached}


def claim(
    uow: UnitOfWork, *, programme: Programme, campaign_id: UUID, member_id: UUID
) -> dict[str, Any]:
    """Give the member a coupon of its own, with the code in full (C8, C10).

    Raises:
        NotFound: there is no such campaign, or it is a draft.
        NotClaimable: it has none for this member now; ``reason`` says why.
        BudgetExhausted: all of its coupons are taken.
        LimitReached: the member has as many as it may.
    """
    row = campaigns.get(uow.connection, campaign_id)
    campaign = campaigns.campaign_of(row)
    if campaign.status == "draft":
        raise NotFound
    reason = eligibility.closed(campaign, uow.now)
    # A member with a token exists, even if this service has not heard of it yet.
    shopper = members.shopper(uow.connection, member_id, programme.entry_tier, lock=True)
    member_id = shopper.member_id
    reason = reason or eligibility.not_for(campaign, shopper)
    if reason is not None:
        raise NotClaimable(message_for(reason), reason=reason)
    demands = issue_demands(campaign.terms, member_id)
    keys = eligibility.keys_of(campaign_id, demands)
    # Whoever comes too late for a flash claim hears so without queueing for the counter (C10).
    _refuse_full(demands, usage.read(uow.connection, keys), campaign_id)
    _refuse_full(demands, usage.hold(uow.connection, keys), campaign_id)
    (body,) = minting.mint(uow, programme, row, [member_id], cause="claim")
    return body


def issue(
    uow: UnitOfWork, *, programme: Programme, campaign_id: UUID, member_ids: Sequence[UUID]
) -> dict[str, Any]:
    """Give each of the members a coupon, or say why not; codes are masked (C8).

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is not published.
        NotClaimable: it has a public code, or its window is over.
    """
    row = campaigns.get(uow.connection, campaign_id)
    campaign = campaigns.campaign_of(row)
    if campaign.status != "published":
        raise CampaignStateConflict(f"The campaign is {campaign.status}.")
    reason = eligibility.closed(campaign, uow.now)
    if reason is not None:
        raise NotClaimable(message_for(reason), reason=reason)
    refused = _refusals(uow, programme, campaign, member_ids)
    chosen = [member_id for member_id in dict.fromkeys(member_ids) if member_id not in refused]
    chosen, full = _within_limits(uow, campaign, chosen)
    bodies = minting.mint(uow, programme, row, chosen, cause="issue")
    rejected = [*((member_id, why) for member_id, why in {**refused, **full}.items())]
    doubled = len(member_ids) - len(set(member_ids))
    if doubled:
        rejected += [(member_id, "duplicate") for member_id in _repeated(member_ids)]
    counts = {"issued": len(bodies), "rejected": len(rejected)}
    uow.audit("coupon.issue", ("campaign", campaign_id), after=counts)
    return {
        "items": [{**body, "code": codes.masked(codes.hint_of(body["code"]))} for body in bodies],
        "rejected": [
            {"member_id": member_id, "reason": why, "message": message_for(why)}
            for member_id, why in rejected
        ],
    }


def _refusals(
    uow: UnitOfWork, programme: Programme, campaign: Campaign, member_ids: Sequence[UUID]
) -> dict[UUID, str]:
    known = members.shoppers(uow.connection, member_ids, programme.entry_tier, lock=True)
    refused = {}
    for member_id in member_ids:
        shopper = known.get(member_id)
        reason = "unknown_member" if shopper is None else eligibility.not_for(campaign, shopper)
        if reason is not None:
            refused[member_id] = reason
    return refused


def _within_limits(
    uow: UnitOfWork, campaign: Campaign, member_ids: Sequence[UUID]
) -> tuple[list[UUID], dict[UUID, str]]:
    """Lock the counters and return who still fits in, in order, and why the others do not."""
    demands = {member_id: issue_demands(campaign.terms, member_id) for member_id in member_ids}
    campaign_id = campaign.campaign_id
    keys = [key for each in demands.values() for key in eligibility.keys_of(campaign_id, each)]
    used = usage.hold(uow.connection, keys)
    chosen, full = [], {}
    for member_id, drawn in demands.items():
        reason = eligibility.full(drawn, used, campaign_id)
        if reason is not None:
            full[member_id] = reason
            continue
        chosen.append(member_id)
        for demand in drawn:
            used[campaign_id, demand.scope, demand.holder] += demand.amount
    return chosen, full


def _refuse_full(
    demands: Sequence[Demand], used: Mapping[usage.Key, int], campaign_id: UUID
) -> None:
    reason = eligibility.full(demands, used, campaign_id)
    if reason is not None:
        raise _REFUSALS[reason]


def _repeated(member_ids: Sequence[UUID]) -> list[UUID]:
    """Return the members that are listed again, once for each time."""
    seen: set[UUID] = set()
    repeated = []
    for member_id in member_ids:
        if member_id in seen:
            repeated.append(member_id)
        seen.add(member_id)
    return repeated
