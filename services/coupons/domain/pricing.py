"""Which codes count for a basket, and what they take off which line (C7).

Every code ends in exactly one list: applied; skipped, good by itself but not beside those applied;
or rejected. Coupons are applied one after another, each to the prices the ones before it left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.coupons.domain.campaign import Campaign, Terms, use_demands
from services.coupons.domain.discounts import (
    Line,
    covered_lines,
    discounts_of,
    outside,
    places_of,
)
from services.coupons.domain.search import Option, best_sequence
from services.coupons.domain.stacking import stacking_refusal

_USABLE = ("issued", "restored", "expired")
"""Statuses in which the instant decides: ``expired`` may have been swept before a sale made earlier
arrives (S5)."""
_SPENT = {"redeemed": "used", "reserved": "reserved", "void": "void", "gifted": "gifted"}


@dataclass(frozen=True, slots=True)
class Shopper:
    """The member who buys, as far as this service knows it."""

    member_id: UUID
    status: str = "active"
    tier: str | None = None

    @property
    def active(self) -> bool:
        """Whether coupons may be used; a member not heard of yet has just enrolled."""
        return self.status in ("active", "unknown")


@dataclass(frozen=True, slots=True)
class Basket:
    """What is bought, by whom, where and when."""

    lines: tuple[Line, ...]
    at: datetime
    day: date
    """The local day of ``at``."""
    channel: str
    store_id: str | None = None
    shopper: Shopper | None = None

    @property
    def member_id(self) -> UUID | None:
        """Return the buyer's id, if it is a member."""
        return self.shopper.member_id if self.shopper else None


@dataclass(frozen=True, slots=True)
class HeldCoupon:
    """One coupon with a code of its own."""

    coupon_id: UUID
    member_id: UUID | None
    status: str
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A code as given, and what it was found to be; ``used`` holds counters by scope, holder."""

    code: str
    campaign: Campaign | None = None
    coupon: HeldCoupon | None = None
    used: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """A code that counts; ``by_line`` has the lines that it makes cheaper, and sums up."""

    candidate: Candidate
    campaign: Campaign
    discount_minor: int
    by_line: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """A code that does not count."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What became of every code."""

    applied: tuple[Applied, ...]
    skipped: tuple[Unused, ...]
    rejected: tuple[Unused, ...]

    @property
    def discount_minor(self) -> int:
        """Return what all coupons take off together."""
        return sum(each.discount_minor for each in self.applied)


def evaluate(
    basket: Basket, candidates: Sequence[Candidate], mode: str = "requested_order"
) -> Evaluation:
    """Apply as many of the codes as the rules allow.

    Args:
        basket: What is bought, by whom, where and when.
        candidates: The codes as given.
        mode: ``requested_order``; ``priority``, lower numbers first; or ``best_for_member``, the
            sequence that takes most off, whatever the order of request: see `search`.
    """
    refusals = [refusal(each, basket) for each in candidates]
    if mode == "best_for_member":
        candidates, refusals = _best_first(basket, candidates, refusals)
    elif mode == "priority":
        candidates, refusals = _by_priority(candidates, refusals)
    prices = [line.net_minor for line in basket.lines]
    applied: list[Applied] = []
    skipped: list[Unused] = []
    rejected: list[Unused] = []
    seen: set[object] = set()
    for candidate, reason in zip(candidates, refusals, strict=True):
        if reason is not None or candidate.campaign is None:
            rejected.append(Unused(candidate.code, reason or "unknown"))
            continue
        terms = candidate.campaign.terms
        duplicate = "duplicate" if _identity(candidate) in seen else None
        others = [each.campaign.terms.stacking for each in applied]
        seen.add(_identity(candidate))
        if (reason := duplicate or stacking_refusal(terms.stacking, others)) is not None:
            skipped.append(Unused(candidate.code, reason))
            continue
        discounts = discounts_of(terms, basket.lines, prices)
        if not any(discounts) and terms.kind != "gift":
            skipped.append(Unused(candidate.code, "no_discount"))
        elif (reason := _full_counter(candidate, basket, sum(discounts))) is not None:
            rejected.append(Unused(candidate.code, reason))
        else:
            prices = [price - off for price, off in zip(prices, discounts, strict=True)]
            applied.append(_applied(candidate, candidate.campaign, basket.lines, discounts))
    return Evaluation(tuple(applied), tuple(skipped), tuple(rejected))


def refusal(candidate: Candidate, basket: Basket) -> str | None:
    """Return why this code alone cannot count for this basket, or None."""
    if candidate.campaign is None:
        return "unknown"
    terms = candidate.campaign.terms
    return (
        _campaign_refusal(candidate.campaign)
        or _owner_refusal(candidate, basket)
        or _time_refusal(candidate, terms, basket.at)
        or _basket_refusal(terms, basket)
        or _full_counter(candidate, basket, 0)
    )


def promised_refusal(candidate: Candidate, basket: Basket, discount: int) -> str | None:
    """Return what is gone of a coupon that was promised at this discount, or None (H1).

    Whose it is, what became of it, whether it was good at ``basket.at``, limits and budget; not
    the campaign's status nor the basket, which the promise has settled.
    """
    if candidate.campaign is None:
        return "unknown"
    coupon = candidate.coupon
    if coupon is not None:
        if coupon.member_id is not None and coupon.member_id != basket.member_id:
            return "foreign"
        if coupon.status not in _USABLE:
            return _SPENT[coupon.status]
        if coupon.valid_until is not None and basket.at >= coupon.valid_until:
            return "lapsed"
    return _full_counter(candidate, basket, discount)


def _campaign_refusal(campaign: Campaign) -> str | None:
    """A paused campaign is still; an archived one keeps only coupons that members hold."""
    if campaign.status == "draft":
        return "unknown"
    if campaign.status == "archived":
        return "archived" if campaign.terms.public else None
    return "paused" if campaign.status == "paused" else None


def _owner_refusal(candidate: Candidate, basket: Basket) -> str | None:
    assert candidate.campaign is not None  # noqa: S101 - the only caller has looked
    terms = candidate.campaign.terms
    owner = candidate.coupon.member_id if candidate.coupon else None
    if basket.shopper is None:
        personal = terms.limits.per_member or terms.limits.per_member_per_day or terms.scope.tiers
        return "member_required" if owner or personal else None
    if owner is not None and owner != basket.shopper.member_id:
        return "foreign"
    return None if basket.shopper.active else "member_not_active"


def _time_refusal(candidate: Candidate, terms: Terms, at: datetime) -> str | None:
    """Judge status and dates as of the purchase.

    The start is the window's, never the instant of issue: a till's clock may be a little behind,
    and whoever shows a coupon holds it.
    """
    coupon, starts_at, ends_at = candidate.coupon, terms.validity.starts_at, terms.validity.ends_at
    if coupon is not None:
        if coupon.status not in _USABLE:
            return _SPENT[coupon.status]
        ends_at = coupon.valid_until
    if ends_at is not None and at >= ends_at:
        return "lapsed"
    return "not_yet_valid" if starts_at is not None and at < starts_at else None


def _basket_refusal(terms: Terms, basket: Basket) -> str | None:
    tier = basket.shopper.tier if basket.shopper else None
    circumstances = (
        (basket.store_id, terms.scope.stores, terms.excluded.stores),
        (basket.channel, terms.scope.channels, terms.excluded.channels),
        (tier, terms.scope.tiers, terms.excluded.tiers),
    )
    if any(outside(value, wanted, unwanted) for value, wanted, unwanted in circumstances):
        return "wrong_scope"
    covered = covered_lines(terms, basket.lines)
    if not any(covered):
        return "wrong_scope"
    if terms.kind == "free_shipping" and not any(line.kind == "shipping" for line in basket.lines):
        return "wrong_scope"
    spend = sum(line.net_minor for line, good in zip(basket.lines, covered, strict=True) if good)
    return "below_minimum" if spend < (terms.min_spend_minor or 0) else None


def _full_counter(candidate: Candidate, basket: Basket, discount: int) -> str | None:
    """Return the refusal of the first counter that one use more, at ``discount``, would pass."""
    assert candidate.campaign is not None  # noqa: S101 - the only callers have looked
    demands = use_demands(
        candidate.campaign.terms,
        member_id=basket.member_id,
        store_id=basket.store_id,
        used_on=basket.day,
        discount=discount,
    )
    for demand in demands:
        used = candidate.used.get((demand.scope, demand.holder), 0)
        if used + max(demand.amount, 1) > demand.limit:
            return demand.refusal
    return None


def _identity(candidate: Candidate) -> object:
    """Return what makes two spellings the same code."""
    if candidate.coupon is not None:
        return candidate.coupon.coupon_id
    return candidate.campaign.campaign_id if candidate.campaign else candidate.code


_Judged = tuple[Sequence[Candidate], list[str | None]]
"""Candidates, and why each cannot count by itself."""


def _by_priority(candidates: Sequence[Candidate], refusals: list[str | None]) -> _Judged:
    def priority(place: int) -> int:
        # Unknown codes have none; Python's sort keeps the order of request among equals.
        campaign = candidates[place].campaign
        return campaign.terms.priority if campaign else 0

    order = sorted(range(len(candidates)), key=priority)
    return [candidates[place] for place in order], [refusals[place] for place in order]


def _best_first(
    basket: Basket, candidates: Sequence[Candidate], refusals: list[str | None]
) -> _Judged:
    """Put the best sequence first, then what else could count, then the rest.

    Whatever could still be added to the best sequence would make it better, so applying them in
    this order applies exactly that sequence, and gives each of the others its reason.
    """
    options: dict[object, Option] = {}
    for place, (candidate, reason) in enumerate(zip(candidates, refusals, strict=True)):
        if reason is None and _identity(candidate) not in options:
            options[_identity(candidate)] = _option(place, candidate, basket)
    prices = [line.net_minor for line in basket.lines]
    best = best_sequence(list(options.values()), prices)
    others = sorted(options.values(), key=lambda each: each.rank)
    first = list(dict.fromkeys(each.key for each in (*best, *others)))
    order = first + [place for place in range(len(candidates)) if place not in set(first)]
    return [candidates[place] for place in order], [refusals[place] for place in order]


def _option(place: int, candidate: Candidate, basket: Basket) -> Option:
    assert candidate.campaign is not None  # noqa: S101 - only called for what could count
    terms = candidate.campaign.terms
    budget, spent = terms.budget_minor, candidate.used.get(("budget", ""), 0)
    coupon = candidate.coupon
    return Option(
        key=place,
        terms=terms,
        quantities=tuple(line.quantity for line in basket.lines),
        places=places_of(terms, basket.lines),
        expires_at=coupon.valid_until if coupon else terms.validity.ends_at,
        identity=str(_identity(candidate)),
        room_minor=None if budget is None else budget - spent,
    )


def _applied(
    candidate: Candidate, campaign: Campaign, lines: Sequence[Line], discounts: Sequence[int]
) -> Applied:
    by_line = tuple((line.line_id, off) for line, off in zip(lines, discounts, strict=True) if off)
    return Applied(candidate, campaign, sum(discounts), by_line)
