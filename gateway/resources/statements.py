"""A member's month as a page, a table or a document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, request, stream_with_context

from gateway import statement_csv, statement_pdf
from gateway.backend import call
from gateway.paging import MAX_LIMIT, ListQuery, respond_page
from gateway.resources.points import of_member
from gateway.routing import Resource
from shared.contracts.fields import Choice
from shared.contracts.points import statements as contract
from shared.errors import NotFound
from shared.errors.points import StatementTooLong

resource = Resource("statements", description="What became of a member's points in a month.")

CSV, PDF = "text/csv", "application/pdf"
LONGEST_DOCUMENT = 1_000
"""Entries that a PDF may have; CSV and pages have no bound."""
_TYPES = {"json": "application/json", "csv": CSV, "pdf": PDF}


class StatementQuery(ListQuery):
    """Which form a statement has, and for JSON which page."""

    format = Choice(
        *contract.FORMATS,
        metadata={"description": "Its form; unless given, what `Accept` prefers, or JSON."},
    )


@resource.get(
    "/v1/members/<string:member_id>/points/statements/<string:month>",
    scopes=("points:read", "self:read"),
    query=StatementQuery,
    response=contract.StatementSchema,
    produces=(CSV, PDF),
    errors=(StatementTooLong,),
)
def get_statement(member_id: str, month: str, query: dict[str, Any]) -> Response:
    """Show a local month (`2026-11`) of a member's points.

    Opening balance, each entry in order with its reason and reference, closing balance, and what
    lapses next. A month that is over does not change. CSV and PDF hold the whole month.
    """
    if not re.fullmatch(contract.MONTH, month):
        raise NotFound
    form = query.get("format") or _preferred()
    if form == "json":
        return of_member(
            member_id,
            lambda payload: respond_page(contract.STATEMENT, {**payload, "month": month}, query),
        )
    return of_member(member_id, lambda payload: _file({**payload, "month": month}, form))


def _preferred() -> str:
    best = request.accept_mimetypes.best_match(list(_TYPES.values()), _TYPES["json"])
    return next(form for form, kind in _TYPES.items() if kind == best)


def _file(payload: Mapping[str, Any], form: str) -> Response:
    first = _page(payload, None)
    if form == "pdf" and first["entries"] > LONGEST_DOCUMENT:
        raise StatementTooLong(most=LONGEST_DOCUMENT)
    pages = _pages(payload, first)
    if form == "pdf":
        response = Response(statement_pdf.render(pages), content_type=PDF)
    else:
        lines = (piece.encode() for piece in statement_csv.pieces(pages))
        response = Response(stream_with_context(lines), content_type=f"{CSV}; charset=utf-8")
    name = f"points-{payload['month']}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pages(payload: Mapping[str, Any], first: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    page = first
    yield page
    while page["next"] is not None:
        page = _page(payload, page["next"])
        yield page


def _page(payload: Mapping[str, Any], after: Any) -> Mapping[str, Any]:
    return call(contract.STATEMENT, {**payload, "limit": MAX_LIMIT, "after": after}).body
