"""Paid membership: plans, purchases, cancels, refunds, notices (T7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from services.tiers.domain.programme import in_force
from services.tiers.domain.subscriptions import (
    RENEWAL_NOTICE,
    close_ranks,
    months_later,
    start_of_next,
)
from services.tiers.queries.passing import Move
from services.tiers.repository import programmes, subscriptions
from services.tiers.repository.subscriptions import paid_of
from services.tiers.use_cases.moving import renew_floor, up_to_date
from shared.contracts.tiers import events
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.tiers import PlanNotOnSale, PlanTaken, SubscriptionConflict, UnknownTier
from shared.ids import new_id

_NOTICES_AT_ONCE = 500


def create_plan(uow: UnitOfWork, *, tier: str, **terms: Any) -> dict[str, Any]:
    """Put a plan on sale.

    Raises:
        UnknownTier: the programme in force has no such tier.
        PlanTaken: another plan has its code.
    """
    _check_tier(uow, tier)
    times = {"created_at": uow.now, "updated_at": uow.now}
    row = subscriptions.add_plan(uow.connection, {**terms, "tier": tier, "on_sale": True, **times})
    if row is None:
        raise PlanTaken
    return dict(row)


def amend_plan(uow: UnitOfWork, *, plan: str, **changes: Any) -> dict[str, Any]:
    """Change what the next ones buy; what was bought keeps its terms.

    Raises:
        NotFound: there is no such plan.
        UnknownTier: the programme in force has no such tier.
    """
    if "tier" in changes:
        _check_tier(uow, changes["tier"])
    row = subscriptions.change_plan(uow.connection, plan, **changes, updated_at=uow.now)
    if row is None:
        raise NotFound
    return dict(row)


def buy_plan(
    uow: UnitOfWork,
    *,
    time_zone: tzinfo,
    member_id: UUID,
    enrolled_at: datetime | None,
    plan: str,
    order_id: str,
    paid_minor: int,
) -> Outcome:
    """Give the tier that was paid for; after what is paid for the same tier already.

    Raises:
        SubscriptionConflict: the order bought something else.
        PlanNotOnSale: there is no such plan for sale.
    """
    move = up_to_date(uow, member_id, enrolled_at, time_zone)
    wanted = {"member_id": member_id, "plan": plan, "paid_minor": paid_minor}
    known = subscriptions.by_order(uow.connection, order_id)
    if known is not None:
        return _known(known, wanted)
    terms = subscriptions.plan(uow.connection, plan)
    if terms is None or not terms["on_sale"]:
        raise PlanNotOnSale
    held = subscriptions.held(uow.connection, [member_id])
    starts_at = start_of_next([paid_of(row) for row in held], terms["tier"], uow.now)
    row = subscriptions.add(
        uow.connection,
        {
            **wanted,
            "subscription_id": new_id(),
            "order_id": order_id,
            "tier": terms["tier"],
            "months": terms["months"],
            "status": "active",
            "starts_at": starts_at,
            "ends_at": months_later(starts_at, terms["months"], time_zone),
            "refundable_until": uow.now + timedelta(days=terms["cooling_off_days"]),
            "bought_at": uow.now,
            "refund_minor": 0,
        },
    )
    if row is None:  # another member's, made at this very moment
        raise SubscriptionConflict
    renew_floor(uow, move, cause=("purchased", str(row["subscription_id"])), note=None)
    return Outcome(dict(row))


def cancel_subscriptions(
    uow: UnitOfWork, *, time_zone: tzinfo, member_id: UUID, subscription_id: UUID | None
) -> dict[str, Any]:
    """End a paid membership, or all of them: what is paid for is kept, or else refunded whole.

    Within the cooling-off time it ends at once and is refunded. Doing so twice changes nothing.

    Raises:
        NotFound: the member has no such membership.
    """
    move = up_to_date(uow, member_id, None, time_zone)
    rows = [
        row
        for row in subscriptions.of_member(uow.connection, member_id)
        if (subscription_id is None and row["ends_at"] > uow.now and row["status"] == "active")
        or row["subscription_id"] == subscription_id
    ]
    if not rows:
        raise NotFound
    done = [_cancel(uow, row, move) for row in rows]
    renew_floor(uow, move, cause=_cause(done), note=None)
    return {"items": done}


def tell_renewals(uow: UnitOfWork) -> int:
    """Tell of memberships that end soon and that nothing follows; return how many there were."""
    rows = subscriptions.lock_ending(
        uow.connection, uow.now, uow.now + RENEWAL_NOTICE, _NOTICES_AT_ONCE
    )
    if not rows:
        return 0
    held = subscriptions.held(uow.connection, {row["member_id"] for row in rows})
    for row in rows:
        if not _is_followed(row, held):
            shown = ("subscription_id", "member_id", "plan", "tier", "ends_at")
            data = {name: row[name] for name in shown}
            uow.emit(events.RENEWAL_DUE, subject=row["member_id"], data=data)
    ids = [row["subscription_id"] for row in rows]
    subscriptions.mark_notified(uow.connection, ids, uow.now)
    return len(rows)


def _is_followed(row: Mapping[Any, Any], held: Sequence[Mapping[Any, Any]]) -> bool:
    return any(
        other["member_id"] == row["member_id"]
        and other["tier"] == row["tier"]
        and other["ends_at"] > row["ends_at"]
        for other in held
    )


def _cancel(uow: UnitOfWork, row: Mapping[Any, Any], move: Move) -> dict[str, Any]:
    if row["status"] != "active" or row["ends_at"] <= uow.now:
        return dict(row)
    subscription_id = row["subscription_id"]
    if uow.now >= row["refundable_until"]:
        kept = subscriptions.update(
            uow.connection, subscription_id, status="cancelled", cancelled_at=uow.now
        )
        return dict(kept)
    refunded = subscriptions.update(
        uow.connection,
        subscription_id,
        status="refunded",
        cancelled_at=uow.now,
        refund_minor=row["paid_minor"],
        ends_at=max(uow.now, row["starts_at"]),
    )
    _move_up(uow, row, move)
    return dict(refunded)


def _move_up(uow: UnitOfWork, gone: Mapping[Any, Any], move: Move) -> None:
    """Let what was bought to follow a refunded period begin when there is nothing before it."""
    held = subscriptions.of_member(uow.connection, move.standing.member_id)
    others = [paid_of(row) for row in held if row["status"] != "refunded"]
    for paid in close_ranks(others, paid_of(gone), uow.now, move.life.zone):
        subscriptions.update(
            uow.connection,
            paid.subscription_id,
            starts_at=paid.starts_at,
            ends_at=paid.ends_at,
            notified_at=None,
        )


def _cause(done: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    refunded = next((row for row in done if row["status"] == "refunded"), None)
    if refunded is None:
        return "floor_changed", None
    return "purchase_refunded", str(refunded["subscription_id"])


def _known(known: Mapping[Any, Any], wanted: Mapping[str, Any]) -> Outcome:
    if any(known[name] != value for name, value in wanted.items()):
        raise SubscriptionConflict
    return Outcome(dict(known), status=200, replayed=True)


def _check_tier(uow: UnitOfWork, tier: str) -> None:
    rules = in_force(programmes.published(uow.connection), uow.now)
    if tier not in [level.code for level in rules.levels]:
        raise UnknownTier
