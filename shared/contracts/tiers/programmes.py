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
    StrictBoolean,
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


class ProgrammeDraftSchema(WireSchema):
    """A new version of the programme, not in force yet (T5)."""

    name = Text(required=True, max_length=100, metadata=described("For staff.", "Spring 2027"))
    metric = Choice(
        *METRICS,
        required=True,
        metadata=described("What thresholds count; `spend` is in minor units."),
    )
    window = fields.Nested(WindowSchema, required=True)
    review_months = StrictInteger(
        load_default=12,
        validate=validate.Range(min=1, max=120),
        metadata=described("From a change or passed review to the next review.", 12),
    )
    grace_days = StrictInteger(
        load_default=30,
        validate=validate.Range(min=0, max=365),
        metadata=described("From a failed review to the loss of the tier.", 30),
    )
    levels = fields.List(
        fields.Nested(LevelSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LEVELS),
        metadata=described("Thresholds rise with the rank; rank 0 has threshold 0."),
    )
    effective_from = Instant(
        load_default=None,
        allow_none=True,
        metadata=described("When it shall come into force; may be set on publishing."),
    )


class ProgrammePatchSchema(WireSchema):
    """Changes of a draft; what is left out stays."""

    name = Text(max_length=100)
    metric = Choice(*METRICS)
    window = fields.Nested(WindowSchema)
    review_months = StrictInteger(validate=validate.Range(min=1, max=120))
    grace_days = StrictInteger(validate=validate.Range(min=0, max=365))
    levels = fields.List(
        fields.Nested(LevelSchema), validate=validate.Length(min=1, max=MAX_LEVELS)
    )
    effective_from = Instant(allow_none=True)


class TierProgrammeSchema(ProgrammeSchema):
    """A version of the programme, draft or published (T5)."""

    status = Choice("draft", "published", required=True)
    in_force = StrictBoolean(required=True)
    effective_from = Instant(required=True, allow_none=True)
    published_at = Instant(required=True, allow_none=True)


class VersionRef(WireSchema):
    """Names a version."""

    version = StrictInteger(required=True, validate=validate.Range(min=1, max=2**31 - 1))


class AmendProgramme(ProgrammePatchSchema, VersionRef):
    """Change a draft."""


class PublishSchema(WireSchema):
    """When a draft comes into force."""

    effective_from = Instant(
        load_default=None,
        allow_none=True,
        metadata=described("Now, where neither this nor the draft says.", "2027-01-01T00:00:00Z"),
    )


class PublishProgramme(PublishSchema, VersionRef):
    """Publish a draft."""
