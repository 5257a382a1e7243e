"""What identity does for exports and erasures of members (M6)."""

from __future__ import annotations

from functools import partial

from services.identity.tables import metadata
from services.identity.use_cases import erasing
from shared.contracts import privacy
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.privacy import exporting
from shared.service import BaseService


class Forgetting(BaseService):
    """Sends what it keeps of a member, and forgets it."""

    @on(privacy.EXPORT_REQUESTED)
    def on_export_requested(self, event: Envelope) -> None:
        """Start to send what identity keeps of a member."""
        self.db.consume(event, partial(exporting.begin_part, service="identity"))

    @job(exporting.PART_JOBS["identity"])
    def export_part(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Send the next page of it."""
        return exporting.part_slice(
            uow, work, service="identity", metadata=metadata, opener=exporting.refuse_to_open
        )

    @on(privacy.ERASED)
    def on_member_erased(self, event: Envelope) -> None:
        """End the sessions of somebody who is forgotten."""
        self.db.consume(event, erasing.erase_member)
