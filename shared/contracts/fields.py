"""Fields of the wire format. They accept exactly one JSON form each: no "5" for 5, no 1 for true.

Bounds keep every accepted number inside a PostgreSQL ``bigint`` even when summed over a batch, and
every accepted text storable, so that hostile input ends in a 422 and never in a 5xx.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from marshmallow.exceptions import ValidationError

from shared.clock import parse_rfc3339, rfc3339

MAX_AMOUNT = 10**12
"""Largest amount of money (minor units) or points in one field: 10 billion yuan."""

_LONGEST_INSTANT = 40
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class StrictInteger(fields.Integer):
    """A JSON integer; strings, floats and booleans are refused."""

    def _validated(self, value: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class StrictBoolean(fields.Boolean):
    """JSON ``true`` or ``false``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Text(fields.String):
    """Text of bounded length that PostgreSQL can store: no NUL, no lone surrogate."""

    def __init__(self, *, max_length: int = 200, min_length: int = 1, **kwargs: Any) -> None:
        """Bound the length in characters; one more validator may come in ``validate``."""
        own = validate.Length(min=min_length, max=max_length)
        given = kwargs.pop("validate", None)
        more = [] if given is None else list(given) if isinstance(given, list) else [given]
        super().__init__(validate=[own, *more], **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            if "\x00" in text:
                raise ValueError
            text.encode()  # a lone surrogate has no UTF-8
        except ValueError:
            raise ValidationError("Not storable text.") from None
        return text


class Instant(fields.Field[datetime]):
    """An RFC 3339 time with an offset; written back in UTC with ``Z`` (A1)."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        return rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            if not isinstance(value, str) or len(value) > _LONGEST_INSTANT or value[10:11] != "T":
                raise ValueError
            instant = parse_rfc3339(value)
            if not _EARLIEST <= instant < _LATEST:
                raise ValueError
        except (ValueError, OverflowError):
            raise ValidationError("Not an RFC 3339 time with an offset.") from None
        return instant


class LocalDate(fields.Field[date]):
    """A calendar date ``YYYY-MM-DD`` without time or zone."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        try:
            if not isinstance(value, str) or len(value) != len("2000-01-01"):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("Not a date like 2026-01-31.") from None


class Id(fields.Field[UUID]):
    """A UUID in its canonical text form."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        try:
            if not isinstance(value, str) or len(value) != len(str(UUID(int=0))):
                raise ValueError
            return UUID(value)
        except ValueError:
            raise ValidationError("Not a valid UUID.") from None


class Minor(StrictInteger):
    """Money in minor units, 0 or more."""

    def __init__(self, *, minimum: int = 0, **kwargs: Any) -> None:
        """Accept ``minimum`` to `MAX_AMOUNT`."""
        super().__init__(validate=validate.Range(min=minimum, max=MAX_AMOUNT), **kwargs)


class Points(StrictInteger):
    """Whole points, 0 or more unless ``minimum`` says otherwise."""

    def __init__(self, *, minimum: int = 0, **kwargs: Any) -> None:
        """Accept ``minimum`` to `MAX_AMOUNT`."""
        super().__init__(validate=validate.Range(min=minimum, max=MAX_AMOUNT), **kwargs)


class ExternalKey(Text):
    """An id the caller chose (``sale_id``, ``store_id``, …): printable, no blanks, up to 100."""

    def __init__(self, **kwargs: Any) -> None:
        """Accept URL-safe characters only, since such ids also stand in paths."""
        super().__init__(
            max_length=100,
            validate=validate.Regexp(
                r"\A[A-Za-z0-9][A-Za-z0-9._~:@+-]*\Z", error="Use letters, digits and . _ ~ : @ + -"
            ),
            **kwargs,
        )


class Currency(Text):
    """An ISO 4217 code."""

    def __init__(self, **kwargs: Any) -> None:
        """Accept three capital letters."""
        super().__init__(
            max_length=3,
            validate=validate.Regexp(r"\A[A-Z]{3}\Z", error="Not an ISO 4217 code."),
            **kwargs,
        )


class Choice(fields.String):
    """One of a closed list of words."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        """Accept exactly ``choices``."""
        super().__init__(validate=validate.OneOf(choices), **kwargs)
