"""Two members become one: what the source bought and was given counts for the survivor (M3).

Facts move: sales with what came back of them, overrides, paid memberships, uses of benefits. The
tier is then judged anew from all of them, as after any late fact, so a merge may raise it at once,
and its undoing lowers it.
"""

from __future__ import annotations

from datetime import tzinfo

from services.tiers.domain.standing import ACTIVE
from services.tiers.queries.passing import Move
from services.tiers.repository import merging
from services.tiers.use_cases.moving import judge_anew, locked, renew_floor
from shared import merging as saga
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.merging import MERGE, Step

SERVICE = "tiers"


def follow_merge(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Take a step of a merge, in its order, once (``member.merged``, ``member.unmerged``)."""

    def move(unit: UnitOfWork, step: Step) -> None:
        _move(unit, step, time_zone)

    saga.follow(uow, event, service=SERVICE, move=move)


def _move(uow: UnitOfWork, step: Step, zone: tzinfo) -> None:
    parties = (step.source_id, step.survivor_id)
    for member_id in sorted(parties):
        locked(uow, member_id, began_at=uow.now, enrolled=False, zone=zone)
    merging.set_status(uow.connection, step.source_id, step.status, step.sequence)
    if step.act == MERGE:
        merging.withdraw_requests(uow.connection, step.source_id, uow.now)
        merging.hand_over(uow.connection, *parties)
    else:
        family = saga.family(uow.connection, step.source_id)
        merging.give_back(uow.connection, family, *parties)
    # The survivor's rise comes first: it is what somebody waits for.
    for member_id in (step.survivor_id, step.source_id):
        _judge(uow, locked(uow, member_id, began_at=uow.now, enrolled=False, zone=zone), step)


def _judge(uow: UnitOfWork, move: Move, step: Step) -> None:
    """Judge a member by what it has now; of one that is not active only the floor is kept right."""
    if move.standing.status == ACTIVE:
        judge_anew(uow, move)
        move = Move(move.standing, move.life)  # what led there is written down
    renew_floor(uow, move, cause=("floor_changed", str(step.merge_id)), note=None)
