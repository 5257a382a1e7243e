"""Where a member stands at this moment."""

from __future__ import annotations

from datetime import datetime, tzinfo
from uuid import UUID

from services.tiers.domain.floors import EARNED
from services.tiers.domain.machine import Life, begin
from services.tiers.domain.programme import Programme, in_force
from services.tiers.domain.standing import ACTIVE, Standing
from services.tiers.queries.passing import Move, life_of, pass_time
from services.tiers.repository import programmes, states
from shared.db import Snapshot


def standing_now(
    snapshot: Snapshot, member_id: UUID, enrolled_at: datetime | None, zone: tzinfo
) -> Move:
    """Return where a member stands now, even where the sweep has not come round yet.

    A member not heard of has the entry tier since it enrolled.
    """
    row = states.read(snapshot.connection, member_id)
    if row is None:
        return _unheard(snapshot, member_id, enrolled_at or snapshot.now, zone)
    standing = states.standing_of(row)
    versions = programmes.published(snapshot.connection, row.editions)
    move = Move(standing, life_of(standing, versions, zone))
    if standing.status == ACTIVE:
        pass_time(snapshot.connection, [move], snapshot.now)
    return move


def _unheard(snapshot: Snapshot, member_id: UUID, began_at: datetime, zone: tzinfo) -> Move:
    life = Life(began_at, zone, programmes.published(snapshot.connection))
    earned = begin(life)
    entry = life.programme(earned.version).entry
    standing = Standing(
        member_id=member_id,
        began_at=began_at,
        enrolled=False,
        status=ACTIVE,
        earned=earned,
        tier=entry.code,
        rank=entry.rank,
        source=EARNED,
        since=began_at,
        told_from=began_at,
    )
    return Move(standing, life)


def rules_of(move: Move, now: datetime) -> Programme:
    """Return the version the member is judged by; one who stands still keeps the older one."""
    if move.standing.status == ACTIVE:
        return in_force(move.life.programmes, now)
    return move.life.programme(move.standing.earned.version)
