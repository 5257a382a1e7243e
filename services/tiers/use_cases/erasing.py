"""Forgetting a member: its tier stands still for ever (M6)."""

from __future__ import annotations

from datetime import tzinfo

from services.tiers.repository import overrides
from services.tiers.tables import METADATA
from services.tiers.use_cases.facts import follow_status
from shared.contracts.event import Envelope
from shared.contracts.privacy import ERASED
from shared.db import UnitOfWork
from shared.privacy import erasing

_ERASED = "erased"


def erase_member(uow: UnitOfWork, event: Envelope, *, time_zone: tzinfo) -> None:
    """Judge the member no more, and let nobody give it a tier."""
    member_id = event.read(ERASED)["member_id"]
    follow_status(uow, event, member_id, _ERASED, time_zone)
    rejected = overrides.reject_open(uow.connection, member_id, uow.now)
    erasing.forget(uow, "tiers", METADATA, member_id)
    erasing.acknowledge(uow, "tiers", member_id, {"requests_rejected": rejected})
