"""What coupons does for exports and erasures of members (M6)."""

from __future__ import annotations

from functools import partial

from services.coupons import use_cases
from services.coupons.programme import programme_of
from services.coupons.tables import METADATA
from shared.contracts import privacy
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.privacy import exporting
from shared.rpc.server import Settings
from shared.service import BaseService


class Forgetting(BaseService):
    """Sends what it keeps of a member, and forgets it."""

    settings = Settings()

    @on(privacy.EXPORT_REQUESTED)
    def on_export_requested(self, event: Envelope) -> None:
        """Start to send what coupons keeps of a member."""
        self.db.consume(event, partial(exporting.begin_part, service="coupons"))

    @job(exporting.PART_JOBS["coupons"])
    def export_part(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Send the next page of it."""
        return exporting.part_slice(
            uow,
            work,
            service="coupons",
            metadata=METADATA,
            opener=use_cases.opener(uow, programme_of(self.settings)),
        )

    @on(privacy.ERASED)
    def on_member_erased(self, event: Envelope) -> None:
        """Void the coupons of somebody who is forgotten."""
        self.db.consume(event, use_cases.erase_member)
