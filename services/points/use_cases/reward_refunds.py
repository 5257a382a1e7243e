"""Points of cancelled reward orders go home: to the lots they came from (R1, S4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from services.points.domain.lots import home_expiry, homes
from services.points.domain.programme import Programme
from services.points.repository import holds
from services.points.repository.book import HOLD, Book, Cause
from services.points.repository.holds import CAPTURED, Hold
from shared.contracts.coupons import events
from shared.contracts.coupons.rewards import hold_order_id
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.errors import NotFound

_log = structlog.get_logger(__name__)


def refund_reward(
    uow: UnitOfWork,
    *,
    programme: Programme,
    order_id: UUID,
    reason_code: str,
    merchant_fault: bool,
) -> Mapping[str, Any]:
    """Give back what a reward order cost, once, whoever tells first that it is cancelled.

    Raises:
        NotFound: points were never spent on it.
    """
    found = holds.of_order(uow.connection, hold_order_id(order_id))
    if found is None:
        raise NotFound
    book = Book(uow)
    book.open([found.member_id])
    hold = holds.find(uow.connection, found.hold_id)
    if hold is None or hold.status != CAPTURED:
        raise NotFound
    # Under the account's lock: nobody else gives the same back meanwhile.
    if not holds.is_refunded(uow.connection, hold):
        cause = Cause(HOLD, str(hold.hold_id), uow.now, reason_code=reason_code)
        _restore(book, programme, hold, cause, merchant_fault=merchant_fault)
        book.flush()
    balances = book.account(hold.member_id).figures.balances
    return {"order_id": order_id, "points": hold.captured, "balances": balances}


def follow_reward_cancel(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Give back what a cancelled reward order cost, where whoever cancelled it died before that."""
    order = event.read(events.REWARD_CANCELLED)
    because = {name: order[name] for name in ("reason_code", "merchant_fault")}
    try:
        refund_reward(uow, programme=programme, order_id=order["order_id"], **because)
    except NotFound:
        # Only what was paid is ever cancelled; trying again would change nothing.
        _log.error("reward_cancelled_unpaid", order_id=str(order["order_id"]))


def _restore(
    book: Book, programme: Programme, hold: Hold, cause: Cause, *, merchant_fault: bool
) -> None:
    drawn = holds.drawn_by(book.uow.connection, [hold])[hold.hold_id]
    now = book.uow.now
    book.restore(
        hold.member_id,
        [
            (lot, home_expiry(lot.expires_at, now, programme, merchant_fault=merchant_fault))
            for lot in homes(drawn, hold.points - hold.captured, hold.captured)
        ],
        cause,
    )
