"""What tiers does for exports and erasures of members (M6)."""

from __future__ import annotations

from functools import partial
from zoneinfo import ZoneInfo

from services.tiers import use_cases
from services.tiers.tables import METADATA
from shared.contracts import privacy
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.privacy import exporting
from shared.rpc.server import Settings
from shared.service import BaseService
from shared.settings import ServiceSettings


class Forgetting(BaseService):
    """Sends what it keeps of a member, and forgets it."""

    settings: ServiceSettings = Settings()

    @on(privacy.EXPORT_REQUESTED)
    def on_export_requested(self, event: Envelope) -> None:
        """Start to send what tiers keeps of a member."""
        self.db.consume(event, partial(exporting.begin_part, service="tiers"))

    @job(exporting.PART_JOBS["tiers"])
    def export_part(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Send the next page of it."""
        return exporting.part_slice(
            uow, work, service="tiers", metadata=METADATA, opener=exporting.refuse_to_open
        )

    @on(privacy.ERASED)
    def on_member_erased(self, event: Envelope) -> None:
        """Let the tier of somebody who is forgotten stand still for ever."""
        self.db.consume(
            event, partial(use_cases.erase_member, time_zone=ZoneInfo(self.settings.time_zone))
        )
