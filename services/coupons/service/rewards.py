"""The part of the nameko class that is about rewards (R1)."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.coupons import queries, use_cases
from services.coupons.programme import Programme, programme_of
from shared.calls import Reply
from shared.contracts.coupons import rewards as contract
from shared.contracts.event import Envelope
from shared.contracts.points import events as points_events
from shared.db import Call
from shared.events.handler import on
from shared.rpc.server import Settings, every, rpc
from shared.service import BaseService

FREE_LAPSED_EVERY_S = 1.5
"""What is reserved beyond its time is free within 5 s (C2)."""


class Rewards(BaseService):
    """The catalogue of rewards, and their orders."""

    settings = Settings()

    @property
    def programme(self) -> Programme:
        """Return time zone, currency and keys."""
        return programme_of(self.settings)

    @rpc(contract.CREATE)
    def create_reward(self, call: Call, **draft: Any) -> Reply:
        """Offer something for points."""
        return self.db.write(call, use_cases.create_reward, **draft)

    @rpc(contract.GET)
    def reward(self, call: Call, **query: Any) -> Reply:
        """Return one reward."""
        return self.db.read(call, queries.reward, **query)

    @rpc(contract.LIST)
    def rewards(self, call: Call, **query: Any) -> Reply:
        """Return rewards, newest first."""
        return self.db.read(call, queries.reward_list, **query)

    @rpc(contract.AMEND)
    def amend_reward(self, call: Call, **changes: Any) -> Reply:
        """Change an offer."""
        return self.db.write(call, use_cases.amend_reward, **changes)

    @rpc(contract.RESERVE)
    def reserve_reward(self, call: Call, **command: Any) -> Reply:
        """Take stock for an order."""
        return self.db.write(call, use_cases.reserve_reward, programme=self.programme, **command)

    @rpc(contract.CONFIRM)
    def confirm_reward(self, call: Call, **command: Any) -> Reply:
        """Keep the stock until points tells what became of the hold."""
        return self.db.write(call, use_cases.confirm_reward, **command)

    @rpc(contract.FREE)
    def free_reward(self, call: Call, **command: Any) -> Reply:
        """Give the stock back of an order that was not paid."""
        return self.db.write(call, use_cases.free_reward, **command)

    @rpc(contract.COMPLETE)
    def complete_reward(self, call: Call, **command: Any) -> Reply:
        """Hand over what is paid."""
        return self.db.write(call, use_cases.complete_reward, programme=self.programme, **command)

    @rpc(contract.ORDER)
    def reward_order(self, call: Call, **query: Any) -> Reply:
        """Return one reward order."""
        return self.db.read(call, queries.reward_order, **query)

    @rpc(contract.ORDERS)
    def reward_orders(self, call: Call, **query: Any) -> Reply:
        """Return reward orders, newest first."""
        return self.db.read(call, queries.reward_order_list, **query)

    @rpc(contract.FULFIL)
    def fulfil_reward_order(self, call: Call, **command: Any) -> Reply:
        """Note that the member has what it ordered."""
        return self.db.write(call, use_cases.fulfil_reward_order, **command)

    @rpc(contract.CANCEL)
    def cancel_reward_order(self, call: Call, **command: Any) -> Reply:
        """Undo an order that is not handed over."""
        return self.db.write(call, use_cases.cancel_reward_order, **command)

    @on(points_events.REDEEMED)
    def on_points_redeemed(self, event: Envelope) -> None:
        """Hand over a reward that is paid, if its request died."""
        self.db.consume(event, partial(use_cases.follow_capture, programme=self.programme))

    @on(points_events.RELEASED)
    def on_points_released(self, event: Envelope) -> None:
        """Give the stock back of a reward that will not be paid."""
        self.db.consume(event, use_cases.follow_release)

    @every(FREE_LAPSED_EVERY_S)
    def free_lapsed_reward_orders(self) -> None:
        """Give back stock that was taken and never confirmed."""
        self.db.sweep("free_lapsed_reward_orders", use_cases.free_lapsed_reward_orders)
