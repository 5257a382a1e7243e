"""Who gets a coupon of a campaign: the same for claims, issues, triggers and gifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.coupons.domain import Campaign, Demand, Shopper
from services.coupons.repository import usage


def closed(campaign: Campaign, now: datetime) -> str | None:
    """Return why nobody gets a coupon of this campaign now."""
    if campaign.terms.public:
        return "public_code"
    if campaign.status in ("paused", "archived"):
        return campaign.status
    ends_at = campaign.terms.validity.ends_at
    return "lapsed" if ends_at is not None and ends_at <= now else None


def not_for(campaign: Campaign, shopper: Shopper) -> str | None:
    """Return why this member gets no coupon of this campaign."""
    if not shopper.active:
        return "member_not_active"
    wanted, unwanted = campaign.terms.scope.tiers, campaign.terms.excluded.tiers
    outside = wanted is not None and shopper.tier not in wanted
    return "wrong_tier" if outside or (unwanted and shopper.tier in unwanted) else None


def keys_of(campaign_id: UUID, demands: Sequence[Demand]) -> list[usage.Key]:
    """Return the counters that these demands draw on."""
    return [(campaign_id, demand.scope, demand.holder) for demand in demands]


def full(demands: Sequence[Demand], used: Mapping[usage.Key, int], campaign_id: UUID) -> str | None:
    """Return the refusal of the first counter that would pass its limit."""
    for demand in demands:
        before = used.get((campaign_id, demand.scope, demand.holder), 0)
        if before + demand.amount > demand.limit:
            return demand.refusal
    return None
