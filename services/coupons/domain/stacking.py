"""Which coupons combine in one order: five at most, one per category, exclusive by name (C7)."""

from __future__ import annotations

from collections.abc import Collection

from services.coupons.domain.campaign import Stacking

MAX_APPLIED = 5


def stacking_refusal(stacking: Stacking, others: Collection[Stacking]) -> str | None:
    """Return why a coupon does not join the others that are applied, or None."""
    if len(others) >= MAX_APPLIED:
        return "too_many"
    if any(other.category == stacking.category for other in others):
        return "category_taken"
    if any(not (_joins(stacking, other) and _joins(other, stacking)) for other in others):
        return "not_combinable"
    return None


def _joins(one: Stacking, other: Stacking) -> bool:
    """An exclusive coupon combines only with categories it names; others with any."""
    return not one.exclusive or other.category in one.joint_with
