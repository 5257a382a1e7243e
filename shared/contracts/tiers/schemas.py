"""What tiers look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Points,
    StrictInteger,
    Text,
)
from shared.contracts.tiers.events import SOURCES

METRICS = ("qualifying_points", "spend", "orders")
WINDOWS = ("rolling", "calendar_year", "anniversary", "lifetime")


def _described(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} | ({} if example is None else {"example": example})


class BenefitSchema(WireSchema):
    """Something a tier gives beside its multiplier (T6)."""

    code = Text(required=True)
    kind = Text(required=True)
    name = Text(required=True)


class WindowSchema(WireSchema):
    """Which sales count towards a tier (T2)."""

    type = Choice(*WINDOWS, required=True)
    months = StrictInteger(
        required=True, allow_none=True, metadata=_described("Length of a rolling window.", 12)
    )


class LevelSchema(WireSchema):
    """One tier of a programme."""

    code = Text(required=True, metadata=_described("Stable code.", "GOLD"))
    name = Text(required=True, metadata=_described("Name to show.", "Gold"))
    rank = StrictInteger(required=True, metadata=_described("0 is the entry tier.", 2))
    threshold = Points(required=True, metadata=_described("Progress that reaches it.", 5000))
    multiplier = Text(
        required=True, metadata=_described("Earn multiplier, a decimal string.", "1.25")
    )
    benefits = fields.List(fields.Nested(BenefitSchema), required=True)


class ProgrammeSchema(WireSchema):
    """The programme in force: its tiers and how they are reached (T1)."""

    version = StrictInteger(required=True)
    name = Text(required=True)
    metric = Choice(*METRICS, required=True)
    window = fields.Nested(WindowSchema, required=True)
    review_months = StrictInteger(required=True)
    grace_days = StrictInteger(required=True)
    effective_from = Instant(required=True)
    levels = fields.List(fields.Nested(LevelSchema), required=True)


class TierSchema(WireSchema):
    """Which tier."""

    code = Text(required=True, metadata=_described("Stable code.", "GOLD"))
    name = Text(required=True, metadata=_described("Name to show.", "Gold"))
    rank = StrictInteger(required=True, metadata=_described("0 is the entry tier.", 2))


class NextTierSchema(WireSchema):
    """The tier above."""

    code = Text(required=True, metadata=_described("Stable code.", "PLATINUM"))
    need = Points(required=True, metadata=_described("Progress that reaches it.", 20000))
    missing = Points(required=True, metadata=_described("What is still missing.", 13500))


class ProgressSchema(WireSchema):
    """How far the member is."""

    metric = Choice(*METRICS, required=True)
    window = fields.Nested(WindowSchema, required=True)
    have = Points(required=True, metadata=_described("What counts in the window now.", 6500))
    keep = Points(
        required=True, metadata=_described("What keeps the present tier at its review.", 5000)
    )
    next = fields.Nested(NextTierSchema, required=True, allow_none=True)


class MemberTierSchema(WireSchema):
    """A member's tier and what it takes to keep or raise it."""

    member_id = Id(required=True)
    tier = fields.Nested(TierSchema, required=True)
    source = Choice(*SOURCES, required=True)
    multiplier = Text(required=True, metadata=_described("Earn multiplier.", "1.25"))
    since = Instant(required=True)
    review_on = LocalDate(
        required=True, metadata=_described("Local date of the next review.", "2027-03-14")
    )
    grace_until = LocalDate(required=True, allow_none=True)
    progress = fields.Nested(ProgressSchema, required=True)
    benefits = fields.List(fields.Nested(BenefitSchema), required=True)


class MemberTierQuery(WireSchema):
    """Whose tier; ``enrolled_at`` dates the entry tier until tiers has heard of the member."""

    member_id = Id(required=True)
    enrolled_at = Instant(load_default=None, allow_none=True)


class TierChangeSchema(WireSchema):
    """One change of a member's tier."""

    change_id = Id(required=True)
    from_tier = Text(required=True, allow_none=True)
    tier = Text(required=True, metadata=_described("Code of the tier.", "GOLD"))
    source = Choice(*SOURCES, required=True)
    reason = Text(required=True, metadata=_described("Why.", "qualified"))
    sale_id = ExternalKey(
        required=True, allow_none=True, metadata=_described("The sale that reached it.")
    )
    have = Points(required=True, metadata=_described("Progress at that moment.", 5000))
    programme_version = StrictInteger(required=True)
    effective_from = Instant(required=True)
    recorded_at = Instant(required=True)


class HistoryQuery(PageQuery):
    """One page of a member's history, newest first."""

    member_id = Id(required=True)
