"""Tier programmes on the wire: levels, windows, benefits."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
    Id,
    Instant,
    Points,
    StrictInteger,
    Text,
)
from shared.contracts.tiers.events import METRICS

WINDOWS = ("rolling", "calendar_year", "anniversary", "lifetime")
BENEFIT_KINDS = (
    "member_price",
    "free_shipping",
    "birthday_gift",
    "upgrade_coupon",
    "dedicated_service",
    "event_invitation",
)
QUOTA_PERIODS = ("month", "year", "tier_period")
MAX_LEVELS, MAX_BENEFITS = 20, 50


def described(description: str, example: Any = None) -> dict[str, Any]:
    """Return a field's documentation."""
    return {"description": description} | ({} if example is None else {"example": example})


class QuotaTermsSchema(WireSchema):
    """How often a benefit may be used (T6)."""

    count = StrictInteger(
        required=True,
        validate=validate.Range(min=1, max=10_000),
        metadata=described("Uses in each period.", 5),
    )
    per = Choice(
        *QUOTA_PERIODS,
        required=True,
        metadata=described("`tier_period` runs from reaching the tier to the next review.", "year"),
    )


class BenefitTermsSchema(WireSchema):
    """What a tier gives beside its multiplier (T6)."""

    code = Text(required=True, max_length=50, metadata=described("Stable code.", "SHIPPING"))
    kind = Choice(*BENEFIT_KINDS, required=True)
    name = Text(
        max_length=100,
        load_default=None,
        allow_none=True,
        metadata=described("Name to show; the code where left out.", "Free shipping"),
    )
    value = StrictInteger(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1, max=10**9),
        metadata=described(
            "`member_price`: percent off, 1 to 100. `birthday_gift`: points, where no campaign is"
            " named.",
            5,
        ),
    )
    campaign_id = Id(
        load_default=None,
        allow_none=True,
        metadata=described("Whose coupon a `birthday_gift` or `upgrade_coupon` is."),
    )
    quota = fields.Nested(QuotaTermsSchema, load_default=None, allow_none=True)


class WindowSchema(WireSchema):
    """Which sales count towards a tier (T2)."""

    type = Choice(*WINDOWS, required=True)
    months = StrictInteger(
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1, max=120),
        metadata=described("Length of a rolling window, and only of that.", 12),
    )


class LevelSchema(WireSchema):
    """One tier of a programme."""

    code = Text(required=True, max_length=50, metadata=described("Stable code.", "GOLD"))
    name = Text(required=True, max_length=100, metadata=described("Name to show.", "Gold"))
    rank = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=1_000),
        metadata=described("0 is the entry tier.", 2),
    )
    threshold = Points(required=True, metadata=described("Progress that reaches it.", 5000))
    multiplier = Text(
        required=True,
        max_length=7,
        metadata=described("Earn multiplier, a decimal string.", "1.25"),
        validate=validate.Regexp(
            r"\A(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?\Z",
            error="Not a decimal like 1.25 with at most 3 places.",
        ),
    )
    benefits = fields.List(
        fields.Nested(BenefitTermsSchema),
        load_default=list,
        validate=validate.Length(max=MAX_BENEFITS),
    )


class ProgrammeSchema(WireSchema):
    """The programme in force: its tiers and how they are reached (T1)."""

    version = StrictInteger(required=True)
    name = Text(required=True, metadata=described("For staff.", "Default programme"))
    metric = Choice(*METRICS, required=True)
    window = fields.Nested(WindowSchema, required=True)
    review_months = StrictInteger(
        required=True, metadata=described("From a change or passed review to the next review.", 12)
    )
    grace_days = StrictInteger(
        required=True, metadata=described("From a failed review to the loss of the tier.", 30)
    )
    effective_from = Instant(required=True)
    levels = fields.List(fields.Nested(LevelSchema), required=True)
