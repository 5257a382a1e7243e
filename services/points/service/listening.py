"""What points hears of other services' facts."""

from __future__ import annotations

from functools import partial

from services.points import use_cases
from services.points.tables import metadata
from shared.contracts import privacy
from shared.contracts.event import Envelope
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.members import merge_events as merges
from shared.contracts.tiers import events as tiers
from shared.db import UnitOfWork
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.privacy import exporting
from shared.service import BaseService


class Listener(BaseService):
    """Keeps what points needs of members, their households and tiers, and stores."""

    @on(members.ENROLLED)
    def on_member_enrolled(self, event: Envelope) -> None:
        """Know the member before its first sale."""
        if not use_cases.is_told_together(event):
            self.db.consume(event, use_cases.note_member)

    @on(members.UPDATED)
    def on_member_updated(self, event: Envelope) -> None:
        """Know whether the member may still own points."""
        self.db.consume(event, use_cases.note_member)

    @on(merges.MERGED)
    def on_member_merged(self, event: Envelope) -> None:
        """Give the survivor what the source has (M3)."""
        self.db.consume(event, use_cases.follow_merge)

    @on(merges.UNMERGED)
    def on_member_unmerged(self, event: Envelope) -> None:
        """Give the source back what is left (M3)."""
        self.db.consume(event, use_cases.follow_merge)

    @on(members.HOUSEHOLD_CHANGED)
    def on_household_changed(self, event: Envelope) -> None:
        """Know who shares points (L10)."""
        self.db.consume(event, use_cases.note_household)

    @on(identity.STORE_OPENED)
    def on_store_opened(self, event: Envelope) -> None:
        """Know where the store is."""
        self.db.consume(event, use_cases.note_store)

    @on(identity.STORE_CHANGED)
    def on_store_changed(self, event: Envelope) -> None:
        """Know where the store is now."""
        self.db.consume(event, use_cases.note_store)

    @on(tiers.CHANGED)
    def on_tier_changed(self, event: Envelope) -> None:
        """Earn by the tier's multiplier from its date on (T8)."""
        self.db.consume(event, use_cases.note_tier)

    @on(privacy.ERASED)
    def on_member_erased(self, event: Envelope) -> None:
        """Forfeit the points of somebody who is forgotten (M6)."""
        self.db.consume(event, use_cases.erase_member)

    @on(privacy.EXPORT_REQUESTED)
    def on_export_requested(self, event: Envelope) -> None:
        """Start to send what points keeps of a member (M6)."""
        self.db.consume(event, partial(exporting.begin_part, service="points"))

    @job(exporting.PART_JOBS["points"])
    def export_part(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Send the next page of it."""
        return exporting.part_slice(
            uow, work, service="points", metadata=metadata, opener=exporting.refuse_to_open
        )
