"""Writing a sale that is judged: its rows, its answer, and that it has happened."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain.programme import Programme
from services.points.domain.sales import Line, Price, Sale
from services.points.repository.book import Book
from services.points.use_cases.awards import Awarded, Judgement
from shared.contracts.points import events

_RECEIPT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_RECEIPT_LENGTH = 16
_NO_COUPONS: Mapping[str, Sequence[Any]] = {"applied": (), "skipped": (), "rejected": ()}


@dataclass(frozen=True, slots=True)
class Settled:
    """What a sale came to, all of it done: paid, spent, awarded."""

    content: str
    """Digest of what was reported."""
    price: Price
    judgement: Judgement
    awarded: Awarded
    tier: str | None
    redeem_number: int | None
    """The entry that drew the points spent from their lots, which they go home to (S4)."""


def write_sale(
    book: Book, programme: Programme, sale: Sale, settled: Settled
) -> tuple[dict[str, Any], str]:
    """Write a sale and say so; return the answer and its stored form."""
    answer = _answer(book, programme, sale, settled)
    stored = json.dumps(answer, default=_plain, separators=(",", ":"), ensure_ascii=False)
    _insert(book, sale, settled, answer, stored)
    _emit_recorded(book, sale, settled)
    return answer, stored


def revive(stored: str) -> dict[str, Any]:
    """Return a stored answer in Python values."""
    answer: dict[str, Any] = json.loads(stored)
    day = answer["points"]["available_on"]
    answer["points"]["available_on"] = None if day is None else date.fromisoformat(day)
    return answer


def _answer(book: Book, programme: Programme, sale: Sale, settled: Settled) -> dict[str, Any]:
    figures = None if sale.member_id is None else book.account(sale.member_id).figures
    awarded, now = settled.awarded, book.uow.now
    answer = {
        "sale_id": sale.sale_id,
        "member_id": sale.member_id,
        "totals": settled.price.totals,
        "points": {
            "earned": awarded.points,
            "pending": awarded.pending(now),
            "redeemed": sale.points_to_redeem,
            "available_on": awarded.available_on(now, programme),
        },
        "balances": figures and figures.balances,
        "explain": settled.judgement.explain,
        "coupons": sale.coupons or _NO_COUPONS,
        "tier": settled.tier,
    }
    if sale.member_id is None:
        answer["receipt_code"] = "".join(
            secrets.choice(_RECEIPT_ALPHABET) for _ in range(_RECEIPT_LENGTH)
        )
    return answer


def _insert(
    book: Book, sale: Sale, settled: Settled, answer: Mapping[str, Any], stored: str
) -> None:
    row = {
        "sale_id": sale.sale_id,
        "member_id": sale.member_id,
        "status": "completed",
        "content_hash": settled.content,
        "recorded_by": book.uow.actor.key,
        "occurred_at": sale.occurred_at,
        "recorded_at": book.uow.now,
        "currency": sale.currency,
        "store_id": sale.store_id,
        "terminal_counter": sale.terminal_counter,
        **settled.price.totals,
        "points_earned": settled.awarded.points,
        "points_redeemed": sale.points_to_redeem,
        "lot_id": settled.awarded.lot_id,
        "redeem_number": settled.redeem_number,
        "refunded_minor": 0,
        "points_restored": 0,
        "answer": stored,
        "receipt_code": answer.get("receipt_code"),
    }
    book.insert(tables.sales, [row])
    by_line = settled.judgement.by_line or (0,) * len(sale.lines)
    book.insert(
        tables.sale_lines,
        [
            _line_row(sale.sale_id, place, line, tender, earned)
            for place, (line, tender, earned) in enumerate(
                zip(sale.lines, settled.price.tender, by_line, strict=True)
            )
        ],
    )


def _emit_recorded(book: Book, sale: Sale, settled: Settled) -> None:
    book.uow.emit(
        events.SALE_RECORDED,
        subject=sale.member_id or sale.sale_id,
        occurred_at=sale.occurred_at,
        data={
            "sale_id": sale.sale_id,
            "member_id": sale.member_id,
            "occurred_at": sale.occurred_at,
            "store_id": sale.store_id,
            "currency": sale.currency,
            **settled.price.totals,
            "points_earned": settled.awarded.points,
            "coupon_codes": bool(sale.coupons and sale.coupons["applied"]),
        },
    )


def _line_row(sale_id: str, place: int, line: Line, tender: int, points: int) -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "line_id": line.line_id,
        "place": place,
        "sku": line.sku,
        "category": line.category,
        "brand": line.brand,
        "kind": line.kind,
        "quantity": line.quantity,
        "net_minor": line.net_minor,
        "discount_minor": line.discount_minor,
        "points_minor": tender,
        "points": points,
        "returned_quantity": 0,
        "refunded_minor": 0,
        "clawed_back": 0,
    }


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no answer holds a {type(value).__name__}")
