"""What a campaign says, what it may not say, and which counters its coupons draw on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from shared.errors import FieldError

_PERCENT_MAX = 100
CHANNELS = frozenset({"store", "web", "app", "social", "call_center", "import"})
"""All there are; the contract's list is the same."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Values a campaign is for, or not for; None is no word about it."""

    skus: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    brands: frozenset[str] | None = None
    stores: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    tiers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Validity:
    """A window, days after issue, or for ever; a draft may have none yet."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    days_after_issue: int | None = None
    never_expires: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How often at most; None is no limit."""

    total: int | None = None
    per_member: int | None = None
    per_member_per_day: int | None = None
    per_store: int | None = None


@dataclass(frozen=True, slots=True)
class Stacking:
    """What a coupon combines with."""

    category: str = "general"
    exclusive: bool = False
    joint_with: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trigger:
    """Upon what members are given a coupon; ``tiers`` are those it is given upon rising to."""

    on: str
    tiers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """All that decides what a coupon of a campaign is worth, to whom, and when."""

    kind: str
    value: int | None
    validity: Validity
    max_discount_minor: int | None = None
    min_spend_minor: int | None = None
    scope: Scope = Scope()
    excluded: Scope = Scope()
    limits: Limits = Limits()
    budget_minor: int | None = None
    stacking: Stacking = Stacking()
    code_type: str = "unique"
    code_value: str | None = None
    restore_on_partial_return: bool = False
    priority: int = 100
    gift_sku: str | None = None
    code_pattern: str | None = None
    giftable: bool = False
    trigger: Trigger | None = None

    @property
    def public(self) -> bool:
        """Whether all share one code."""
        return self.code_type == "public"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands."""

    campaign_id: UUID
    name: str
    status: str
    terms: Terms
    version: int = 1


@dataclass(frozen=True, slots=True)
class Demand:
    """What an issue or a use takes from one counter; ``refusal`` is the reason when it is full."""

    scope: str
    holder: str
    amount: int
    limit: int
    refusal: str


def issue_demands(terms: Terms, member_id: UUID) -> tuple[Demand, ...]:
    """Return the counters that issuing one coupon draws on.

    ``limits.total`` caps the coupons issued of a campaign with unique codes.
    """
    limits = terms.limits
    drawn = [
        ("held", str(member_id), limits.per_member, "limit_reached"),
        ("issued", "", limits.total, "budget_exhausted"),
    ]
    return tuple(
        Demand(scope, holder, 1, limit, refusal)
        for scope, holder, limit, refusal in drawn
        if limit is not None
    )


def use_demands(
    terms: Terms, *, member_id: UUID | None, store_id: str | None, used_on: date, discount: int
) -> tuple[Demand, ...]:
    """Return the counters that one use draws on (C6).

    Args:
        terms: The campaign's.
        member_id: Who uses it; the limits per member are for members only.
        store_id: Where; orders without a store count as one store.
        used_on: Local day of the purchase.
        discount: What it takes off, in minor units.
    """
    limits = terms.limits
    drawn: list[tuple[str, str, int, int | None, str]] = []
    if member_id is not None:
        day = f"{member_id}/{used_on.isoformat()}"
        drawn.append(("member", str(member_id), 1, limits.per_member, "limit_reached"))
        drawn.append(("member_day", day, 1, limits.per_member_per_day, "limit_reached"))
    drawn.append(("store", store_id or "", 1, limits.per_store, "limit_reached"))
    if terms.public:
        drawn.append(("uses", "", 1, limits.total, "budget_exhausted"))
    drawn.append(("budget", "", discount, terms.budget_minor, "budget_exhausted"))
    return tuple(
        Demand(scope, holder, amount, limit, refusal)
        for scope, holder, amount, limit, refusal in drawn
        if limit is not None
    )


def draft_problems(terms: Terms) -> list[FieldError]:
    """Return what is wrong with a campaign however unfinished it may be."""
    return [
        *_value_problems(terms),
        *_validity_problems(terms),
        *_code_problems(terms),
        *_scope_problems(terms),
        *_limit_problems(terms.limits),
        *_handing_problems(terms),
    ]


def publish_problems(terms: Terms, now: datetime) -> list[FieldError]:
    """Return what keeps a campaign from being published; no hidden expiry among others (C5)."""
    return [*draft_problems(terms), *_unfinished(terms, now)]


def revision_problems(before: Terms, after: Terms, now: datetime) -> list[FieldError]:
    """Return what keeps a published campaign's terms from becoming ``after``.

    Kind and code stay, as they stand on what is printed. A limit may change its number, but none
    comes or goes: what is not limited is not counted, so nobody could say how much of it is used.
    """
    return [*_fixed(before, after), *publish_problems(after, now)]


def _fixed(before: Terms, after: Terms) -> Iterator[FieldError]:
    for field in ("kind", "gift_sku"):
        if getattr(before, field) != getattr(after, field):
            yield FieldError(field, "not_changeable", "Fixed when the campaign was published.")
    if (before.code_type, before.code_value) != (after.code_type, after.code_value):
        yield FieldError("code", "not_changeable", "Fixed when the campaign was published.")
    limited = [
        (f"limits.{name}", getattr(before.limits, name), getattr(after.limits, name))
        for name in ("total", "per_member", "per_member_per_day", "per_store")
    ]
    for field, old, new in (*limited, ("budget_minor", before.budget_minor, after.budget_minor)):
        if (old is None) != (new is None):
            message = "Its number may change, but it neither comes nor goes after publication."
            yield FieldError(field, "not_changeable", message)


_WITHOUT_VALUE = ("free_shipping", "gift")


def _value_problems(terms: Terms) -> Iterator[FieldError]:
    if terms.kind == "gift":
        yield from _gift_problems(terms)
    elif terms.gift_sku is not None:
        yield FieldError("gift_sku", "not_allowed", "Only a gift has one.")
    if terms.kind in _WITHOUT_VALUE:
        if terms.value is not None:
            yield FieldError("value", "not_allowed", f"{terms.kind} has no value.")
    elif terms.value is None:
        yield FieldError("value", "required", f"{terms.kind} needs a value.")
    elif terms.kind == "percent_off" and terms.value > _PERCENT_MAX:
        yield FieldError("value", "out_of_range", "Percent is a whole number from 1 to 100.")


def _gift_problems(terms: Terms) -> Iterator[FieldError]:
    if terms.gift_sku is None:
        yield FieldError("gift_sku", "required", "A gift needs the article it gives.")
    for field in ("max_discount_minor", "budget_minor"):
        if getattr(terms, field) is not None:
            message = "A gift takes no money off, so this would bind nothing."
            yield FieldError(field, "not_allowed", message)


def _handing_problems(terms: Terms) -> Iterator[FieldError]:
    """Name ways to hand out coupons that the campaign has none of."""
    for field, wanted in (("giftable", terms.giftable), ("trigger", terms.trigger)):
        if wanted and terms.public:
            message = "A public code has no coupons that anybody could hold."
            yield FieldError(field, "not_allowed", message)
    if terms.trigger and terms.trigger.tiers is not None and terms.trigger.on != "tier_upgraded":
        message = "Goes with tier_upgraded; for other triggers see scope.tiers."
        yield FieldError("trigger.tiers", "not_allowed", message)


def _scope_problems(terms: Terms) -> Iterator[FieldError]:
    """Name what is wanted and not wanted at once: nothing at all would be covered."""
    for key in ("skus", "categories", "brands", "stores", "channels", "tiers"):
        wanted, unwanted = getattr(terms.scope, key), getattr(terms.excluded, key)
        if wanted is not None and unwanted is not None and wanted <= unwanted:
            message = "Everything the scope names is excluded."
            yield FieldError(f"scope.{key}", "impossible", message)
    if terms.scope.channels is None and CHANNELS <= (terms.excluded.channels or frozenset()):
        yield FieldError("exclude.channels", "impossible", "Every channel is excluded.")


def _limit_problems(limits: Limits) -> Iterator[FieldError]:
    """Name limits that can never be reached, since a wider one ends first."""
    nested = (
        ("per_member", limits.per_member, "total", limits.total),
        ("per_member_per_day", limits.per_member_per_day, "per_member", limits.per_member),
    )
    for inner, inner_limit, outer, outer_limit in nested:
        if inner_limit is not None and outer_limit is not None and inner_limit > outer_limit:
            message = f"More than limits.{outer} allows: it could never be reached."
            yield FieldError(f"limits.{inner}", "contradictory", message)


def _validity_problems(terms: Terms) -> Iterator[FieldError]:
    validity = terms.validity
    window = validity.starts_at is not None or validity.ends_at is not None
    forms = [window, validity.days_after_issue is not None, validity.never_expires]
    if sum(forms) > 1:
        message = "Give a window, days_after_issue or never_expires: one of them."
        yield FieldError("validity", "ambiguous", message)
    if not window:
        return
    if validity.starts_at is None or validity.ends_at is None:
        yield FieldError("validity", "incomplete", "A window has from and until.")
    elif validity.starts_at >= validity.ends_at:
        yield FieldError("validity.until", "out_of_range", "The window ends before it begins.")


def _code_problems(terms: Terms) -> Iterator[FieldError]:
    if not terms.public and terms.code_value is not None:
        yield FieldError("code.value", "not_allowed", "Unique codes are made, not given.")
    if terms.public and terms.code_pattern is not None:
        yield FieldError("code.pattern", "not_allowed", "A public code is given, not made.")
    if terms.public and terms.validity.days_after_issue is not None:
        message = "A public code is not issued; give a window or never_expires."
        yield FieldError("validity.days_after_issue", "not_allowed", message)


def _unfinished(terms: Terms, now: datetime) -> Iterator[FieldError]:
    validity = terms.validity
    if validity == Validity():
        yield FieldError("validity", "required", "Say when its coupons expire, or never_expires.")
    if validity.ends_at is not None and validity.ends_at <= now:
        yield FieldError("validity.until", "out_of_range", "The window is over already.")
    if terms.public and terms.code_value is None:
        yield FieldError("code.value", "required", "A public code needs its value.")
    if terms.budget_minor is not None and terms.budget_minor < _one_use(terms):
        yield FieldError("budget_minor", "out_of_range", "The budget is below one use.")


def _one_use(terms: Terms) -> int:
    """Return what the smallest use meant by the terms takes off, as far as they tell."""
    value = terms.value or 0
    smallest = {
        "amount_off": value,
        "percent_off": (terms.min_spend_minor or 0) * value // _PERCENT_MAX,
    }.get(terms.kind, 0)
    return max(1, min(smallest, terms.max_discount_minor or smallest))
