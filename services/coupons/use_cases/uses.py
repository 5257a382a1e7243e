"""What becomes of reserved and redeemed uses; the caller has their orders locked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.coupons.domain import FAULT_GRACE, Campaign, Demand, use_demands
from services.coupons.repository import (
    Change,
    append_history,
    campaigns,
    coupons,
    redemptions,
    usage,
)
from shared import merging
from shared.contracts.coupons import events
from shared.contracts.event import EventType
from shared.db import UnitOfWork

_OF_MEMBER = ("member", "member_day")


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a use changes: its own status, the coupon's, and whether counters get it back."""

    source: str
    target: str
    change_coupon: Callable[..., str]
    public_status: str
    """What history calls it where there is no coupon: a public code itself has no status."""
    gives_back: bool
    event: EventType | None = None


_RELEASED = _Ending("reserved", "released", coupons.release, "released", gives_back=True)
_REDEEMED = _Ending(
    "reserved", "redeemed", coupons.redeem, "redeemed", gives_back=False, event=events.REDEEMED
)
_RESTORED = _Ending(
    "redeemed", "restored", coupons.restore, "restored", gives_back=True, event=events.RESTORED
)


def free_orders(uow: UnitOfWork, order_ids: Collection[str], *, cause: str) -> int:
    """Free what these orders hold, limits and budgets included (C2, C6); returns how many uses."""
    return _end(uow, redemptions.of_orders(uow.connection, order_ids, "reserved"), _RELEASED, cause)


def redeem_order(uow: UnitOfWork, order_id: str, *, cause: str) -> int:
    """Use up what the order holds; returns how many uses."""
    held = redemptions.of_orders(uow.connection, [order_id], "reserved")
    return _end(uow, held, _REDEEMED, cause)


def lock_counters(uow: UnitOfWork, order_id: str) -> None:
    """Lock what a restore will give back, where coupons are changed before it in one unit."""
    rows = redemptions.of_orders(uow.connection, [order_id], "reserved")
    drawn = _undrawn(uow, rows, _campaigns(uow, rows))
    usage.hold(uow.connection, ((key, demand.scope, demand.holder) for key, demand in drawn))


def restore_order(uow: UnitOfWork, order_id: str, *, cause: str, partial: bool) -> int:
    """Give back what the order used: same codes, same dates, counters included (C3).

    Args:
        uow: The transaction; the order is locked in it.
        order_id: Whose uses.
        cause: For the history.
        partial: Only of campaigns that restore on a partial return.

    Returns:
        How many uses are still used up.
    """
    used = redemptions.of_orders(uow.connection, [order_id], "redeemed")
    known = _campaigns(uow, used)
    due = [row for row in used if not partial or known[_key(row)].terms.restore_on_partial_return]
    return len(used) - _end(uow, due, _RESTORED, cause)


def prolong(uow: UnitOfWork, order_id: str, use_status: str, *, reason: str) -> None:
    """Make up for a fault of the merchant's: what the order gave back stays good for a while (C4).

    Args:
        uow: The transaction in which the order gave them back, or a later one.
        order_id: Whose coupons.
        use_status: What has become of their uses: ``restored`` or ``released``.
        reason: The cancel's own, for history and event.
    """
    until = uow.now + FAULT_GRACE
    rows = coupons.prolong(uow.connection, order_id, use_status, until=until, now=uow.now)
    append_history(
        uow,
        [
            Change(
                row["campaign_id"],
                row["from_status"],
                row["status"],
                "merchant_fault",
                coupon_id=row["coupon_id"],
                member_id=row["member_id"],
                order_id=order_id,
                reason=reason,
            )
            for row in rows
        ],
    )
    for row in rows:
        data = {**row, "order_id": order_id, "reason_code": reason}
        uow.emit(events.PROLONGED, subject=row["member_id"] or row["coupon_id"], data=data)


def _end(uow: UnitOfWork, rows: Sequence[redemptions.Row], ending: _Ending, cause: str) -> int:
    if not rows:
        return 0
    if ending.gives_back:
        usage.give_back(uow.connection, _undrawn(uow, rows, _campaigns(uow, rows)))
    changes = []
    for row in rows:
        now_status = ending.public_status
        if row["coupon_id"] is not None:
            now_status = ending.change_coupon(
                uow.connection, row["coupon_id"], order_id=row["order_id"], now=uow.now
            )
        changes.append(
            Change(
                row["campaign_id"],
                ending.source,
                now_status,
                cause,
                coupon_id=row["coupon_id"],
                member_id=row["member_id"],
                order_id=row["order_id"],
            )
        )
        # Of a member who was erased nothing is restored: its coupon has become void (M6).
        if ending.event is not None and now_status != "void":
            uow.emit(ending.event, subject=row["member_id"] or row["order_id"], data={**row})
    redemptions.move(
        uow.connection,
        [row["redemption_id"] for row in rows],
        source=ending.source,
        target=ending.target,
        now=uow.now,
    )
    append_history(uow, changes)
    return len(rows)


def _campaigns(
    uow: UnitOfWork, rows: Sequence[redemptions.Row]
) -> dict[campaigns.Version, Campaign]:
    return campaigns.by_version(uow.connection, (_key(row) for row in rows))


def _key(row: redemptions.Row) -> campaigns.Version:
    """Name the terms by which a use was judged."""
    return row["campaign_id"], row["version"]


def _draws(
    rows: Sequence[redemptions.Row], known: dict[campaigns.Version, Campaign]
) -> Iterator[tuple[UUID, Demand]]:
    """Yield what these uses have drawn: which limits there are is the same in all versions."""
    for row in rows:
        for demand in _demands(row, known[_key(row)], row["member_id"]):
            yield row["campaign_id"], demand


def _undrawn(
    uow: UnitOfWork, rows: Sequence[redemptions.Row], known: dict[campaigns.Version, Campaign]
) -> Iterator[tuple[UUID, Demand]]:
    """Yield what is given back of these uses, also to whom their members were merged into (M3).

    What a source has used counts for the survivor, too.
    """
    yield from _draws(rows, known)
    members = {row["member_id"] for row in rows if row["member_id"] is not None}
    ways = merging.ways(uow.connection, members) if members else {}
    for row in rows:
        for member_id in ways.get(row["member_id"], ()):
            for demand in _demands(row, known[_key(row)], member_id):
                if demand.scope in _OF_MEMBER:
                    yield row["campaign_id"], demand


def _demands(row: redemptions.Row, campaign: Campaign, member_id: UUID | None) -> Sequence[Demand]:
    return use_demands(
        campaign.terms,
        member_id=member_id,
        store_id=row["store_id"],
        used_on=row["used_on"],
        discount=row["discount_minor"],
    )
