"""What points keeps of others' facts: members, households, tiers (T8), where stores are (E2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.repository import accounts
from shared.contracts.event import Envelope
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.tiers import events as tiers
from shared.db import UnitOfWork

_MEMBERS = {event.name: event for event in (members.ENROLLED, members.UPDATED)}
_STORES = {event.name: event for event in (identity.STORE_OPENED, identity.STORE_CHANGED)}

_NOTE_IMPORTED = sa.text("""
WITH came AS (
    SELECT * FROM jsonb_to_recordset(CAST(:members AS jsonb)) AS r(
        member_id uuid, enrolled_at timestamptz, birth_month smallint
    )
), noted AS (
    INSERT INTO members (member_id, status, birth_month, enrolled_at, sequence)
    SELECT member_id, 'active', birth_month, enrolled_at, 1 FROM came ORDER BY member_id
    ON CONFLICT DO NOTHING
)
INSERT INTO accounts (member_id) SELECT member_id FROM came ORDER BY member_id
ON CONFLICT DO NOTHING
""")


def is_told_together(event: Envelope) -> bool:
    """Whether ``member.imported`` tells all that this ``member.enrolled`` does."""
    return event.data.get("import_id") is not None


def note_member(uow: UnitOfWork, event: Envelope) -> None:
    """Keep a member's facts, the newest word winning, and have an account ready."""
    data = event.read(_MEMBERS[event.type])
    kept = tables.members
    told = {name: data[name] for name in ("member_id", "status", "birth_month", "enrolled_at")}
    fresh = insert(kept).values(told | {"sequence": event.sequence})
    newest = {name: fresh.excluded[name] for name in ("status", "birth_month", "sequence")}
    # An event that does not tell when the member joined must not make that forgotten.
    joined = sa.func.coalesce(fresh.excluded.enrolled_at, kept.c.enrolled_at)
    uow.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[kept.c.member_id],
            set_={**newest, "enrolled_at": joined},
            where=kept.c.sequence < fresh.excluded.sequence,
        )
    )
    accounts.make(uow.connection, [data["member_id"]])


def note_imported(uow: UnitOfWork, came: Sequence[Mapping[str, Any]]) -> None:
    """Keep the facts of members that came together, and have accounts ready (``member.imported``).

    What any event of a member's own has told is newer.
    """
    told = [
        {
            "member_id": each["member_id"].hex,
            "enrolled_at": each["enrolled_at"].isoformat(),
            "birth_month": each["birth_month"],
        }
        for each in came
    ]
    uow.connection.execute(_NOTE_IMPORTED, {"members": json.dumps(told)})


def note_household(uow: UnitOfWork, event: Envelope) -> None:
    """Keep who belongs to a household, the newest word winning (L10)."""
    data = event.read(members.HOUSEHOLD_CHANGED)
    kept = tables.households
    told = {name: data[name] for name in ("household_id", "owner_member_id", "member_ids")}
    fresh = insert(kept).values(told | {"sequence": event.sequence})
    newest = {name: fresh.excluded[name] for name in ("owner_member_id", "member_ids", "sequence")}
    uow.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[kept.c.household_id],
            set_=newest,
            where=kept.c.sequence < fresh.excluded.sequence,
        )
    )


def note_store(uow: UnitOfWork, event: Envelope) -> None:
    """Keep where a store is, the newest word winning (E2)."""
    data = event.read(_STORES[event.type])
    kept = tables.stores
    fresh = insert(kept).values(
        store_id=data["store_id"], time_zone=data["time_zone"], sequence=event.sequence
    )
    uow.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[kept.c.store_id],
            set_={name: fresh.excluded[name] for name in ("time_zone", "sequence")},
            where=kept.c.sequence < fresh.excluded.sequence,
        )
    )


def note_tier(uow: UnitOfWork, event: Envelope) -> None:
    """Keep a change of tier: sales from ``effective_from`` on earn by its multiplier."""
    data = event.read(tiers.CHANGED)
    row = {name: data[name] for name in ("member_id", "effective_from", "tier", "multiplier")}
    uow.connection.execute(insert(tables.member_tiers).values(row | {"sequence": event.sequence}))
