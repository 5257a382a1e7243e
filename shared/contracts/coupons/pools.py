"""Wire schemas of codes made ahead, by the million (C9)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.coupons.schemas import COUPON_STATUSES
from shared.contracts.fields import Choice, Id, Instant, StrictInteger

MAX_CODES_AT_ONCE = 10_000_000


class GenerateCodesSchema(WireSchema):
    """How many codes to make."""

    count = StrictInteger(
        required=True,
        validate=validate.Range(min=1, max=MAX_CODES_AT_ONCE),
        metadata={"example": 10_000},
    )


class GenerateCodesCommand(GenerateCodesSchema):
    """Start making codes of a campaign."""

    campaign_id = Id(required=True)


class GenerateCodesRequest(GenerateCodesCommand):
    """What the job makes."""

    issued_at = Instant(required=True)
    """Days after issue are counted from then on, for all of them alike."""


class ImportCodesCommand(WireSchema):
    """Start taking in codes of a campaign; the file follows."""

    campaign_id = Id(required=True)


class ImportCodesRequest(ImportCodesCommand):
    """What the job takes in."""

    issued_at = Instant(required=True)
    """Days after issue are counted from then on, for all of them alike."""


class ExportCodesCommand(WireSchema):
    """Ask for the codes after a number; those up to it have arrived."""

    campaign_id = Id(required=True)
    after = StrictInteger(required=True, validate=validate.Range(min=0))


class ExportedCodeSchema(WireSchema):
    """One line of the export."""

    code = fields.String(required=True)
    status = Choice(*COUPON_STATUSES, required=True)
    valid_until = Instant(required=True, allow_none=True)


class ExportedCodesSchema(WireSchema):
    """Some lines of the export; ``next`` is null at its end."""

    items = fields.List(fields.Nested(ExportedCodeSchema), required=True)
    next = StrictInteger(required=True, allow_none=True)
