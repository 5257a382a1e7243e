"""Quotes: promises of what a basket costs and earns (H1)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from gateway import quoting
from gateway.backend import json_response
from gateway.buyers import BUYER_ERRORS, buyer_of
from gateway.context import actor
from gateway.quote_token import QuoteSeal
from gateway.routing import Resource
from gateway.sale_commands import channel_of, refuse_foreign_store
from shared.contracts.points import rpc as points
from shared.contracts.quotes import AskQuoteSchema, QuoteSchema
from shared.errors.points import StoreMismatch

resource = Resource("quotes", description="Promises of what a basket costs and earns.")


@resource.post(
    "/v1/quotes",
    scopes=("quotes:write", "self:read"),
    body=AskQuoteSchema,
    response=QuoteSchema,
    errors=(*BUYER_ERRORS, StoreMismatch, *points.QUOTE_SALE.errors),
    reads=True,
)
def make_quote(body: dict[str, Any]) -> Response:
    """Promise what a basket costs and earns, for 15 minutes.

    First the member price of the tier is taken off, then coupons from what that leaves, then points
    pay of the rest. An order opened with `quote_token` in time gets exactly these numbers, even if
    prices, rules or the tier have moved. Nothing is held until then. A member asks for itself.
    """
    asking = actor()
    refuse_foreign_store(body, asking)
    asked = quoting.question(body, buyer_of(body), body.get("channel") or channel_of(asking))
    if asking.kind == "terminal":
        asked["store_id"] = asking.store_id
    return json_response(answer_of(quoting.make(asked)))


def answer_of(quote: quoting.Quote) -> dict[str, Any]:
    """Return a quote as its caller gets it, with the token that is for nobody else."""
    return {**quote.answer, "quote_token": seal().seal(quote.promise, actor())}


def seal() -> QuoteSeal:
    """Return what seals and opens this application's quotes."""
    return QuoteSeal(current_app.extensions["loyalty"].settings.secret_key)
