"""What tiers does with what it hears of members and sales; one function, one transaction.

Each locks its member's row first, so that two sales of a member are judged one after the other.
Most facts change no tier, and one sum over an index tells so; only the others are judged by
telling the member's whole story again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from services.tiers.domain.machine import boundary
from services.tiers.domain.progress import Refund, Sale, worth
from services.tiers.domain.standing import ACTIVE
from services.tiers.queries.passing import Move, life_of
from services.tiers.repository import facts, merging, states
from services.tiers.use_cases.benefits import reverse_order
from services.tiers.use_cases.moving import judge_anew, locked, record, start_all
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.points import events as points_events
from shared.db import UnitOfWork
from shared.merging import survivor


def start(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Give a new member the entry tier (``member.enrolled``).

    A member whose sale was heard of first has one already; its time counts from here on.
    """
    _follow(uow, event, event.read(members_events.ENROLLED), time_zone)


def start_imported(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Give members who came together the entry tier (``member.imported``)."""
    together: dict[datetime, dict[UUID, int | None]] = {}
    for each in event.read(members_events.IMPORTED)["members"]:
        birth_months = together.setdefault(each["enrolled_at"], {})
        birth_months[each["member_id"]] = each["birth_month"]
    # Each has a first event of its own, that says the same.
    first = replace(event, sequence=1)
    for enrolled_at, birth_months in sorted(together.items()):
        new = start_all(uow, birth_months, began_at=enrolled_at, zone=time_zone)
        for member_id in sorted(birth_months.keys() - new):
            told = {"status": ACTIVE, "birth_month": birth_months[member_id]}
            fact = {"member_id": member_id, "enrolled_at": enrolled_at, **told}
            _follow(uow, first, fact, time_zone)


def follow(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Take in a member's status and birth month (``member.updated``).

    The tier of a member who is not active stands still; of one who is again, it is judged by all
    that happened meanwhile.
    """
    _follow(uow, event, event.read(members_events.UPDATED), time_zone)


def follow_status(
    uow: UnitOfWork, event: Envelope, member_id: UUID, status: str, zone: tzinfo
) -> None:
    """Take in a status that an event other than ``member.updated`` tells."""
    fact = {"member_id": member_id, "status": status, "birth_month": None, "enrolled_at": None}
    _follow(uow, event, fact, zone)


def count_sale(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Count a sale and raise the tier at once if it suffices (``sale.recorded``, T3)."""
    fact = event.read(points_events.SALE_RECORDED)
    _count(uow, fact, fact["occurred_at"], zone=time_zone)


def count_claim(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Count a sale that has found its member, as of when it happened (``sale.claimed``, S6).

    What had come back of it before never counted.
    """
    fact = event.read(points_events.SALE_CLAIMED)
    sold_at, refunded = fact["occurred_at"], fact["refunded_total_minor"]
    back = (facts.BEFORE_CLAIM, Refund(sold_at, refunded)) if refunded else None
    _count(uow, fact, sold_at, zone=time_zone, back=back)


def count_return(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Lower what a sale contributes (``sale.returned``); the tier stays until its review (T3).

    The return may be heard of before its sale: it says enough to count that, too.
    """
    fact = event.read(points_events.SALE_RETURNED)
    refund = Refund(fact["occurred_at"], fact["refunded_total_minor"])
    back = (fact["return_id"], refund)
    _count(uow, fact, fact["sale_occurred_at"], zone=time_zone, back=back)


def count_cancel(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Take all of a sale's contribution back (``sale.cancelled``); else as `count_return`.

    What benefits were used for it counts no more (T6).
    """
    fact = event.read(points_events.SALE_CANCELLED)
    back = (facts.CANCEL, Refund(fact["cancelled_at"], fact["payable_minor"]))
    _count(uow, fact, fact["sale_occurred_at"], zone=time_zone, back=back)
    reverse_order(uow, fact["sale_id"], cause="order_cancelled")


def _follow(uow: UnitOfWork, event: Envelope, fact: Mapping[str, Any], zone: tzinfo) -> None:
    enrolled_at = fact["enrolled_at"]
    began_at = enrolled_at or uow.now
    member_id, told = fact["member_id"], enrolled_at is not None
    move = locked(uow, member_id, began_at=began_at, enrolled=told, zone=zone)
    before = move.standing
    if told and not before.enrolled:
        _begin(move, enrolled_at, enrolled=True)
    if states.follow_profile(
        uow.connection,
        member_id,
        status=fact["status"],
        birth_month=fact["birth_month"],
        sequence=event.sequence,
    ):
        move.standing = replace(move.standing, status=fact["status"])
    if move.standing == before:
        return
    if move.standing.status == ACTIVE:
        judge_anew(uow, move)
    else:
        record(uow, [move])


def _count(
    uow: UnitOfWork,
    fact: Mapping[str, Any],
    sold_at: datetime,
    *,
    zone: tzinfo,
    back: tuple[str, Refund] | None = None,
) -> None:
    """Lock the member, note the sale and what came ``back`` of it, then judge if need be."""
    member_id, sale_id = fact["member_id"], fact["sale_id"]
    if member_id is None:
        return
    began_at = min(sold_at, uow.now)
    move = locked(uow, member_id, began_at=began_at, enrolled=False, zone=zone)
    owner_id = survivor(uow.connection, member_id)
    if owner_id != member_id:
        # Merged, perhaps a moment ago: only under the lock that is certain (M3).
        move = locked(uow, owner_id, began_at=began_at, enrolled=False, zone=zone)
    sale = Sale(sale_id, sold_at, fact["payable_minor"])
    life = move.life
    rules = life.programme(move.standing.earned.version)
    is_new, gross = facts.add_sale(
        uow.connection,
        owner_id,
        sale,
        metric=rules.metric,
        after=rules.counts_after(began_at, life.began_at, zone),
    )
    if is_new and owner_id != member_id:
        merging.note_origin(uow.connection, sale_id, member_id)
    heard: list[datetime] = []
    if back is not None and facts.add_refund(uow.connection, sale_id, *back):
        heard.append(back[1].occurred_at)
    is_earlier = not move.standing.enrolled and began_at < move.standing.began_at
    if is_earlier:
        _begin(move, began_at, enrolled=False)
    if move.standing.status != ACTIVE:
        if is_earlier:
            record(uow, [move])
        return
    if is_new:
        heard.append(sold_at)
        gross += worth(rules.metric, sale.payable_minor, 0)
    if is_earlier or _may_change(move, heard, gross if is_new else None, uow.now):
        judge_anew(uow, move, evidence=sale_id)


def _begin(move: Move, began_at: datetime, *, enrolled: bool) -> None:
    move.standing = replace(move.standing, began_at=began_at, enrolled=enrolled)
    move.life = life_of(move.standing, move.life.programmes, move.life.zone)


def _may_change(move: Move, heard: list[datetime], gross: int | None, now: datetime) -> bool:
    """Whether facts may change the tier, or question a judgement made without them.

    ``gross`` bounds from above what counts once there is a new sale; None where there is none. What
    came back lowers no tier at once, so by itself it only matters to judgements made later.
    """
    earned = move.standing.earned
    if any(at < earned.judged_at for at in heard) or boundary(earned, move.life)[0] <= now:
        return True
    if gross is None:
        return False
    above = move.life.programme(earned.version).above(earned.rank)
    return earned.in_grace or (above is not None and gross >= above.threshold)
