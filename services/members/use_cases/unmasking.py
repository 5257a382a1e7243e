"""Showing staff what is masked (M7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.members import queries
from services.members.use_cases import common
from services.members.vault import Vault
from shared.db import UnitOfWork


def unmask(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, wanted: Sequence[str], purpose: str
) -> Mapping[str, Any]:
    """Return some of a member's fields as they are, and note who saw which of them, and why.

    Nothing is kept of the answer, so asking again is noted again.

    Raises:
        NotFound: no such member.
    """
    row = common.locked(uow, member_id)
    seen = sorted(set(wanted))
    uow.audit("member.unmask", ("member", member_id), after={"fields": seen}, reason=purpose)
    whole = queries.views_of(uow.connection, vault, [row], {member_id})[0]
    return {"member_id": member_id, "values": {name: whole[name] for name in seen}}
