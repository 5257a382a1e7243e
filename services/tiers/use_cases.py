"""What tiers does with what it hears; one function, one transaction.

Each locks its member's row first, so that two sales of a member are judged one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.tiers import domain, queries, repository
from services.tiers.domain import Level, Programme, Progress, Refund, Sale
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.points import events as points_events
from shared.contracts.tiers import events
from shared.db import UnitOfWork
from shared.ids import new_id

_CANCEL = ""
"""Stands for the return id of a cancel."""


def start(uow: UnitOfWork, event: Envelope, *, time_zone: ZoneInfo) -> None:
    """Give a new member the entry tier (``member.enrolled``)."""
    fact = event.read(members_events.ENROLLED)
    _locked(uow, fact["member_id"], since=fact["enrolled_at"], zone=time_zone)


def count_sale(uow: UnitOfWork, event: Envelope, *, time_zone: ZoneInfo) -> None:
    """Count a sale and raise the tier at once if it suffices (``sale.recorded``, T3)."""
    fact = event.read(points_events.SALE_RECORDED)
    _count(uow, fact, fact["occurred_at"], zone=time_zone)


def count_return(uow: UnitOfWork, event: Envelope, *, time_zone: ZoneInfo) -> None:
    """Lower what a sale contributes (``sale.returned``); the tier stays until its review (T3).

    The return may be heard of before its sale: it says enough to count that, too.
    """
    fact = event.read(points_events.SALE_RETURNED)
    refund = Refund(fact["occurred_at"], fact["refunded_total_minor"])
    back = (fact["return_id"], refund)
    _count(uow, fact, fact["sale_occurred_at"], zone=time_zone, back=back)


def count_cancel(uow: UnitOfWork, event: Envelope, *, time_zone: ZoneInfo) -> None:
    """Take all of a sale's contribution back (``sale.cancelled``); else as `count_return`."""
    fact = event.read(points_events.SALE_CANCELLED)
    back = (_CANCEL, Refund(fact["cancelled_at"], fact["payable_minor"]))
    _count(uow, fact, fact["sale_occurred_at"], zone=time_zone, back=back)


def _count(
    uow: UnitOfWork,
    fact: Mapping[str, Any],
    sold_at: datetime,
    *,
    zone: ZoneInfo,
    back: tuple[str, Refund] | None = None,
) -> None:
    """Lock the member, note the sale and what came ``back`` of it, then judge a new sale.

    What came back is noted before judging: known too late, it could not lower a tier given.
    """
    member_id, sale_id = fact["member_id"], fact["sale_id"]
    if member_id is None:
        return
    state = _locked(uow, member_id, since=min(sold_at, uow.now), zone=zone)
    sale = Sale(sale_id, sold_at, fact["payable_minor"])
    new = repository.add_sale(uow.connection, member_id, sale)
    if back is not None:
        repository.add_refund(uow.connection, sale_id, *back)
    if new:
        _judge(uow, state, zone)


def _judge(uow: UnitOfWork, state: sa.Row[Any], zone: ZoneInfo) -> None:
    """Raise the tier if the window's sales reached a higher one at any moment (T3)."""
    rules = queries.programme_at(uow.connection, uow.now)
    above = rules.above(state.rank)
    after = domain.window_start(uow.now, rules.window_months, zone)
    member_id = state.member_id
    # Most sales change nothing: one sum over an index tells so without reading them all.
    if above is None or (
        repository.gross_points(uow.connection, member_id, after) < above.threshold
    ):
        return
    way = domain.course(repository.sales_of(uow.connection, member_id, after), after=after)
    risen = domain.rise(rules, state.rank, way)
    if risen is None:
        return
    level, step = risen
    since = max(state.since, min(step.at, uow.now))
    row = _state(rules, level, member_id, since=since, zone=zone)
    repository.change_state(uow.connection, row)
    _announce(uow, row, level, from_tier=state.tier, step=step)


def _locked(uow: UnitOfWork, member_id: UUID, *, since: datetime, zone: ZoneInfo) -> sa.Row[Any]:
    """Return the member's tier, locked; a member never heard of gets the entry tier."""
    state = repository.lock_state(uow.connection, member_id)
    if state is None:
        rules = queries.programme_at(uow.connection, uow.now)
        row = _state(rules, rules.levels[0], member_id, since=since, zone=zone)
        if repository.add_state(uow.connection, row):
            _announce(uow, row, rules.levels[0], from_tier=None, step=None)
        state = repository.lock_state(uow.connection, member_id)
    if state is None:
        raise LookupError(f"no tier for {member_id} right after it was given one")
    return state


def _state(
    rules: Programme, level: Level, member_id: UUID, *, since: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    return {
        "member_id": member_id,
        "tier": level.code,
        "rank": level.rank,
        "source": "earned",
        "since": since,
        "review_on": domain.review_day(since, rules.review_months, zone),
        "programme_version": rules.version,
    }


def _announce(
    uow: UnitOfWork,
    row: dict[str, Any],
    level: Level,
    *,
    from_tier: str | None,
    step: Progress | None,
) -> None:
    """Write the history row and tell the others (T8)."""
    reason = "enrolled" if step is None else "qualified"
    repository.add_history(
        uow.connection,
        {
            "change_id": new_id(),
            "member_id": row["member_id"],
            "from_tier": from_tier,
            "tier": level.code,
            "source": row["source"],
            "reason": reason,
            "sale_id": step and step.sale_id,
            "have": step.have if step else 0,
            "programme_version": row["programme_version"],
            "effective_from": row["since"],
            "recorded_at": uow.now,
        },
    )
    uow.emit(
        events.CHANGED,
        subject=row["member_id"],
        data={
            "member_id": row["member_id"],
            "from_tier": from_tier,
            "tier": level.code,
            "rank": level.rank,
            "multiplier": level.multiplier,
            "source": row["source"],
            "effective_from": row["since"],
            "reason": reason,
        },
    )
