"""The tiers service as nameko runs it."""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from services.tiers import queries, use_cases
from shared.calls import Reply
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.points import events as points_events
from shared.contracts.tiers import rpc as contract
from shared.db import Call
from shared.events.handler import on
from shared.rpc.server import Settings, every, rpc
from shared.service import BaseService
from shared.settings import ServiceSettings

DUE_EVERY_S = 5
"""Nobody waits for it: reads work out what is due by themselves. Others hear within this."""


class TiersService(BaseService):
    """What members' purchases make of them."""

    name = "tiers"
    settings: ServiceSettings = Settings()

    @rpc(contract.PROGRAMME)
    def programme(self, call: Call) -> Reply:
        """Return the programme in force (T1)."""
        return self.db.read(call, queries.programme)

    @rpc(contract.MEMBER_TIER)
    def member_tier(self, call: Call, **query: Any) -> Reply:
        """Return a member's tier and progress."""
        return self.db.read(call, queries.member_tier, time_zone=self._zone, **query)

    @rpc(contract.TIER_HISTORY)
    def tier_history(self, call: Call, **query: Any) -> Reply:
        """Return how a member's tier changed."""
        return self.db.read(call, queries.tier_history, **query)

    @on(members_events.ENROLLED)
    def on_member_enrolled(self, event: Envelope) -> None:
        """Give the entry tier."""
        self.db.consume(event, partial(use_cases.start, time_zone=self._zone))

    @on(points_events.SALE_RECORDED)
    def on_sale_recorded(self, event: Envelope) -> None:
        """Count a sale (T3)."""
        self.db.consume(event, partial(use_cases.count_sale, time_zone=self._zone))

    @on(points_events.SALE_RETURNED)
    def on_sale_returned(self, event: Envelope) -> None:
        """Lower what a sale contributes."""
        self.db.consume(event, partial(use_cases.count_return, time_zone=self._zone))

    @on(points_events.SALE_CANCELLED)
    def on_sale_cancelled(self, event: Envelope) -> None:
        """Take back what a sale contributes."""
        self.db.consume(event, partial(use_cases.count_cancel, time_zone=self._zone))

    @on(members_events.UPDATED)
    def on_member_updated(self, event: Envelope) -> None:
        """Let the tier stand still while the member is not active."""
        self.db.consume(event, partial(use_cases.follow, time_zone=self._zone))

    @every(DUE_EVERY_S)
    def do_due_work(self) -> None:
        """Send notices, review tiers, end graces and floors, bring a version into force (T3)."""
        self.due_work()

    def due_work(self) -> None:
        """Do all that the present time makes due (A8)."""
        for name in ("adopt_version", "review"):
            self.db.sweep(f"tiers.{name}", partial(getattr(use_cases, name), time_zone=self._zone))

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.time_zone)


SERVICE = TiersService
