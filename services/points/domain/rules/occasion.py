"""The circumstances of a sale or an activity, and whether they are those a rule is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.points.domain.rules.rule import WEEKDAYS, Rule, Scope
from services.points.domain.sales import Line, Tier


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, where and for whom something is judged."""

    occurred_at: datetime
    local: datetime
    """The same instant on the store's clock, or on the programme's where there is no store."""
    tier: Tier
    store_id: str | None = None
    channel: str | None = None
    is_first_purchase: bool = False
    is_birthday_month: bool = False


def is_live(rule: Rule, occasion: Occasion) -> bool:
    """Return whether a rule is good then, there and for this member."""
    scope = rule.scope
    return (
        rule.is_valid_at(occasion.occurred_at)
        and _among(scope.stores, occasion.store_id)
        and _among(scope.channels, occasion.channel)
        and _among(scope.tiers, occasion.tier.code)
        and (occasion.is_first_purchase or not scope.first_purchase)
        and (occasion.is_birthday_month or not scope.birthday_month)
        and _is_open_at(scope, occasion.local)
    )


def covers(scope: Scope, line: Line) -> bool:
    """Return whether a line is of the goods that a scope names."""
    return (
        _among(scope.skus, line.sku)
        and _among(scope.categories, line.category)
        and _among(scope.brands, line.brand)
    )


def _among(allowed: frozenset[str] | None, value: str | None) -> bool:
    return allowed is None or value in allowed


def _is_open_at(scope: Scope, local: datetime) -> bool:
    if not _among(scope.weekdays, WEEKDAYS[local.weekday()]):
        return False
    window = scope.local_time
    return window is None or window.contains(local.hour * 60 + local.minute)
