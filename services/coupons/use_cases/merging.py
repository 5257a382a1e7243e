"""Two members become one: the source's coupons and counts are the survivor's (M3)."""

from __future__ import annotations

from services.coupons.repository import members, merging
from shared import merging as saga
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.merging import MERGE, Step

SERVICE = "coupons"
_MEMBERS_AT_ONCE = 50


def follow_merge(uow: UnitOfWork, event: Envelope) -> None:
    """Take a step of a merge, in its order, once (``member.merged``, ``member.unmerged``)."""
    saga.follow(uow, event, service=SERVICE, move=_move)


def gather_stragglers(uow: UnitOfWork) -> int:
    """Give on what a source got from a claim that was under way when it was merged."""
    found = merging.stragglers(uow.connection, _MEMBERS_AT_ONCE)
    for member_id, survivor_id in saga.survivors(uow.connection, found).items():
        merging.gather(uow.connection, member_id, survivor_id)
    return len(found)


def _move(uow: UnitOfWork, step: Step) -> None:
    connection, parties = uow.connection, (step.source_id, step.survivor_id)
    members.set_status(connection, step.source_id, step.status, step.sequence)
    if step.act == MERGE:
        merging.hand_over(connection, *parties)
    else:
        family = saga.family(connection, step.source_id)
        merging.give_back(connection, family, *parties)
