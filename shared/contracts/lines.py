"""What all baskets, sales and returns have in common: lines, each with an id of its own."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from shared.contracts.base import WireSchema


class LinesSchema(WireSchema):
    """Something with ``lines``, whose ids differ; subclasses declare the field."""

    @validates_schema
    def _lines_differ(self, data: dict[str, Any], **_: Any) -> None:
        lines = data.get("lines", ())
        if len({line["line_id"] for line in lines}) != len(lines):
            raise ValidationError("Each line needs its own line_id.", "lines")
