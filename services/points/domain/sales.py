"""A sale: what it costs, what points may pay of it, and what it earns (E1, E3, H3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from services.points.domain.lateness import judge_time
from services.points.domain.programme import Programme
from shared.errors import FieldError, Invalid
from shared.errors.points import (
    CurrencyMismatch,
    MemberRequired,
    RedemptionOutOfRange,
)
from shared.money import share_by_largest_remainder

EARNING_KIND = "product"
BASE_RULE, BASE_VERSION = "base", 1
MOST_MINOR = 10**12
"""Most that a whole sale may cost, as any single amount."""
_LONGEST_DECIMAL = 18


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sale; ``discount_minor`` is what coupons took off ``net_minor``."""

    line_id: str
    sku: str
    category: str | None
    brand: str | None
    kind: str
    quantity: int
    net_minor: int
    discount_minor: int = 0

    @property
    def value_minor(self) -> int:
        """Return the price after coupons, the part paid in points included: what can come back."""
        return self.net_minor - self.discount_minor


@dataclass(frozen=True, slots=True)
class Sale:
    """A finished sale as it was reported."""

    sale_id: str
    occurred_at: datetime
    currency: str
    lines: tuple[Line, ...]
    member_id: UUID | None = None
    member_status: str | None = None
    identified_by: str | None = None
    store_id: str | None = None
    points_to_redeem: int = 0
    offline_allowance: str | None = None
    terminal_counter: int | None = None
    codes_digest: str | None = None
    coupons: dict[str, Any] | None = None
    checkout_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a sale costs; ``tender`` is the part of each line that points pay."""

    gross_minor: int
    discount_minor: int
    points_minor: int
    tender: tuple[int, ...]

    @property
    def payable_minor(self) -> int:
        """Return what is left to pay with money."""
        return self.gross_minor - self.discount_minor - self.points_minor

    @property
    def totals(self) -> dict[str, int]:
        """Return the four sums by name."""
        names = ("gross_minor", "discount_minor", "points_minor", "payable_minor")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Tier:
    """A member's tier from an instant on; the multiplier is exact."""

    code: str
    multiplier: Fraction
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """Points of a sale and how they came about."""

    points: int
    by_line: tuple[int, ...]
    explain: dict[str, Any]


def price(sale: Sale, programme: Programme, now: datetime) -> Price:
    """Check a sale by itself and return what it costs.

    Raises:
        CurrencyMismatch: it is not in the programme's currency.
        SaleInFuture: it is dated more than the tolerated five minutes ahead.
        SaleTooOld: it happened longer ago than it may be reported (S5).
        MemberRequired: nobody is named whose points could pay.
        RedemptionOutOfRange: points would pay too little or too much (H3).
        Invalid: a discount is larger than its line, or the sum beyond all measure.
    """
    if sale.currency != programme.currency:
        raise CurrencyMismatch(f"The programme's currency is {programme.currency}.")
    judge_time(sale.occurred_at, programme, now)
    overdone = [line.line_id for line in sale.lines if line.value_minor < 0]
    if overdone:
        raise Invalid(errors=[FieldError("lines", "discount_too_large", ", ".join(overdone))])
    gross = sum(line.net_minor for line in sale.lines)
    if gross > MOST_MINOR:
        raise Invalid(errors=[FieldError("lines", "too_large", f"At most {MOST_MINOR} in all.")])
    discount = sum(line.discount_minor for line in sale.lines)
    if not sale.points_to_redeem:
        return Price(gross, discount, 0, (0,) * len(sale.lines))
    if sale.member_id is None:
        raise MemberRequired
    tendered = sale.points_to_redeem * programme.point_value_minor
    _refuse_unless_redeemable(sale.points_to_redeem, gross - discount, programme)
    tender = share_by_largest_remainder(tendered, [line.value_minor for line in sale.lines])
    return Price(gross, discount, tendered, tuple(tender))


def _refuse_unless_redeemable(points: int, order_minor: int, programme: Programme) -> None:
    maximum = order_minor * programme.redeem_share // programme.point_value_minor
    if not programme.redeem_minimum <= points <= maximum:
        raise RedemptionOutOfRange(minimum=programme.redeem_minimum, maximum=int(maximum))


def eligible_minor(sale: Sale, cost: Price) -> list[int]:
    """Return what of each line earns points: products, without what coupons and points paid."""
    return [
        line.value_minor - tender if line.kind == EARNING_KIND else 0
        for line, tender in zip(sale.lines, cost.tender, strict=True)
    ]


def award(sale: Sale, cost: Price, tier: Tier, programme: Programme) -> Award:
    """Return the points of a member's sale (E1): floored once, then shared to the lines.

    A line gets the floor of its own exact points; what is left of the order's floor goes, one each,
    to the largest remainders, ties to the earlier line.
    """
    eligible = eligible_minor(sale, cost)
    factor = programme.rate * tier.multiplier
    over, under = factor.numerator, factor.denominator
    parts = [divmod(amount * over, under) for amount in eligible]
    by_line = [points for points, _ in parts]
    total_minor = sum(eligible)
    points = total_minor * over // under
    nearest = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    for place in nearest[: points - sum(by_line)]:
        by_line[place] += 1
    explain = {
        "rule": BASE_RULE,
        "version": BASE_VERSION,
        "inputs": {
            "eligible_minor": total_minor,
            "rate": exact_text(programme.rate),
            "multiplier": exact_text(tier.multiplier),
            "tier": tier.code,
        },
        "exact": exact_text(total_minor * factor),
        "rounded": points,
        "lines": _explain_lines(sale.lines, eligible, by_line),
    }
    return Award(points, tuple(by_line), explain)


def _explain_lines(
    lines: Sequence[Line], eligible: Sequence[int], by_line: Sequence[int]
) -> list[dict[str, Any]]:
    return [
        {"line_id": line.line_id, "eligible_minor": amount, "points": points}
        for line, amount, points in zip(lines, eligible, by_line, strict=True)
    ]


def tier_at(tiers: Sequence[Tier], instant: datetime, programme: Programme) -> Tier:
    """Return the tier as of ``instant``, as far as is known; ``tiers`` in the order they began."""
    for tier in reversed(tiers):
        if tier.since is None or tier.since <= instant:
            return tier
    return Tier(programme.entry_tier, Fraction(1))


def exact_text(value: Fraction) -> str:
    """Write an exact number: as a decimal where that ends soon, else as a fraction."""
    scale = 1
    for digits in range(_LONGEST_DECIMAL):
        if scale % value.denominator == 0:
            whole, rest = divmod(value.numerator * (scale // value.denominator), scale)
            return f"{whole}.{rest:0{digits}}".rstrip("0") if digits else str(whole)
        scale *= 10
    return str(value)
