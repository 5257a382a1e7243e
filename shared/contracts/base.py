"""The root of all wire schemas."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from shared.errors import FieldError, Invalid


class _MappingSchema(Schema):
    """A schema that reads mappings only by key, never a method such as ``dict.items``."""

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return the value under ``attr``, or ``default``."""
        if isinstance(obj, Mapping):
            return obj.get(attr, default)
        return super().get_attribute(obj, attr, default)


class WireSchema(_MappingSchema):
    """A schema that refuses fields it does not know (A1)."""

    class Meta:
        """Unknown fields are an error, never silently dropped."""

        unknown = RAISE


class EventSchema(_MappingSchema):
    """A schema of event data: a consumer ignores what a newer producer added."""

    class Meta:
        """Unknown fields are dropped on reading."""

        unknown = EXCLUDE


class EmptySchema(WireSchema):
    """No fields at all."""


class PageQuery(WireSchema):
    """How much of a list to return: ``after`` is the key of the last row already seen (A4)."""

    limit = fields.Integer(load_default=50)
    after = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)


def page_of(item: type[Schema]) -> type[WireSchema]:
    """Return the schema of one page of ``item``; ``next`` is the key to continue after, or null."""
    name = item.__name__.removesuffix("Schema") + "Page"
    return type(
        name,
        (WireSchema,),
        {
            "__doc__": f"A page of {item.__name__.removesuffix('Schema')} items.",
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.Dict(keys=fields.String(), allow_none=True, required=True),
        },
    )


@functools.cache
def instance_of(schema: type[Schema]) -> Schema:
    """Return the one instance of a schema: making one costs more than using it.

    Schemas keep no state between uses, so threads may share it.
    """
    return schema()


def load(schema: type[Schema], payload: Any) -> dict[str, Any]:
    """Turn wire primitives into Python values.

    Raises:
        Invalid: naming every field that is wrong, by its dotted path.
    """
    try:
        loaded: dict[str, Any] = instance_of(schema).load(payload)
    except ValidationError as error:
        raise Invalid(errors=field_errors(_messages(error))) from None
    return loaded


def field_errors(messages: Mapping[Any, Any], prefix: str = "") -> Iterable[FieldError]:
    """Flatten marshmallow's nested messages into dotted paths."""
    for key, value in messages.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if key == "_schema":
            path = prefix or "body"
        if isinstance(value, Mapping):
            yield from field_errors(value, path)
        else:
            for message in value if isinstance(value, list) else [value]:
                yield FieldError(path, _code_of(str(message)), str(message))


def _messages(error: ValidationError) -> dict[Any, Any]:
    messages = error.messages
    return messages if isinstance(messages, dict) else {"_schema": messages}


def _code_of(message: str) -> str:
    if message.startswith("Missing data"):
        return "required"
    if message.startswith("Unknown field"):
        return "unknown_field"
    return "invalid"
