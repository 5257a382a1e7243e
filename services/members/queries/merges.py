"""Who merged members are by now, and what became of merges (M3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members.tables import members, merge_progress, merge_steps, merges
from services.members.vault import Vault, open_reason
from shared.contracts.members.merge_events import FOLLOWERS
from shared.db import Snapshot
from shared.errors import NotFound

_MAX_LIMIT = 200
_STATUS = {
    ("merge", False): "merged",
    ("merge", True): "merging",
    ("unmerge", False): "unmerged",
    ("unmerge", True): "unmerging",
}
"""By the newest step and whether anybody is still at it."""
_SURVIVORS = sa.text("""
WITH RECURSIVE way AS (
    SELECT member_id, merged_into, 1 AS hops FROM members
    WHERE member_id = ANY(:ids) AND merged_into IS NOT NULL
    UNION ALL
    SELECT way.member_id, m.merged_into, way.hops + 1
    FROM way JOIN members m ON m.member_id = way.merged_into
    WHERE m.merged_into IS NOT NULL AND way.hops < 1000
)
SELECT DISTINCT ON (member_id) member_id, merged_into FROM way ORDER BY member_id, hops DESC
""").bindparams(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid(as_uuid=True))))


def survivors(connection: sa.Connection, member_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return who merged members are by now; others are left out."""
    rows = connection.execute(_SURVIVORS, {"ids": sorted(member_ids)})
    return {member_id: merged_into for member_id, merged_into in rows}


def survivor(connection: sa.Connection, member_id: UUID) -> UUID:
    """Return who a member is by now: itself, unless it was merged."""
    return survivors(connection, [member_id]).get(member_id, member_id)


def merge_list(
    snapshot: Snapshot,
    *,
    vault: Vault,
    member_id: UUID,
    limit: int,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a page of a member's merges, on either side of them, newest first.

    Raises:
        NotFound: no such member.
    """
    present = sa.select(members.c.member_id).where(
        members.c.member_id == member_id, members.c.status != "erased"
    )
    if snapshot.connection.execute(present).scalar() is None:
        raise NotFound
    sides = (merges.c.source_member_id, merges.c.survivor_member_id)
    statement = sa.select(merges.c.merge_id).where(sa.or_(*(side == member_id for side in sides)))
    if after is not None:
        statement = statement.where(merges.c.merge_id < UUID(after["merge_id"]))
    limit = min(limit, _MAX_LIMIT)
    newest_first = statement.order_by(merges.c.merge_id.desc()).limit(limit + 1)
    found = list(snapshot.connection.execute(newest_first).scalars())
    page = found[:limit]
    following = {"merge_id": str(page[-1])} if len(found) > limit else None
    return {"items": merge_views(snapshot.connection, vault, page), "next": following}


def merge_views(
    connection: sa.Connection, vault: Vault, merge_ids: Iterable[UUID]
) -> list[dict[str, Any]]:
    """Return merges as `MergeRecordSchema` has them, newest first."""
    wanted = list(merge_ids)
    owner = members.c.member_id == merges.c.survivor_member_id
    rows = connection.execute(
        sa.select(merges, members.c.data_key)
        .join_from(merges, members, owner)
        .where(merges.c.merge_id.in_(wanted))
        .order_by(merges.c.merge_id.desc())
    ).all()
    told = connection.execute(
        sa.select(merge_steps.c.merge_id, merge_steps.c.act, merge_progress)
        .join_from(merge_steps, merge_progress)
        .where(merge_steps.c.merge_id.in_(wanted))
        .order_by(merge_steps.c.step_id)
    ).all()
    return [_view(vault, row, [each for each in told if each.merge_id == row.merge_id])
            for row in rows]  # fmt: skip


def _view(vault: Vault, row: sa.Row[Any], told: list[sa.Row[Any]]) -> dict[str, Any]:
    act = "merge" if row.unmerged_at is None else "unmerge"
    done = {each.service: each.done_at for each in told if each.act == act}
    shown = (
        "merge_id",
        "source_member_id",
        "survivor_member_id",
        "merged_at",
        "merged_by",
        "undo_until",
        "unmerged_at",
        "unmerged_by",
    )
    key = row.data_key and vault.master.unwrap(row.data_key)
    return {
        **{name: getattr(row, name) for name in shown},
        "status": _STATUS[act, None in done.values()],
        "reason": key and open_reason(key, row.reason),
        "services": [
            {
                "service": service,
                "status": "pending" if done[service] is None else "done",
                "done_at": done[service],
            }
            for service in FOLLOWERS
            if service in done
        ],
    }
