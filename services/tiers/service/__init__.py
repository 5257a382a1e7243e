"""The tiers service as nameko runs it."""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from services.tiers import queries, use_cases
from services.tiers.service.privacy import Forgetting
from shared.calls import Reply
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.members import merge_events
from shared.contracts.points import events as points_events
from shared.contracts.tiers import rpc as contract
from shared.db import Call, UnitOfWork
from shared.db.transactions import UseCase
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.rpc.server import Settings, every, rpc
from shared.settings import ServiceSettings

DUE_EVERY_S = 5
"""Nobody waits for it: reads work out what is due by themselves. Others hear within this."""

GIFTS_EVERY_S = 600


class TiersService(Forgetting):
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

    @rpc(contract.REQUEST_OVERRIDE)
    def request_override(self, call: Call, **command: Any) -> Reply:
        """Put a floor under a member's tier, or ask for it (T4)."""
        return self._write(call, use_cases.request_override, **command)

    @rpc(contract.OVERRIDE)
    def override(self, call: Call, **query: Any) -> Reply:
        """Return an override."""
        return self.db.read(call, queries.override, **query)

    @rpc(contract.OVERRIDES)
    def overrides(self, call: Call, **query: Any) -> Reply:
        """Return overrides."""
        return self.db.read(call, queries.override_list, **query)

    @rpc(contract.APPROVE_OVERRIDE)
    def approve_override(self, call: Call, **command: Any) -> Reply:
        """Agree to somebody else's request (T4)."""
        return self._write(call, use_cases.approve_override, **command)

    @rpc(contract.REJECT_OVERRIDE)
    def reject_override(self, call: Call, **command: Any) -> Reply:
        """Refuse a request."""
        return self._write(call, use_cases.reject_override, **command)

    @rpc(contract.REVOKE_OVERRIDE)
    def revoke_override(self, call: Call, **command: Any) -> Reply:
        """End an override before its time."""
        return self._write(call, use_cases.revoke_override, **command)

    @rpc(contract.CREATE_PROGRAMME)
    def create_programme(self, call: Call, **command: Any) -> Reply:
        """Write a draft (T5)."""
        return self.db.write(call, use_cases.create_programme, **command)

    @rpc(contract.PROGRAMME_VERSION)
    def programme_version(self, call: Call, **query: Any) -> Reply:
        """Return a version."""
        return self.db.read(call, queries.programme_version, **query)

    @rpc(contract.PROGRAMMES)
    def programmes(self, call: Call, **query: Any) -> Reply:
        """Return all versions."""
        return self.db.read(call, queries.programme_list, **query)

    @rpc(contract.AMEND_PROGRAMME)
    def amend_programme(self, call: Call, **command: Any) -> Reply:
        """Change a draft."""
        return self.db.write(call, use_cases.amend_programme, **command)

    @rpc(contract.PUBLISH_PROGRAMME)
    def publish_programme(self, call: Call, **command: Any) -> Reply:
        """Fix a draft, in force from its date (T5)."""
        return self.db.write(call, use_cases.publish_programme, **command)

    @rpc(contract.SIMULATE_PROGRAMME)
    def simulate_programme(self, call: Call, **command: Any) -> Reply:
        """Start finding out who would move (T5)."""
        return self.db.write(call, use_cases.simulate_programme, **command)

    @rpc(contract.MEMBER_BENEFITS)
    def member_benefits(self, call: Call, **query: Any) -> Reply:
        """Return what a member's tier gives it (T6)."""
        return self.db.read(call, queries.member_benefits, time_zone=self._zone, **query)

    @rpc(contract.USE_BENEFIT)
    def use_benefit(self, call: Call, **command: Any) -> Reply:
        """Use a benefit once (T6)."""
        return self._write(call, use_cases.use_benefit, **command)

    @rpc(contract.REVERSE_USE)
    def reverse_use(self, call: Call, **command: Any) -> Reply:
        """Take a use back."""
        return self._write(call, use_cases.reverse_use, **command)

    @rpc(contract.CREATE_PLAN)
    def create_plan(self, call: Call, **command: Any) -> Reply:
        """Put a plan on sale (T7)."""
        return self.db.write(call, use_cases.create_plan, **command)

    @rpc(contract.PLAN)
    def plan(self, call: Call, **query: Any) -> Reply:
        """Return a plan."""
        return self.db.read(call, queries.plan, **query)

    @rpc(contract.PLANS)
    def plans(self, call: Call, **query: Any) -> Reply:
        """Return all plans."""
        return self.db.read(call, queries.plan_list, **query)

    @rpc(contract.AMEND_PLAN)
    def amend_plan(self, call: Call, **command: Any) -> Reply:
        """Change a plan."""
        return self.db.write(call, use_cases.amend_plan, **command)

    @rpc(contract.BUY_PLAN)
    def buy_plan(self, call: Call, **command: Any) -> Reply:
        """Give the tier that was paid for (T7)."""
        return self._write(call, use_cases.buy_plan, **command)

    @rpc(contract.SUBSCRIPTION)
    def subscription(self, call: Call, **query: Any) -> Reply:
        """Return a paid membership."""
        return self.db.read(call, queries.subscription, **query)

    @rpc(contract.SUBSCRIPTIONS)
    def subscriptions(self, call: Call, **query: Any) -> Reply:
        """Return a member's paid memberships."""
        return self.db.read(call, queries.subscription_list, **query)

    @rpc(contract.CANCEL_SUBSCRIPTIONS)
    def cancel_subscriptions(self, call: Call, **command: Any) -> Reply:
        """End a paid membership, or refund it (T7)."""
        return self._write(call, use_cases.cancel_subscriptions, **command)

    @job(use_cases.SIMULATE)
    def simulate_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Try a version on the next members."""
        return use_cases.simulate_slice(uow, work, time_zone=self._zone)

    @on(members_events.ENROLLED)
    def on_member_enrolled(self, event: Envelope) -> None:
        """Give the entry tier; who was imported gets it with the others who were."""
        if event.data.get("import_id") is None:
            self.db.consume(event, partial(use_cases.start, time_zone=self._zone))

    @on(members_events.IMPORTED)
    def on_member_imported(self, event: Envelope) -> None:
        """Give many the entry tier."""
        self.db.consume(event, partial(use_cases.start_imported, time_zone=self._zone))

    @on(points_events.SALE_RECORDED)
    def on_sale_recorded(self, event: Envelope) -> None:
        """Count a sale (T3)."""
        self.db.consume(event, partial(use_cases.count_sale, time_zone=self._zone))

    @on(points_events.SALE_CLAIMED)
    def on_sale_claimed(self, event: Envelope) -> None:
        """Count a sale that has found its member (S6)."""
        self.db.consume(event, partial(use_cases.count_claim, time_zone=self._zone))

    @on(points_events.SALE_RETURNED)
    def on_sale_returned(self, event: Envelope) -> None:
        """Lower what a sale contributes."""
        self.db.consume(event, partial(use_cases.count_return, time_zone=self._zone))

    @on(points_events.SALE_CANCELLED)
    def on_sale_cancelled(self, event: Envelope) -> None:
        """Take back what a sale contributes."""
        self.db.consume(event, partial(use_cases.count_cancel, time_zone=self._zone))

    @on(merge_events.MERGED)
    def on_member_merged(self, event: Envelope) -> None:
        """Let the source's purchases count for the survivor (M3)."""
        self.db.consume(event, partial(use_cases.follow_merge, time_zone=self._zone))

    @on(merge_events.UNMERGED)
    def on_member_unmerged(self, event: Envelope) -> None:
        """Let them count for the source again (M3)."""
        self.db.consume(event, partial(use_cases.follow_merge, time_zone=self._zone))

    @on(members_events.UPDATED)
    def on_member_updated(self, event: Envelope) -> None:
        """Let the tier stand still while the member is not active."""
        self.db.consume(event, partial(use_cases.follow, time_zone=self._zone))

    @on(points_events.CHECKOUT_CLOSED)
    def on_checkout_closed(self, event: Envelope) -> None:
        """Take back what was used for the order (T6)."""
        self.db.consume(event, use_cases.free_order)

    @every(DUE_EVERY_S)
    def review(self) -> None:
        """Send notices, review tiers, end graces and floors, bring a version into force (T3)."""
        for batch in (use_cases.adopt_version, use_cases.review):
            self.db.sweep(f"tiers.{batch.__name__}", partial(batch, time_zone=self._zone))

    @every(GIFTS_EVERY_S)
    def give(self) -> None:
        """Give birthday gifts, and tell of paid memberships that end soon (T6, T7)."""
        gifts = partial(use_cases.give_birthday_gifts, time_zone=self._zone)
        self.db.sweep("tiers.give_birthday_gifts", gifts)
        self.db.sweep("tiers.tell_renewals", use_cases.tell_renewals)

    def due_work(self) -> None:
        """Do all that the present time makes due (A8)."""
        self.review()
        self.give()

    def _write(self, call: Call, use_case: UseCase, **command: Any) -> Reply:
        return self.db.write(call, use_case, time_zone=self._zone, **command)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.time_zone)


SERVICE = TiersService
