"""Overrides: a tier is given by hand, with reason and expiry, by two people where it is much (T4).

All of them lock the member first, so that two requests, or two decisions, come one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.tiers.domain.floors import next_change, standing_floor
from services.tiers.domain.programme import Level
from services.tiers.domain.standing import ACTIVE, put_floor
from services.tiers.queries.overrides import override_body
from services.tiers.queries.passing import Move, floors_of, pass_time
from services.tiers.repository import overrides
from services.tiers.use_cases.moving import locked, record
from shared.contracts.tiers import events
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.tiers import (
    OverrideAlreadyOpen,
    OverrideBelowEarned,
    OverrideExpiryPast,
    OverrideSelfApproval,
    OverrideStateConflict,
    UnknownTier,
)
from shared.ids import new_id

ALONE_UP = 1
"""Levels above the earned tier that one person may give alone."""


def request_override(
    uow: UnitOfWork,
    *,
    time_zone: tzinfo,
    member_id: UUID,
    enrolled_at: datetime | None,
    tier: str,
    reason: str,
    expires_at: datetime,
) -> Outcome:
    """Put a floor under a member's tier, or ask for it where it is more than one level up.

    Raises:
        OverrideExpiryPast: it would be over already.
        UnknownTier: the programme in force has no such tier.
        OverrideBelowEarned: the member has earned a higher tier.
        OverrideAlreadyOpen: another request waits for its approval.
    """
    if expires_at <= uow.now:
        raise OverrideExpiryPast
    move = _up_to_date(uow, member_id, enrolled_at, time_zone)
    levels_up = _levels_up(move, tier)
    if overrides.is_open(uow.connection, member_id):
        raise OverrideAlreadyOpen
    alone = levels_up <= ALONE_UP
    programme = move.life.programme(move.standing.earned.version)
    row = overrides.add(
        uow.connection,
        {
            "override_id": new_id(),
            "member_id": member_id,
            "tier": tier,
            "status": "approved" if alone else "pending_approval",
            "reason": reason,
            "expires_at": expires_at,
            "earned_tier": programme.at_rank(move.standing.earned.rank).code,
            "levels_up": levels_up,
            "requested_by_kind": uow.actor.kind,
            "requested_by_id": uow.actor.id,
            "requested_at": uow.now,
            "starts_at": uow.now if alone else None,
        },
    )
    if alone:
        renew_floor(uow, move, cause=("override", str(row["override_id"])), note=reason)
        return Outcome(override_body(row))
    _ask(uow, row)
    record(uow, [move])
    return Outcome(override_body(row), status=202)


def approve_override(
    uow: UnitOfWork, *, time_zone: tzinfo, override_id: UUID, note: str | None
) -> dict[str, Any]:
    """Agree to somebody else's request; it holds from now on.

    Raises:
        NotFound: there is no such override.
        OverrideStateConflict: it does not wait for approval.
        OverrideSelfApproval: the caller asked for it.
        OverrideExpiryPast: it would be over already.
        UnknownTier: the programme in force has no such tier any more.
        OverrideBelowEarned: the member has earned a higher tier meanwhile.
    """
    row, move = _found(uow, override_id, "pending_approval", time_zone)
    if (uow.actor.kind, uow.actor.id) == (row["requested_by_kind"], row["requested_by_id"]):
        raise OverrideSelfApproval
    if row["expires_at"] <= uow.now:
        raise OverrideExpiryPast
    _levels_up(move, row["tier"])
    row = _decide(uow, override_id, status="approved", starts_at=uow.now, decision_note=note)
    renew_floor(uow, move, cause=("override", str(override_id)), note=row["reason"])
    return override_body(row)


def reject_override(
    uow: UnitOfWork, *, time_zone: tzinfo, override_id: UUID, note: str | None
) -> dict[str, Any]:
    """Refuse a request, or withdraw one's own.

    Raises:
        NotFound: there is no such override.
        OverrideStateConflict: it does not wait for approval.
    """
    _found(uow, override_id, "pending_approval", time_zone)
    return override_body(_decide(uow, override_id, status="rejected", decision_note=note))


def revoke_override(
    uow: UnitOfWork, *, time_zone: tzinfo, override_id: UUID, note: str | None
) -> dict[str, Any]:
    """End an override before its time; the member goes back to what it has earned.

    Raises:
        NotFound: there is no such override.
        OverrideStateConflict: it is not in force.
    """
    row, move = _found(uow, override_id, "approved", time_zone)
    if row["expires_at"] <= uow.now:
        raise OverrideStateConflict("The override has expired.")
    row = overrides.update(
        uow.connection, override_id, status="revoked", ended_at=uow.now, decision_note=note
    )
    renew_floor(uow, move, cause=("override_revoked", str(override_id)), note=note)
    return override_body(row)


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
    own.keep(*changed)
    record(uow, [own], actor=uow.actor, note=note)


def _up_to_date(
    uow: UnitOfWork, member_id: UUID, enrolled_at: datetime | None, zone: tzinfo
) -> Move:
    """Lock a member and do what is due for it, so that the request is judged by today's tier."""
    began_at = min(enrolled_at or uow.now, uow.now)
    move = locked(uow, member_id, began_at=began_at, enrolled=enrolled_at is not None, zone=zone)
    if move.standing.status == ACTIVE:
        pass_time(uow.connection, [move], uow.now)
    return move


def _found(
    uow: UnitOfWork, override_id: UUID, status: str, zone: tzinfo
) -> tuple[sa.RowMapping, Move]:
    """Return an override of that status with its member, both as they are now, locked."""
    seen = overrides.find(uow.connection, override_id)
    if seen is None:
        raise NotFound
    move = _up_to_date(uow, seen["member_id"], None, zone)
    row = overrides.find(uow.connection, override_id)
    if row is None or row["status"] != status:
        raise OverrideStateConflict(f"The override is {row and row['status']}.")
    return row, move


def _levels_up(move: Move, tier: str) -> int:
    """Return how many levels a tier is above the earned one."""
    programme = move.life.programme(move.standing.earned.version)
    codes = [level.code for level in programme.levels]
    if tier not in codes:
        raise UnknownTier
    earned: Level = programme.at_rank(move.standing.earned.rank)
    levels_up = codes.index(tier) - codes.index(earned.code)
    if levels_up < 0:
        raise OverrideBelowEarned
    return levels_up


def _decide(uow: UnitOfWork, override_id: UUID, **values: Any) -> sa.RowMapping:
    return overrides.update(
        uow.connection,
        override_id,
        decided_by_kind=uow.actor.kind,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        **values,
    )


def _ask(uow: UnitOfWork, row: Mapping[Any, Any]) -> None:
    shown = ("override_id", "member_id", "tier", "levels_up", "expires_at", "reason")
    uow.emit(
        events.OVERRIDE_REQUESTED,
        subject=row["member_id"],
        data={**{name: row[name] for name in shown}, "requested_by": row["requested_by_id"]},
    )
