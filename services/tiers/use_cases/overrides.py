"""Overrides: a tier is given by hand, with reason and expiry, by two people where it is much (T4).

All of them lock the member first, so that two requests, or two decisions, come one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.tiers.domain.programme import Level
from services.tiers.queries.overrides import override_body
from services.tiers.queries.passing import Move
from services.tiers.repository import overrides
from services.tiers.use_cases.moving import record, renew_floor, up_to_date
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
    move = up_to_date(uow, member_id, enrolled_at, time_zone)
    levels_up = _levels_up(move, tier)
    if overrides.is_open(uow.connection, member_id):
        raise OverrideAlreadyOpen
    alone = levels_up <= ALONE_UP
    programme = move.life.programme(move.standing.earned.version)
    override_id = new_id()
    wish = {"member_id": str(member_id), "tier": tier, "levels_up": levels_up}
    uow.audit("tier_override.request", ("tier_override", override_id), after=wish, reason=reason)
    row = overrides.add(
        uow.connection,
        {
            "override_id": override_id,
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
    _audit(uow, override_id, "approved", "revoked", note)
    row = overrides.update(
        uow.connection, override_id, status="revoked", ended_at=uow.now, decision_note=note
    )
    renew_floor(uow, move, cause=("override_revoked", str(override_id)), note=note)
    return override_body(row)


def _found(
    uow: UnitOfWork, override_id: UUID, status: str, zone: tzinfo
) -> tuple[sa.RowMapping, Move]:
    """Return an override of that status with its member, both as they are now, locked."""
    seen = overrides.find(uow.connection, override_id)
    if seen is None:
        raise NotFound
    move = up_to_date(uow, seen["member_id"], None, zone)
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
    _audit(uow, override_id, "pending_approval", values["status"], values["decision_note"])
    return overrides.update(
        uow.connection,
        override_id,
        decided_by_kind=uow.actor.kind,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        **values,
    )


def _audit(uow: UnitOfWork, override_id: UUID, before: str, after: str, note: str | None) -> None:
    """Note who decided (I4)."""
    uow.audit(
        f"tier_override.{after}",
        ("tier_override", override_id),
        before={"status": before},
        after={"status": after},
        reason=note,
    )


def _ask(uow: UnitOfWork, row: Mapping[Any, Any]) -> None:
    shown = ("override_id", "member_id", "tier", "levels_up", "expires_at", "reason")
    uow.emit(
        events.OVERRIDE_REQUESTED,
        subject=row["member_id"],
        data={**{name: row[name] for name in shown}, "requested_by": row["requested_by_id"]},
    )
