"""Forgetting a member: its sessions end, and codes for its phone are worth nothing (M6)."""

from __future__ import annotations

import base64

from services.identity import repository, tables
from shared.contracts.event import Envelope
from shared.contracts.privacy import ERASED
from shared.db import UnitOfWork
from shared.privacy import erasing


def erase_member(uow: UnitOfWork, event: Envelope) -> None:
    """End all sessions; one that is being renewed ends right after, or is not renewed."""
    fact = event.read(ERASED)
    member_id, digest = fact["member_id"], fact["phone_digest"]
    repository.note_erased(uow.connection, member_id, uow.now)
    if digest is not None:
        raw = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
        repository.lock_digests(uow.connection, raw)
        # Waits for whoever is just signing in by one of them; that session ends below.
        repository.drop_codes(uow.connection, raw)
    ended = repository.drop_families(uow.connection, member_id)
    erasing.forget(uow, "identity", tables.metadata, member_id)
    erasing.acknowledge(uow, "identity", member_id, {"sessions_ended": ended})
