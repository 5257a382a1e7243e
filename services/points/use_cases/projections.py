"""What points keeps of others' facts: who may own points, and each member's tiers (T8)."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.repository import accounts
from shared.contracts.event import Envelope
from shared.contracts.members import events as members
from shared.contracts.tiers import events as tiers
from shared.db import UnitOfWork

_BY_TYPE = {event.name: event for event in (members.ENROLLED, members.UPDATED)}


def note_member(uow: UnitOfWork, event: Envelope) -> None:
    """Keep a member's status, the newest word winning, and have an account ready."""
    data = event.read(_BY_TYPE[event.type])
    fresh = insert(tables.members).values(
        member_id=data["member_id"], status=data["status"], sequence=event.sequence
    )
    uow.connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[tables.members.c.member_id],
            set_={"status": fresh.excluded.status, "sequence": fresh.excluded.sequence},
            where=tables.members.c.sequence < fresh.excluded.sequence,
        )
    )
    accounts.make(uow.connection, [data["member_id"]])


def note_tier(uow: UnitOfWork, event: Envelope) -> None:
    """Keep a change of tier: sales from ``effective_from`` on earn by its multiplier."""
    data = event.read(tiers.CHANGED)
    row = {name: data[name] for name in ("member_id", "effective_from", "tier", "multiplier")}
    uow.connection.execute(insert(tables.member_tiers).values(row | {"sequence": event.sequence}))
