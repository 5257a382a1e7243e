"""Rewards: what the catalogue may say, and who may order what when (R1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.coupons.domain.pricing import Shopper
from shared.errors import FieldError


@dataclass(frozen=True, slots=True)
class Reward:
    """Something that members can have for points."""

    kind: str
    points: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    tiers: frozenset[str] | None = None

    def is_open_at(self, now: datetime) -> bool:
        """Return whether it can be ordered at ``now``: from its first instant to before its end."""
        begun = self.starts_at is None or self.starts_at <= now
        return begun and (self.ends_at is None or now < self.ends_at)


def not_orderable(reward: Reward, shopper: Shopper, now: datetime) -> str | None:
    """Return why this member cannot order this reward now; None if it can."""
    if not shopper.active:
        return "member_not_active"
    if not reward.is_open_at(now):
        ended = reward.ends_at is not None and reward.ends_at <= now
        return "reward_ended" if ended else "reward_not_begun"
    if reward.tiers is not None and shopper.tier not in reward.tiers:
        return "reward_wrong_tier"
    return None


def reward_problems(reward: Reward, *, has_campaign: bool) -> list[FieldError]:
    """Return what contradicts itself in a reward, by field."""
    return list(_problems(reward, has_campaign=has_campaign))


def _problems(reward: Reward, *, has_campaign: bool) -> Iterator[FieldError]:
    if reward.kind == "coupon" and not has_campaign:
        yield FieldError("campaign_id", "required", "A coupon is one of a campaign.")
    if reward.kind != "coupon" and has_campaign:
        yield FieldError("campaign_id", "not_allowed", "Only a reward of kind coupon has one.")
    if reward.starts_at and reward.ends_at and reward.starts_at >= reward.ends_at:
        yield FieldError("window.until", "out_of_range", "The window ends before it begins.")
