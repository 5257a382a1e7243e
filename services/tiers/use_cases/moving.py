"""What all acts end with: the new standing, its rows of history, and the news of it (T5, T8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.tiers.domain.floors import EARNED, next_change, standing_floor
from services.tiers.domain.machine import Life, begin, replay
from services.tiers.domain.standing import (
    ACTIVE,
    Change,
    Standing,
    correct,
    new_steps,
    put_floor,
    take_step,
)
from services.tiers.queries.passing import Move, floors_of, life_of, pass_time
from services.tiers.repository import facts, programmes, states
from services.tiers.use_cases.granting import give_upgrade_coupons
from shared.calls import SYSTEM, Actor
from shared.contracts.tiers import events
from shared.db import UnitOfWork

_FIRST = 1
"""What members counts its first event about a member as."""


def locked(
    uow: UnitOfWork, member_id: UUID, *, began_at: datetime, enrolled: bool, zone: tzinfo
) -> Move:
    """Return where a member stands, locked; a member never heard of gets the entry tier."""
    row = states.lock(uow.connection, member_id)
    if row is None:
        _start(uow, member_id, began_at=began_at, enrolled=enrolled, zone=zone)
        row = states.lock(uow.connection, member_id)
    if row is None:
        raise LookupError(f"no tier for {member_id} right after it was given one")
    return move_of(uow.connection, row, zone)


def move_of(connection: sa.Connection, row: sa.Row[Any], zone: tzinfo) -> Move:
    """Return a row that was read with all editions as something that can move."""
    standing = states.standing_of(row)
    versions = programmes.published(connection, row.editions)
    return Move(standing, life_of(standing, versions, zone))


def judge_anew(uow: UnitOfWork, move: Move, *, evidence: str | None = None) -> None:
    """Tell the member's tier from all its facts, and take over what is new (T3).

    Where a late fact shows that something else would have come out, the tier is corrected:
    ``evidence`` is the sale that showed it.
    """
    if move.standing.floor_changes_at is not None and move.standing.floor_changes_at <= uow.now:
        pass_time(uow.connection, [move], uow.now)
    sales = facts.sales_of(uow.connection, move.standing.member_id)
    earned, steps = replay(move.life, sales, uow.now)
    following = new_steps(move.standing, move.life, begin(move.life), steps)
    if following is None:
        last = steps[-1] if steps else None
        row = Change(
            "corrected",
            uow.now,
            None,
            move.life.programme(earned.version).entry,
            EARNED,
            False,
            have=last.have if last else 0,
            keep=last.keep if last else None,
            sale_id=evidence,
        )
        before = move.standing.earned
        standing, change = correct(move.standing, move.life, earned, row)
        told = change.is_news or (before.rank, before.in_grace) != (earned.rank, earned.in_grace)
        move.keep(standing, change if told else None)
    else:
        for step in following:
            move.keep(*take_step(move.standing, move.life, step))
    record(uow, [move])


def renew_floor(
    uow: UnitOfWork, move: Move, *, cause: tuple[str, str | None], note: str | None
) -> None:
    """Put the highest floor that now holds under a member's tier, and write all down."""
    member_id, now = move.standing.member_id, uow.now
    floors = floors_of(uow.connection, [member_id], move.life.programmes, now)[member_id]
    changed = put_floor(
        move.standing,
        move.life,
        standing_floor(floors, now),
        next_change(floors, now),
        at=now,
        cause=cause,
    )
    # What was due before is the system's doing, this is the caller's.
    record(uow, [move])
    own = Move(move.standing, move.life)
    standing, change = changed
    is_cause = cause[0] != "floor_changed"
    own.keep(standing, change if is_cause or change.is_news else None)
    record(uow, [own], actor=uow.actor, note=note)


def up_to_date(
    uow: UnitOfWork, member_id: UUID, enrolled_at: datetime | None, zone: tzinfo
) -> Move:
    """Lock a member and do what is due for it, so that the request is judged by today's tier."""
    began_at = min(enrolled_at or uow.now, uow.now)
    move = locked(uow, member_id, began_at=began_at, enrolled=enrolled_at is not None, zone=zone)
    if move.standing.status == ACTIVE:
        pass_time(uow.connection, [move], uow.now)
    return move


def record(
    uow: UnitOfWork, moves: Sequence[Move], *, actor: Actor = SYSTEM, note: str | None = None
) -> None:
    """Write where members stand now, how they came there, and tell the others."""
    states.save(uow.connection, [(move.standing, move.due_at) for move in moves])
    rows = [(move.standing, change) for move in moves for change in move.changes]
    states.add_history(uow.connection, rows, actor=actor, now=uow.now, note=note)
    for move in moves:
        _tell(uow, move)
    if moves:
        changes = [(move.standing.member_id, each) for move in moves for each in move.changes]
        give_upgrade_coupons(uow, changes, moves[0].life.zone)


def _tell(uow: UnitOfWork, move: Move) -> None:
    member_id = move.standing.member_id
    for change in move.changes:
        if change.is_news:
            uow.emit(
                events.CHANGED,
                subject=member_id,
                data={"member_id": member_id, **news_of(change)},
            )
    for notice in move.notices:
        data = {"member_id": member_id, **asdict(notice), "missing": notice.missing}
        uow.emit(events.REVIEW_DUE, subject=member_id, data=data)


def news_of(change: Change) -> dict[str, Any]:
    """Return what ``tier.changed`` says of a change, but for whose it is."""
    return {
        "from_tier": change.from_tier,
        "tier": change.level.code,
        "rank": change.level.rank,
        "multiplier": change.level.multiplier,
        "source": change.source,
        "effective_from": change.at,
        "reason": change.reason,
    }


def start_all(
    uow: UnitOfWork, birth_months: Mapping[UUID, int | None], *, began_at: datetime, zone: tzinfo
) -> set[UUID]:
    """Give members who enrolled at once the entry tier, in a few statements; return to whom.

    The others have one. ``birth_months`` is what members has told of each, by its first event.
    """
    some_id = next(iter(birth_months))
    move, change = _entry(uow, some_id, began_at=began_at, enrolled=True, zone=zone)
    rows = [
        (replace(move.standing, member_id=member_id), month)
        for member_id, month in sorted(birth_months.items())
    ]
    new = states.add_all(uow.connection, rows, due_at=move.due_at, sequence=_FIRST)
    history = [(standing, change) for standing, _ in rows if standing.member_id in new]
    states.add_history(uow.connection, history, actor=SYSTEM, now=uow.now)
    own = [(str(each.member_id), {"member_id": str(each.member_id)}) for each, _ in history]
    uow.emit_each(events.CHANGED, news_of(change), own)
    return new


def _start(
    uow: UnitOfWork, member_id: UUID, *, began_at: datetime, enrolled: bool, zone: tzinfo
) -> None:
    move, change = _entry(uow, member_id, began_at=began_at, enrolled=enrolled, zone=zone)
    if states.add(uow.connection, move.standing, move.due_at):
        move.changes.append(change)
        states.add_history(uow.connection, [(move.standing, change)], actor=SYSTEM, now=uow.now)
        _tell(uow, move)


def _entry(
    uow: UnitOfWork, member_id: UUID, *, began_at: datetime, enrolled: bool, zone: tzinfo
) -> tuple[Move, Change]:
    """Return where a member stands who was never heard of, and how it came there."""
    versions = programmes.published(uow.connection)
    life = Life(began_at, zone, versions)
    earned = begin(life)
    entry = life.programme(earned.version).entry
    standing = Standing(
        member_id=member_id,
        began_at=began_at,
        enrolled=enrolled,
        status=ACTIVE,
        earned=earned,
        tier=entry.code,
        rank=entry.rank,
        source=EARNED,
        since=earned.since,
        told_from=earned.since,
    )
    return Move(standing, life), Change("enrolled", began_at, None, entry, EARNED, True)
