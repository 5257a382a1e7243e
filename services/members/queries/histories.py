"""What members agreed to, and what staff did to their accounts, over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members.queries.members import MAX_LIMIT, status
from services.members.tables import consents, members, standing_changes
from services.members.vault import Vault, open_reason
from shared.db import Snapshot


def consent_history(
    snapshot: Snapshot, *, member_id: UUID, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of all the member ever said, newest first; raises `NotFound` (M5)."""
    status(snapshot, member_id=member_id)
    statement = sa.select(consents).where(consents.c.member_id == member_id)
    return _history(snapshot, statement, consents.c.consent_id, limit, after)


def standing_history(
    snapshot: Snapshot,
    *,
    vault: Vault,
    member_id: UUID,
    limit: int,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a page of who froze, closed or opened the account, newest first.

    Raises:
        NotFound: no such member.
    """
    status(snapshot, member_id=member_id)
    wrapped = sa.select(members.c.data_key).where(members.c.member_id == member_id)
    key = vault.master.unwrap(snapshot.connection.execute(wrapped).scalar_one())
    statement = sa.select(standing_changes).where(standing_changes.c.member_id == member_id)
    page = _history(snapshot, statement, standing_changes.c.change_id, limit, after)
    items = [{**item, "reason": open_reason(key, item["reason"])} for item in page["items"]]
    return {**page, "items": items}


def _history(
    snapshot: Snapshot,
    statement: sa.Select[Any],
    key: sa.Column[Any],
    limit: int,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if after is not None:
        statement = statement.where(key < UUID(after["id"]))
    limit = min(limit, MAX_LIMIT)
    newest_first = statement.order_by(key.desc()).limit(limit + 1)
    rows = snapshot.connection.execute(newest_first).mappings().all()
    items = [dict(row) for row in rows[:limit]]
    return {
        "items": items,
        "next": {"id": str(items[-1][key.name])} if len(rows) > limit else None,
    }
