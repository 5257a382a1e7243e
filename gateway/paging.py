"""Lists (A4): keyset cursors, opaque and signed, so that nobody can ask for a key of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, current_app
from itsdangerous import BadSignature, URLSafeSerializer
from marshmallow import Schema, fields, validate

from gateway.backend import call, json_response
from shared.contracts.base import WireSchema
from shared.contracts.method import Method
from shared.errors import FieldError, Invalid

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


class ListQuery(WireSchema):
    """How much of a list to return, and from where on."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "Items on a page."},
    )
    cursor = fields.String(
        load_default=None, metadata={"description": "`next_cursor` of the page before."}
    )


def list_of(item: type[Schema]) -> type[WireSchema]:
    """Return the schema of a list answer of ``item``."""
    name = item.__name__.removesuffix("Schema")
    return type(
        f"{name}List",
        (WireSchema,),
        {
            "__doc__": f"A page of {name} items.",
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(
                required=True, allow_none=True, metadata={"description": "Null on the last page."}
            ),
        },
    )


def respond_page(method: Method, payload: Mapping[str, Any], query: Mapping[str, Any]) -> Response:
    """Call a list method with the query's ``limit`` and ``cursor``; answer with a signed cursor."""
    after = _open(method, query.get("cursor"))
    limit = query.get("limit", DEFAULT_LIMIT)
    page = call(method, {**payload, "limit": limit, "after": after}).body
    following = page["next"]
    cursor = None if following is None else _serializer(method).dumps(following)
    shown = {name: value for name, value in page.items() if name != "next"}
    return json_response({**shown, "next_cursor": cursor})


def respond_merged_page(
    methods: Sequence[Method], payload: Mapping[str, Any], query: Mapping[str, Any], *, key: str
) -> Response:
    """Answer with one page over the lists of several services, newest first.

    Each list is ordered by the UUIDv7 ``key``, which begins with the time, so one key tells all of
    them where to continue.
    """
    after = _open(methods[0], query.get("cursor"))
    limit = query.get("limit", DEFAULT_LIMIT)
    pages = [call(method, {**payload, "limit": limit, "after": after}).body for method in methods]
    found = sorted((item for page in pages for item in page["items"]), key=lambda item: item[key])
    items = found[::-1][:limit]
    is_last = len(found) <= limit and all(page["next"] is None for page in pages)
    following = None if is_last else _serializer(methods[0]).dumps({key: items[-1][key]})
    return json_response({"items": items, "next_cursor": following})


def _open(method: Method, cursor: str | None) -> Any:
    if cursor is None:
        return None
    try:
        return _serializer(method).loads(cursor)
    except BadSignature:
        wrong = FieldError("cursor", "invalid", "Not a cursor of this list.")
        raise Invalid(errors=[wrong]) from None


def _serializer(method: Method) -> URLSafeSerializer:
    secret = current_app.extensions["loyalty"].settings.secret_key.reveal()
    return URLSafeSerializer(secret, salt=f"cursor:{method.routing_key}")
