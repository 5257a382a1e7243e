"""What a coupon is worth, until when and on which conditions, in words (C5).

The kind is spelt out and the expiry always said, so that nobody learns of either at the till.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.coupons.domain.campaign import Scope, Terms
from shared.money import decimal_text

_NAMES_SHOWN = 5


def headline(terms: Terms, currency: str) -> str:
    """Return what the coupon is worth in one phrase."""
    value = terms.value or 0
    text = {
        "amount_off": f"{decimal_text(value, currency)} off",
        "percent_off": f"{value} % off",
        "fixed_price": f"{decimal_text(value, currency)} apiece",
        "gift": f"A gift: {terms.gift_sku}",
        "free_shipping": "Free shipping",
    }[terms.kind]
    if terms.max_discount_minor is not None:
        return f"{text}, {decimal_text(terms.max_discount_minor, currency)} at most"
    return text


def conditions(
    terms: Terms, valid_until: datetime | None, *, zone: ZoneInfo, currency: str
) -> list[str]:
    """Return what has to hold, a sentence each; the expiry comes first."""
    return [
        _expiry(terms, valid_until, zone),
        *_spending(terms, currency),
        *_covering(terms),
        *_limits(terms),
        *_stacking(terms),
    ]


def _expiry(terms: Terms, valid_until: datetime | None, zone: ZoneInfo) -> str:
    if valid_until is None:
        if terms.validity.never_expires:
            return "It never expires."
        return "Its expiry is not decided yet."
    # The end is exclusive: at 00:00 the last day was the one before.
    local = valid_until.astimezone(zone)
    if (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0):
        return f"Good until the end of {(local - timedelta(microseconds=1)).date()} ({zone})."
    return f"Good until {local:%Y-%m-%d %H:%M} ({zone})."


def _spending(terms: Terms, currency: str) -> Iterator[str]:
    if terms.min_spend_minor:
        least = decimal_text(terms.min_spend_minor, currency)
        yield f"The covered goods cost {least} or more before discounts."


def _covering(terms: Terms) -> Iterator[str]:
    for wanted, scope in (("Only", terms.scope), ("Not", terms.excluded)):
        for what, names in _named(scope):
            shown = sorted(names)[:_NAMES_SHOWN]
            more = len(names) - len(shown)
            yield f"{wanted} for {what} {', '.join(shown)}{f' and {more} more' if more else ''}."


def _named(scope: Scope) -> Iterator[tuple[str, frozenset[str]]]:
    for what, names in (
        ("articles", scope.skus),
        ("categories", scope.categories),
        ("brands", scope.brands),
        ("stores", scope.stores),
        ("channels", scope.channels),
        ("tiers", scope.tiers),
    ):
        if names is not None:
            yield what, names


def _limits(terms: Terms) -> Iterator[str]:
    limits = terms.limits
    if limits.per_member is not None:
        yield f"At most {limits.per_member} a member."
    if limits.per_member_per_day is not None:
        yield f"At most {limits.per_member_per_day} a member and day."
    if limits.per_store is not None:
        yield f"At most {limits.per_store} a store, while they last."
    if limits.total is not None or terms.budget_minor is not None:
        yield "While they last."


def _stacking(terms: Terms) -> Iterator[str]:
    stacking = terms.stacking
    if stacking.exclusive and not stacking.joint_with:
        yield "It does not combine with other coupons."
    elif stacking.exclusive:
        joined = ", ".join(sorted(stacking.joint_with))
        yield f"It combines only with coupons of {joined}."
