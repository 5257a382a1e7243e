"""Members' tiers: locked one by one by facts, in batches by time; and their history (T3, T5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.tiers import tables
from services.tiers.domain.floors import Floor
from services.tiers.domain.machine import Earned
from services.tiers.domain.standing import ACTIVE, Change, Standing
from services.tiers.repository.programmes import EDITIONS
from shared.calls import Actor
from shared.ids import new_id

_STATE = tables.states
_ALL = (*_STATE.c, EDITIONS.label("editions"))
_COLUMNS = {
    "tier": "text",
    "rank": "smallint",
    "source": "text",
    "since": "timestamptz",
    "told_from": "timestamptz",
    "review_on": "date",
    "programme_version": "integer",
    "earned_rank": "smallint",
    "earned_since": "timestamptz",
    "in_grace": "boolean",
    "judged_at": "timestamptz",
    "began_at": "timestamptz",
    "enrolled": "boolean",
    "status": "text",
    "notified": "smallint",
    "floor_tier": "text",
    "floor_rank": "smallint",
    "floor_source": "text",
    "floor_changes_at": "timestamptz",
    "due_at": "timestamptz",
}
# One statement for all rows, of the table's own shape: several times as fast as a VALUES list.
_ADD_HISTORY = sa.text(
    "INSERT INTO tier_history"
    " SELECT * FROM jsonb_populate_recordset(NULL::tier_history, CAST(:rows AS jsonb))"
)
_SAVE = sa.text(
    "UPDATE tier_states AS s SET "  # noqa: S608 - no part of it comes from outside
    + ", ".join(f"{name} = r.{name}" for name in _COLUMNS)
    + " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (member_id uuid, "
    + ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    + ") WHERE s.member_id = r.member_id"
)

_FIRSTS = {"member_id": "uuid", **_COLUMNS, "birth_month": "smallint", "status_sequence": "bigint"}
_ADD_ALL = sa.text(
    f"INSERT INTO tier_states ({', '.join(_FIRSTS)}) SELECT {', '.join(_FIRSTS)}"  # noqa: S608 - likewise
    + " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ("
    + ", ".join(f"{name} {kind}" for name, kind in _FIRSTS.items())
    + ") ORDER BY member_id ON CONFLICT DO NOTHING RETURNING member_id"
)


def read_all(connection: sa.Connection, member_ids: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Return rows of members that this transaction has locked already."""
    return connection.execute(sa.select(*_ALL).where(_STATE.c.member_id.in_(member_ids))).all()


def lock(connection: sa.Connection, member_id: UUID) -> sa.Row[Any] | None:
    """Return a member's row with all ``editions``, locked until the transaction ends."""
    statement = sa.select(*_ALL).where(_STATE.c.member_id == member_id)
    return connection.execute(statement.with_for_update(of=_STATE)).one_or_none()


def read(connection: sa.Connection, member_id: UUID) -> sa.Row[Any] | None:
    """Return a member's row without a lock."""
    return connection.execute(sa.select(*_ALL).where(_STATE.c.member_id == member_id)).one_or_none()


def page(connection: sa.Connection, *, after: UUID | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Return rows of active members in the order of their ids, not locked."""
    statement = sa.select(*_ALL).where(_STATE.c.status == ACTIVE)
    if after is not None:
        statement = statement.where(_STATE.c.member_id > after)
    return connection.execute(statement.order_by(_STATE.c.member_id).limit(limit)).all()


def count_active(connection: sa.Connection) -> int:
    """Return how many members are active."""
    active = sa.select(sa.func.count()).where(_STATE.c.status == ACTIVE)
    return int(connection.execute(active).scalar_one())


def add(connection: sa.Connection, standing: Standing, due_at: datetime) -> bool:
    """Insert a member's first tier; return False if another transaction was first."""
    row = {"member_id": standing.member_id, **_columns(standing, due_at)}
    return bool(connection.execute(insert(_STATE).values(row).on_conflict_do_nothing()).rowcount)


def add_all(
    connection: sa.Connection,
    firsts: Iterable[tuple[Standing, int | None]],
    *,
    due_at: datetime,
    sequence: int,
) -> set[UUID]:
    """Insert first tiers of members with their birth months; return whose were."""
    rows = [
        {
            "member_id": str(standing.member_id),
            **_columns(standing, due_at),
            "birth_month": birth_month,
            "status_sequence": sequence,
        }
        for standing, birth_month in firsts
    ]
    added = connection.execute(_ADD_ALL, {"rows": json.dumps(rows, default=_plain)})
    return set(added.scalars())


def save(connection: sa.Connection, standings: Iterable[tuple[Standing, datetime]]) -> None:
    """Overwrite locked members' rows; each comes with the instant it is due again."""
    rows = [
        {"member_id": str(standing.member_id), **_columns(standing, due_at)}
        for standing, due_at in standings
    ]
    if rows:
        connection.execute(_SAVE, {"rows": json.dumps(rows, default=_plain)})


def follow_profile(
    connection: sa.Connection, member_id: UUID, *, status: str, birth_month: int | None,
    sequence: int,
) -> bool:  # fmt: skip
    """Take in what members tells, unless a newer event has told it; return whether it was news."""
    told = sa.update(_STATE).where(
        _STATE.c.member_id == member_id, _STATE.c.status_sequence < sequence
    )
    values = {"status": status, "birth_month": birth_month, "status_sequence": sequence}
    return bool(connection.execute(told.values(values)).rowcount)


def add_history(
    connection: sa.Connection,
    rows: Iterable[tuple[Standing, Change]],
    *,
    actor: Actor,
    now: datetime,
    note: str | None = None,
) -> None:
    """Append changes of tier (T5)."""
    values = [
        {
            "change_id": str(new_id()),
            "member_id": str(standing.member_id),
            "from_tier": change.from_tier,
            "tier": change.level.code,
            "source": change.source,
            "reason": change.reason,
            "sale_id": change.sale_id,
            "have": change.have,
            "keep": change.keep,
            "programme_version": standing.earned.version,
            "effective_from": change.at,
            "recorded_at": now,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "note": note,
            "reference": change.reference,
        }
        for standing, change in rows
    ]
    if values:
        connection.execute(_ADD_HISTORY, {"rows": json.dumps(values, default=_plain)})


def standing_of(row: sa.Row[Any]) -> Standing:
    """Return a row as the rules see it."""
    floor = None
    if row.floor_tier is not None:
        # When it ends stands in `floor_changes_at`; what ends then is looked up then.
        floor = Floor(row.floor_tier, row.floor_rank, row.floor_source, row.since, row.since, "")
    return Standing(
        member_id=row.member_id,
        began_at=row.began_at or row.since,
        enrolled=row.enrolled,
        status=row.status,
        earned=Earned(
            row.programme_version,
            row.rank if row.earned_rank is None else row.earned_rank,
            row.earned_since or row.since,
            row.review_on,
            row.in_grace,
            row.judged_at or row.since,
        ),
        tier=row.tier,
        rank=row.rank,
        source=row.source,
        since=row.since,
        told_from=row.told_from or row.since,
        notified=row.notified,
        floor=floor,
        floor_changes_at=row.floor_changes_at,
    )


def _columns(standing: Standing, due_at: datetime) -> dict[str, Any]:
    earned, floor = standing.earned, standing.floor
    return {
        "tier": standing.tier,
        "rank": standing.rank,
        "source": standing.source,
        "since": standing.since,
        "told_from": standing.told_from,
        "review_on": earned.review_on,
        "programme_version": earned.version,
        "earned_rank": earned.rank,
        "earned_since": earned.since,
        "in_grace": earned.in_grace,
        "judged_at": earned.judged_at,
        "began_at": standing.began_at,
        "enrolled": standing.enrolled,
        "status": standing.status,
        "notified": standing.notified,
        "floor_tier": floor and floor.tier,
        "floor_rank": floor and floor.rank,
        "floor_source": floor and floor.source,
        "floor_changes_at": standing.floor_changes_at,
        "due_at": due_at,
    }


def _plain(value: Any) -> str:
    return str(value.isoformat())
