"""Changes of how long points last (L12): over HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import Choice, Id, Instant, StrictBoolean, StrictInteger, Text
from shared.contracts.method import Method
from shared.contracts.points.schemas import says
from shared.errors import NotFound
from shared.errors import points as errors

SERVICE = "points"
ROUND_TO = ("day", "month_end", "year_end")
MOST_MONTHS = 1200


def _months() -> StrictInteger:
    return StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=MOST_MONTHS),
        metadata=says("Calendar months from the day points are earned.", 24),
    )


def _round_to() -> Choice:
    return Choice(
        *ROUND_TO,
        required=True,
        metadata=says("They last to the end of that day, month or year.", "month_end"),
    )


class ExpiryTermsSchema(WireSchema):
    """How long points last (L4)."""

    months = _months()
    round_to = _round_to()


class ExpiryChangeDraftSchema(ExpiryTermsSchema):
    """How long points shall last that are earned from an instant on.

    What was earned before keeps the later of both expiries. Terms by which points of any day lapse
    sooner need `force`, a `reason` and 30 days' notice.
    """

    effective_from = Instant(
        required=True,
        metadata=says("From when on; not before now.", "2027-01-01T00:00:00Z"),
    )
    force = StrictBoolean(
        load_default=False, metadata=says("Go on though points lapse sooner.", True)
    )
    reason = Text(
        load_default=None,
        allow_none=True,
        max_length=1_000,
        metadata=says("Why.", "Terms of the merged programme, announced in the members' letter."),
    )


class ExistingLotsSchema(WireSchema):
    """How far a change has been applied to points earned before it."""

    extended = StrictInteger(required=True, metadata=says("Lots that last longer so far.", 1200))
    finished_at = Instant(
        required=True, allow_none=True, metadata=says("When none was left; null until then.")
    )


class ExpiryChangeSchema(ExpiryTermsSchema):
    """An announced change; it is never altered, only followed by another."""

    change_id = Id(required=True)
    effective_from = Instant(required=True)
    previous = fields.Nested(
        ExpiryTermsSchema, required=True, metadata=says("The terms in force until then.")
    )
    shortens = StrictBoolean(
        required=True, metadata=says("Whether points of any day lapse sooner.", False)
    )
    force = StrictBoolean(required=True)
    reason = Text(required=True, allow_none=True, max_length=1_000)
    announced_at = Instant(required=True)
    announced_by = Text(required=True, metadata=says("Who.", "staff:0192f3a0-0000-7000-8000-1"))
    existing_lots = fields.Nested(ExistingLotsSchema, required=True)


class ExpiryChangeRef(WireSchema):
    """Names a change."""

    change_id = Id(required=True)


ANNOUNCE_EXPIRY_CHANGE = Method(
    SERVICE,
    "announce_expiry_change",
    ExpiryChangeDraftSchema,
    ExpiryChangeSchema,
    success=201,
    errors=(
        errors.ExpiryChangeInPast,
        errors.ExpiryChangeOutOfOrder,
        errors.ExpiryUnchanged,
        errors.ExpiryForceRequired,
        errors.ExpiryReasonRequired,
        errors.ExpiryNoticeTooShort,
    ),
)
EXPIRY_CHANGES = Method(SERVICE, "expiry_changes", PageQuery, page_of(ExpiryChangeSchema))
EXPIRY_CHANGE = Method(
    SERVICE, "expiry_change", ExpiryChangeRef, ExpiryChangeSchema, errors=(NotFound,)
)
