"""What members and tiers tell about members, kept for scopes and issues."""

from __future__ import annotations

from services.coupons.repository import members
from shared.contracts.event import Envelope
from shared.contracts.members import events as member_events
from shared.contracts.tiers import events as tier_events
from shared.db import UnitOfWork

_STATUS_EVENTS = {
    event_type.name: event_type for event_type in (member_events.ENROLLED, member_events.UPDATED)
}


def follow_status(uow: UnitOfWork, event: Envelope) -> None:
    """Note that a member exists, and whether it is active."""
    member = event.read(_STATUS_EVENTS[event.type])
    members.set_status(uow.connection, member["member_id"], member["status"], event.sequence)


def follow_tier(uow: UnitOfWork, event: Envelope) -> None:
    """Note a member's tier (T8)."""
    change = event.read(tier_events.CHANGED)
    members.set_tier(uow.connection, change["member_id"], change["tier"], event.sequence)
