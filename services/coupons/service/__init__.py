"""The nameko class of the coupons service."""

from __future__ import annotations

import time
from functools import partial
from typing import Any
from uuid import UUID

from services.coupons import queries, use_cases
from services.coupons.service.privacy import Forgetting
from services.coupons.service.rewards import FREE_LAPSED_EVERY_S, Rewards
from shared.calls import Reply
from shared.contracts.coupons import rpc as contract
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.members import merge_events
from shared.contracts.points import events as points_events
from shared.contracts.tiers import events as tiers_events
from shared.db import Call, UnitOfWork
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.rpc.server import every, rpc

EXPIRE_EVERY_S = 60
GATHER_EVERY_S = 30
BIRTHDAYS_EVERY_S = 300
AWAIT_MEMBERS_S = 2.0
_LOOK_AGAIN_S = 0.1


class CouponsService(Rewards, Forgetting):
    """Campaigns, coupons, the coupons of orders, and rewards."""

    name = "coupons"

    def due_work(self) -> None:
        """Free lapsed reservations and write down lapsed coupons (A8)."""
        self.free_lapsed_orders()
        self.free_lapsed_reward_orders()
        self.announce_expiring()
        self.expire_coupons()
        self.grant_birthdays()

    @rpc(contract.CREATE_CAMPAIGN)
    def create_campaign(self, call: Call, **draft: Any) -> Reply:
        """Store a draft."""
        return self.db.write(call, use_cases.create_campaign, programme=self.programme, **draft)

    @rpc(contract.CAMPAIGN)
    def campaign(self, call: Call, **query: Any) -> Reply:
        """Return one campaign."""
        return self.db.read(call, queries.campaign, **query)

    @rpc(contract.CAMPAIGNS)
    def campaigns(self, call: Call, **query: Any) -> Reply:
        """Return campaigns, newest first."""
        return self.db.read(call, queries.campaign_list, **query)

    @rpc(contract.AMEND_CAMPAIGN)
    def amend_campaign(self, call: Call, **changes: Any) -> Reply:
        """Change a draft."""
        return self.db.write(call, use_cases.amend_campaign, **changes)

    @rpc(contract.REVISE_CAMPAIGN)
    def revise_campaign(self, call: Call, **changes: Any) -> Reply:
        """Replace published terms by a new version."""
        return self.db.write(call, use_cases.revise_campaign, **changes)

    @rpc(contract.CAMPAIGN_VERSIONS)
    def campaign_versions(self, call: Call, **query: Any) -> Reply:
        """Return a campaign's terms over time."""
        return self.db.read(call, queries.campaign_versions, **query)

    @rpc(contract.PREVIEW_CAMPAIGN)
    def preview_campaign(self, call: Call, **query: Any) -> Reply:
        """Return a campaign's coupon as a shopper would see it."""
        return self.db.read(call, queries.preview, programme=self.programme, **query)

    @rpc(contract.PUBLISH_CAMPAIGN)
    def publish_campaign(self, call: Call, **command: Any) -> Reply:
        """Let a draft's coupons be issued and used."""
        return self.db.write(call, use_cases.publish_campaign, **command)

    @rpc(contract.PAUSE_CAMPAIGN)
    def pause_campaign(self, call: Call, **command: Any) -> Reply:
        """Stop issue and use for a while."""
        return self.db.write(call, use_cases.pause_campaign, **command)

    @rpc(contract.RESUME_CAMPAIGN)
    def resume_campaign(self, call: Call, **command: Any) -> Reply:
        """End a pause."""
        return self.db.write(call, use_cases.resume_campaign, **command)

    @rpc(contract.ARCHIVE_CAMPAIGN)
    def archive_campaign(self, call: Call, **command: Any) -> Reply:
        """End a campaign for good."""
        return self.db.write(call, use_cases.archive_campaign, **command)

    @rpc(contract.CLAIM)
    def claim(self, call: Call, **command: Any) -> Reply:
        """Give a member a coupon of its own."""
        return self.db.write(call, use_cases.claim, programme=self.programme, **command)

    @rpc(contract.ISSUE)
    def issue(self, call: Call, *, campaign_id: UUID, member_ids: list[UUID]) -> Reply:
        """Give each of some members a coupon, or say why not."""
        self._await_members(call, member_ids)
        return self.db.write(
            call,
            use_cases.issue,
            programme=self.programme,
            campaign_id=campaign_id,
            member_ids=member_ids,
        )

    @rpc(contract.START_CODES)
    def start_codes(self, call: Call, **command: Any) -> Reply:
        """Start making codes for nobody in particular."""
        return self.db.write(call, use_cases.start_codes, **command)

    @job(use_cases.GENERATE)
    def generate_codes(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Make some of them."""
        return use_cases.generate_slice(uow, work, programme=self.programme)

    @rpc(contract.IMPORT_CODES)
    def import_codes(self, call: Call, **command: Any) -> Reply:
        """Start taking in codes that were printed elsewhere."""
        return self.db.write(call, use_cases.start_import, **command)

    @job(use_cases.IMPORT)
    def take_codes_in(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Take some of them in."""
        return use_cases.import_slice(uow, work, programme=self.programme)

    @rpc(contract.EXPORT_CODES)
    def export_codes(self, call: Call, **command: Any) -> Reply:
        """Return some of them, in full where nobody has seen them yet."""
        return self.db.write(call, use_cases.export_codes, programme=self.programme, **command)

    @rpc(contract.WALLET)
    def wallet(self, call: Call, **query: Any) -> Reply:
        """Return a member's coupons."""
        return self.db.read(call, queries.wallet, programme=self.programme, **query)

    @rpc(contract.COUPON_CODE)
    def coupon_code(self, call: Call, **query: Any) -> Reply:
        """Return a coupon's code to its owner."""
        return self.db.read(call, queries.coupon_code, programme=self.programme, **query)

    @rpc(contract.HISTORY)
    def history(self, call: Call, **query: Any) -> Reply:
        """Return what became of a coupon."""
        return self.db.read(call, queries.history, **query)

    @rpc(contract.VOID)
    def void(self, call: Call, **command: Any) -> Reply:
        """Withdraw a coupon."""
        return self.db.write(call, use_cases.void, programme=self.programme, **command)

    @rpc(contract.GIFT)
    def gift(self, call: Call, **command: Any) -> Reply:
        """Let a member give its coupon away."""
        return self.db.write(call, use_cases.gift, programme=self.programme, **command)

    @rpc(contract.QUOTE)
    def quote(self, call: Call, **query: Any) -> Reply:
        """Judge codes for a basket."""
        return self.db.read(call, use_cases.quote, programme=self.programme, **query)

    @rpc(contract.RESERVE)
    def reserve(self, call: Call, **command: Any) -> Reply:
        """Hold the coupons of an order.

        What other orders hold beyond their time is freed before: nobody waits for a timer (C2).
        """
        self.db.run(use_cases.free_lapsed_orders)
        return self.db.write(call, use_cases.reserve, programme=self.programme, **command)

    @rpc(contract.RESERVE_PROMISED)
    def reserve_promised(self, call: Call, **command: Any) -> Reply:
        """Hold the coupons that a quote promised an order."""
        self.db.run(use_cases.free_lapsed_orders)
        programme = self.programme
        return self.db.write(call, use_cases.reserve_promised, programme=programme, **command)

    @rpc(contract.CONFIRM)
    def confirm(self, call: Call, **command: Any) -> Reply:
        """Keep a reservation until points tells the outcome."""
        return self.db.write(call, use_cases.confirm, **command)

    @rpc(contract.RELEASE)
    def release(self, call: Call, **command: Any) -> Reply:
        """Give a reservation up."""
        return self.db.write(call, use_cases.release, **command)

    @on(members_events.ENROLLED)
    def on_member_enrolled(self, event: Envelope) -> None:
        """Know the member, and welcome it."""
        self.db.consume(event, partial(use_cases.welcome, programme=self.programme))

    @on(members_events.UPDATED)
    def on_member_updated(self, event: Envelope) -> None:
        """Know whether the member is active."""
        self.db.consume(event, partial(use_cases.follow_status, programme=self.programme))

    @on(merge_events.MERGED)
    def on_member_merged(self, event: Envelope) -> None:
        """Give the survivor the source's coupons (M3)."""
        self.db.consume(event, use_cases.follow_merge)

    @on(merge_events.UNMERGED)
    def on_member_unmerged(self, event: Envelope) -> None:
        """Give the source its coupons back (M3)."""
        self.db.consume(event, use_cases.follow_merge)

    @every(GATHER_EVERY_S)
    def gather_stragglers(self) -> None:
        """Give on what sources of merges got in that moment (M3)."""
        self.db.sweep("gather_stragglers", use_cases.gather_stragglers)

    @on(tiers_events.CHANGED)
    def on_tier_changed(self, event: Envelope) -> None:
        """Know the member's tier."""
        self.db.consume(event, partial(use_cases.follow_tier, programme=self.programme))

    @on(tiers_events.BENEFIT_GRANTED)
    def on_benefit_granted(self, event: Envelope) -> None:
        """Give the coupon that a tier promises."""
        self.db.consume(event, partial(use_cases.grant_benefit, programme=self.programme))

    @on(points_events.SALE_RECORDED)
    def on_sale_recorded(self, event: Envelope) -> None:
        """Use up the order's coupons."""
        self.db.consume(event, use_cases.redeem_order)

    @on(points_events.CHECKOUT_CLOSED)
    def on_checkout_closed(self, event: Envelope) -> None:
        """Free the order's coupons."""
        self.db.consume(event, use_cases.close_order)

    @on(points_events.SALE_CANCELLED)
    def on_sale_cancelled(self, event: Envelope) -> None:
        """Give the order's coupons back."""
        self.db.consume(event, use_cases.restore_cancelled)

    @on(points_events.SALE_RETURNED)
    def on_sale_returned(self, event: Envelope) -> None:
        """Give the order's coupons back if nothing was kept, or the campaign says so."""
        self.db.consume(event, use_cases.restore_returned)

    @every(FREE_LAPSED_EVERY_S)
    def free_lapsed_orders(self) -> None:
        """Free reservations whose time is over."""
        self.db.sweep("free_lapsed_orders", use_cases.free_lapsed_orders)

    @every(EXPIRE_EVERY_S)
    def expire_coupons(self) -> None:
        """Write down lapsed coupons."""
        self.db.sweep("expire_coupons", use_cases.expire_coupons)

    @every(EXPIRE_EVERY_S)
    def announce_expiring(self) -> None:
        """Tell holders that their coupons lapse soon."""
        self.db.sweep("announce_expiring", use_cases.announce_expiring)

    @every(BIRTHDAYS_EVERY_S)
    def grant_birthdays(self) -> None:
        """Give the coupons of the month's birthdays."""
        self.db.sweep(
            "grant_birthdays", partial(use_cases.grant_birthdays, programme=self.programme)
        )

    def _await_members(self, call: Call, member_ids: list[UUID]) -> None:
        """Give enrolments that were answered a moment ago the time to be heard of here."""
        give_up = time.monotonic() + AWAIT_MEMBERS_S
        while time.monotonic() < give_up:
            if not self.db.run(
                queries.unknown_members, context=call.context, member_ids=member_ids
            ):
                return
            time.sleep(_LOOK_AGAIN_S)


SERVICE = CouponsService
