"""An order and its coupons, until points has decided the order's outcome.

Reserve holds them until the checkout's end, confirm beyond it, release lets them go. An order may
be opened more than once, when its checkout lapsed and the till tries again: ``opened_at`` of the
checkout tells the openings apart, and what belongs to an earlier one changes nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.coupons.domain import (
    Applied,
    Basket,
    Candidate,
    Evaluation,
    evaluate,
    message_for,
    promised_refusal,
    refusal,
)
from services.coupons.programme import Programme
from services.coupons.repository import (
    Change,
    append_history,
    campaigns,
    coupons,
    orders,
    redemptions,
    usage,
)
from services.coupons.use_cases import judging
from services.coupons.use_cases.alarms import raise_alarms
from services.coupons.use_cases.uses import free_orders
from shared.contracts.coupons import events
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.checkout import QuoteNotCovered
from shared.errors.coupons import OrderClosed, OrderConflict, ReservationExpired
from shared.ids import new_id

_NOT_CONTENT = ("opened_at", "expires_at")


def reserve(
    uow: UnitOfWork, *, programme: Programme, order_id: str, **request: Any
) -> Outcome | dict[str, Any]:
    """Judge the codes for the basket, and hold those that count (C2, C6, C7).

    The same request for the same opening of an order gets the same answer again.

    Raises:
        ReservationExpired: the checkout's time is over already.
        OrderClosed: the order, or this opening of it, has ended.
        OrderConflict: this opening holds coupons for another basket or other codes.
    """
    if request["expires_at"] <= uow.now:
        raise ReservationExpired
    fingerprint = _fingerprint(programme, request)
    opening = {
        "status": "reserved",
        "fingerprint": fingerprint,
        "opened_at": request["opened_at"],
        "expires_at": request["expires_at"],
        "updated_at": uow.now,
    }
    row, is_new = orders.enter(uow.connection, order_id, created_at=uow.now, **opening)
    if not is_new:
        if _still_stands(uow, row, request["opened_at"], fingerprint):
            return _same_answer(uow, programme, row, request)
        orders.update(uow.connection, order_id, closed_at=None, result_sealed=None, **opening)
    # A sale made offline is judged as of its time (S5), none as of a time to come.
    at = min(request["occurred_at"], uow.now)
    basket = judging.basket_of(uow, programme, request, at)
    evaluation = _judge(uow, programme, basket, request)
    _hold(uow, order_id, basket, evaluation)
    body = {"order_id": order_id, **judging.answer(evaluation)}
    sealed = programme.codes.seal_result(order_id, json.dumps(body, default=str))
    orders.update(uow.connection, order_id, result_sealed=sealed)
    return body


def reserve_promised(
    uow: UnitOfWork, *, programme: Programme, order_id: str, **request: Any
) -> Outcome | dict[str, Any]:
    """Hold what a quote promised an order, at the amounts it promised (H1).

    Neither campaign nor basket is judged again: whether it was paused, or its terms replaced, makes
    no difference. But coupons, limits and budgets have to be there still, or nothing is held.

    Raises:
        ReservationExpired: the checkout's time is over already.
        OrderClosed: the order, or this opening of it, has ended.
        OrderConflict: this opening holds other coupons.
        QuoteNotCovered: naming the coupons of which something is gone.
    """
    if request["expires_at"] <= uow.now:
        raise ReservationExpired
    opening = {
        "status": "reserved",
        "fingerprint": _fingerprint(programme, request),
        "opened_at": request["opened_at"],
        "expires_at": request["expires_at"],
        "updated_at": uow.now,
    }
    body = {"order_id": order_id, "status": "reserved"}
    row, is_new = orders.enter(uow.connection, order_id, created_at=uow.now, **opening)
    if not is_new:
        if _still_stands(uow, row, request["opened_at"], opening["fingerprint"]):
            return Outcome({**body, "status": row["status"]}, replayed=True)
        orders.update(uow.connection, order_id, closed_at=None, result_sealed=None, **opening)
    at = request["promised_at"]
    basket = judging.basket_of(uow, programme, {**request, "lines": ()}, at)
    _hold(uow, order_id, basket, _promised(uow, basket, request["uses"]))
    return body


def confirm(uow: UnitOfWork, *, order_id: str) -> dict[str, Any]:
    """Keep what is reserved until points tells the order's outcome, however long that takes.

    Raises:
        NotFound: nothing was reserved for this order.
        ReservationExpired: its time was over before.
        OrderClosed: it has ended.
    """
    if orders.confirm(uow.connection, order_id, uow.now):
        return {"order_id": order_id, "status": "confirmed"}
    status = orders.status(uow.connection, order_id)
    if status is None:
        raise NotFound("Nothing is reserved for this order.")
    if status in ("reserved", "expired"):
        raise ReservationExpired
    if status not in ("confirmed", "redeemed"):
        raise OrderClosed
    return {"order_id": order_id, "status": status}


def release(uow: UnitOfWork, *, order_id: str, opened_at: datetime | None) -> dict[str, Any]:
    """Give up what is reserved for an opening of the order, also before it was.

    A confirmed order stays: only points can tell that it will not become a sale. The answer is
    the order's status.
    """
    row, is_new = orders.enter(
        uow.connection,
        order_id,
        status="released",
        opened_at=opened_at,
        closed_at=opened_at or uow.now,
        created_at=uow.now,
        updated_at=uow.now,
    )
    current = row["status"]
    superseded = opened_at is not None and row["opened_at"] and row["opened_at"] > opened_at
    if not is_new and not superseded and current in ("reserved", "expired"):
        free_orders(uow, [order_id], cause="release")
        current = "released"
        closed_at = row["opened_at"] or uow.now
        orders.update(
            uow.connection, order_id, status=current, closed_at=closed_at, updated_at=uow.now
        )
    return {"order_id": order_id, "status": current}


def _fingerprint(programme: Programme, request: Mapping[str, Any]) -> bytes:
    content = {name: value for name, value in request.items() if name not in _NOT_CONTENT}
    return programme.codes.fingerprint(json.dumps(content, sort_keys=True, default=str))


def _still_stands(
    uow: UnitOfWork, row: orders.Row, opened_at: datetime | None, fingerprint: bytes
) -> bool:
    """Return whether the order's reservation is the answer; False is to judge anew.

    What an earlier opening still holds is freed then.
    """
    before = row["closed_at"] if row["status"] == "released" else row["opened_at"]
    is_later = opened_at is not None and before is not None and opened_at > before
    if row["status"] in ("released", "restored"):
        if row["status"] == "restored" or not is_later:
            raise OrderClosed
        return False
    if opened_at is not None and before is not None and opened_at < before:
        raise OrderClosed("A later checkout of this order has begun.")
    if row["status"] == "expired":
        return False
    lapsed = row["status"] == "reserved" and row["expires_at"] <= uow.now
    if bytes(row["fingerprint"]) == fingerprint and not lapsed:
        return True
    if row["status"] == "redeemed" or not (is_later or lapsed):
        raise OrderConflict
    free_orders(uow, [row["order_id"]], cause="superseded")
    return False


def _same_answer(
    uow: UnitOfWork, programme: Programme, row: orders.Row, request: Mapping[str, Any]
) -> Outcome:
    """Return the stored answer; a later opening of the checkout takes the reservation over."""
    order_id = row["order_id"]
    taken_over: dict[str, Any] = {}
    if request["opened_at"] is not None:
        taken_over["opened_at"] = request["opened_at"]
    if row["status"] == "reserved":
        taken_over["expires_at"] = max(row["expires_at"], request["expires_at"])
    if taken_over:
        orders.update(uow.connection, order_id, updated_at=uow.now, **taken_over)
    body = json.loads(programme.codes.open_result(order_id, bytes(row["result_sealed"])))
    return Outcome(body, replayed=True)


def _judge(
    uow: UnitOfWork, programme: Programme, basket: Basket, request: Mapping[str, Any]
) -> Evaluation:
    """Judge twice: unlocked, to see which codes can count at all; those then under lock.

    So a code that cannot count makes nobody wait.
    """
    given: Sequence[str] = request["codes"]
    if request["currency"] != programme.currency:
        return judging.in_other_currency(given)
    candidates = judging.look_up(uow, programme, given)
    hopeful = [each for each in candidates if refusal(each, basket) is None]
    used = usage.hold(uow.connection, judging.counters(basket, hopeful))
    ids = [each.coupon.coupon_id for each in hopeful if each.coupon]
    held = coupons.held(uow.connection, ids, lock=True)
    locked = {id(each): judging.with_facts(each, held, used) for each in hopeful}
    fresh = [locked.get(id(each), each) for each in candidates]
    return evaluate(basket, fresh, request["mode"])


def _promised(uow: UnitOfWork, basket: Basket, uses: Sequence[Mapping[str, Any]]) -> Evaluation:
    """Find what was promised, lock it, and see whether all of it is there still.

    Raises:
        QuoteNotCovered: naming what is not.
    """
    versions = {(use["campaign_id"], use["version"]) for use in uses}
    terms = campaigns.by_version(uow.connection, versions)
    ids = {use["coupon_id"] for use in uses if use["coupon_id"] is not None}
    found = coupons.held(uow.connection, ids, lock=False)
    promised = [
        Applied(
            Candidate("", campaign, None if use["coupon_id"] is None else found[use["coupon_id"]]),
            campaign,
            use["discount_minor"],
            tuple((part["line_id"], part["discount_minor"]) for part in use["line_discounts"]),
        )
        for use in uses
        for campaign in [terms[use["campaign_id"], use["version"]]]
    ]
    used = usage.hold(
        uow.connection, judging.counters(basket, (each.candidate for each in promised))
    )
    held = coupons.held(uow.connection, ids, lock=True)
    missing = []
    for each in promised:
        candidate = judging.with_facts(each.candidate, held, used)
        reason = promised_refusal(candidate, basket, each.discount_minor)
        if reason is not None:
            missing.append(_missing(each, reason))
    if missing:
        raise QuoteNotCovered(missing=missing)
    return Evaluation(tuple(promised), (), ())


def _missing(use: Applied, reason: str) -> dict[str, Any]:
    coupon = use.candidate.coupon
    return {
        "what": "coupon",
        "reason": reason,
        "message": message_for(reason),
        "coupon_id": str(coupon.coupon_id) if coupon else None,
        "campaign_id": str(use.campaign.campaign_id),
    }


def _hold(uow: UnitOfWork, order_id: str, basket: Basket, evaluation: Evaluation) -> None:
    """Take counters and coupons for what was applied, and write it down."""
    uses = [(each.candidate, each.discount_minor) for each in evaluation.applied]
    raise_alarms(uow, usage.take(uow.connection, judging.draws(basket, uses)))
    rows, changes = [], []
    for each in evaluation.applied:
        row = _redemption(uow, order_id, basket, each)
        rows.append(row)
        before = None
        coupon = each.candidate.coupon
        if coupon is not None:
            before = coupon.status
            coupons.reserve(
                uow.connection, coupon.coupon_id, order_id=order_id, at=basket.at, now=uow.now
            )
        changes.append(
            Change(
                row["campaign_id"],
                before,
                "reserved",
                "reserve",
                coupon_id=row["coupon_id"],
                member_id=row["member_id"],
                order_id=order_id,
            )
        )
        uow.emit(events.RESERVED, subject=row["member_id"] or order_id, data=row)
    redemptions.insert(uow.connection, rows)
    append_history(uow, changes)


def _redemption(uow: UnitOfWork, order_id: str, basket: Basket, applied: Applied) -> dict[str, Any]:
    coupon = applied.candidate.coupon
    return {
        "redemption_id": new_id(),
        "order_id": order_id,
        "campaign_id": applied.campaign.campaign_id,
        "coupon_id": coupon.coupon_id if coupon else None,
        "version": applied.campaign.version,
        "status": "reserved",
        "member_id": basket.member_id,
        "store_id": basket.store_id,
        "used_on": basket.day,
        "discount_minor": applied.discount_minor,
        "line_discounts": dict(applied.by_line),
        "created_at": uow.now,
        "updated_at": uow.now,
    }
