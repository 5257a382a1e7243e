"""What can be done with points: one function, one use case, one transaction."""

from __future__ import annotations

from services.points.use_cases.checkouts import cancel_checkout, close_overdue, open_checkout
from services.points.use_cases.expiry import expire_lots
from services.points.use_cases.projections import note_member, note_store, note_tier
from services.points.use_cases.returns import cancel_sale, return_sale
from services.points.use_cases.sales import record_sale, record_sales

__all__ = [
    "cancel_checkout",
    "cancel_sale",
    "close_overdue",
    "expire_lots",
    "note_member",
    "note_store",
    "note_tier",
    "open_checkout",
    "record_sale",
    "record_sales",
    "return_sale",
]
