"""Freezing, closing and opening accounts again: what staff does, with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.members import domain, repository
from services.members.use_cases import common, households
from services.members.vault import Vault, seal_reason
from shared.contracts.members import events
from shared.db import UnitOfWork
from shared.errors.members import StandingConflict
from shared.ids import new_id


def change_standing(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, act: str, reason: str
) -> dict[str, Any]:
    """Freeze, unfreeze, close or reopen an account, and note who did it and why.

    The others hear of the new status and refuse sales, holds and coupons of an account that is not
    active.

    Raises:
        NotFound: no such member.
        StandingConflict: the account's status does not allow it.
    """
    row = common.locked(uow, member_id)
    status = domain.standing_after(row.status, act)
    if status is None:
        raise StandingConflict(status_now=row.status)
    repository.add_standing(
        uow.connection,
        {
            "change_id": new_id(),
            "member_id": member_id,
            "from_status": row.status,
            "status": status,
            "reason": seal_reason(vault.master.unwrap(row.data_key), reason),
            "actor": uow.actor.key,
            "at": uow.now,
        },
    )
    before, after = {"status": row.status}, {"status": status}
    common.note(uow, member_id, f"member.{act}", before=before, after=after)
    common.change(uow, vault, member_id, ["status"], status=status)
    if status == domain.CLOSED:
        households.leave_for_good(uow, member_id)
    if status == domain.FROZEN:
        uow.emit(events.FROZEN, subject=member_id, data={"member_id": member_id})
    return common.view(uow, vault, member_id)
