"""Members who come from another system, and lists of members that leave (A9)."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from shared.contracts.base import WireSchema
from shared.contracts.fields import LocalDate, StrictBoolean, StrictInteger, Text
from shared.contracts.members.schemas import EnrolSchema, described

IMPORT_COLUMNS = (
    "phone",
    "name",
    "email",
    "birthday",
    "card_number",
    "points",
    "points_expire_on",
)
REPORT_COLUMNS = ("row", "field", "code", "message")
MAX_OPENING_POINTS = 1_000_000_000


class ImportQuery(WireSchema):
    """How to import."""

    dry_run = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata=described("Report what is wrong with the rows, and write nothing.", False),
    )


class ImportCommandSchema(WireSchema):
    """A file of members is coming."""

    dry_run = StrictBoolean(required=True)


class ImportRowSchema(EnrolSchema):
    """One row of the file; cells that are empty are left out."""

    class Meta:
        """Only what a row may have."""

        fields = IMPORT_COLUMNS

    points = StrictInteger(validate=validate.Range(min=0, max=MAX_OPENING_POINTS))
    points_expire_on = LocalDate()

    @validates_schema
    def _expire_something(self, data: dict[str, Any], **_: Any) -> None:
        if "points_expire_on" in data and not data.get("points"):
            raise ValidationError("There are no points to expire.", "points_expire_on")


class ExportSchema(WireSchema):
    """A list of all members, masked unless there is a purpose (M7)."""

    purpose = Text(
        allow_none=True,
        load_default=None,
        min_length=5,
        max_length=500,
        metadata=described("Why values are needed as they are; left out, they are masked."),
    )
