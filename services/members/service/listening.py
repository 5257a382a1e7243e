"""What members hears of other services: their parts of exports, and that they have forgotten."""

from __future__ import annotations

from services.members import use_cases
from shared.contracts import privacy
from shared.contracts.event import Envelope
from shared.events.handler import on
from shared.service import BaseService


class Listener(BaseService):
    """Collects what exports and erasures wait for (M6)."""

    @on(privacy.EXPORT_PARTS["identity"])
    def on_identity_part(self, event: Envelope) -> None:
        """Take what identity keeps of a member."""
        self.db.consume(event, use_cases.take_part)

    @on(privacy.EXPORT_PARTS["points"])
    def on_points_part(self, event: Envelope) -> None:
        """Take what points keeps of a member."""
        self.db.consume(event, use_cases.take_part)

    @on(privacy.EXPORT_PARTS["coupons"])
    def on_coupons_part(self, event: Envelope) -> None:
        """Take what coupons keeps of a member."""
        self.db.consume(event, use_cases.take_part)

    @on(privacy.EXPORT_PARTS["tiers"])
    def on_tiers_part(self, event: Envelope) -> None:
        """Take what tiers keeps of a member."""
        self.db.consume(event, use_cases.take_part)

    @on(privacy.ACKNOWLEDGED["identity"])
    def on_identity_forgot(self, event: Envelope) -> None:
        """Note that identity has forgotten a member."""
        self.db.consume(event, use_cases.note_acknowledged)

    @on(privacy.ACKNOWLEDGED["points"])
    def on_points_forgot(self, event: Envelope) -> None:
        """Note that points has forgotten a member."""
        self.db.consume(event, use_cases.note_acknowledged)

    @on(privacy.ACKNOWLEDGED["coupons"])
    def on_coupons_forgot(self, event: Envelope) -> None:
        """Note that coupons has forgotten a member."""
        self.db.consume(event, use_cases.note_acknowledged)

    @on(privacy.ACKNOWLEDGED["tiers"])
    def on_tiers_forgot(self, event: Envelope) -> None:
        """Note that tiers has forgotten a member."""
        self.db.consume(event, use_cases.note_acknowledged)
