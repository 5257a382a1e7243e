"""What is asked of points about orders before they are sales: quotes and checkouts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.points import use_cases
from services.points.domain.programme import Programme
from shared.calls import Reply
from shared.contracts.points import rpc as contract
from shared.db import Call
from shared.rpc.server import Settings, every, rpc
from shared.service import BaseService

CHECKOUT_SWEEP_S = 2
"""A reservation that ends is free within 5 seconds (C2): this and the event's way take less."""


class Checkouts(BaseService):
    """Quotes, and the orders of which points decides what becomes of them (H1, H2)."""

    settings = Settings()

    @property
    def programme(self) -> Programme:
        """Return the rules' numbers as this installation sets them."""
        chosen = self.settings
        return Programme(
            ZoneInfo(chosen.time_zone),
            chosen.currency,
            card_floor=chosen.card_floor,
            late_limit=timedelta(hours=chosen.late_limit_hours),
            online_within=timedelta(minutes=chosen.online_within_minutes),
            offline_allowance=chosen.offline_allowance_points,
        )

    @rpc(contract.QUOTE_SALE)
    def quote_sale(self, call: Call, **query: Any) -> Reply:
        """Say what points would pay of a sale, and what it would earn."""
        return self.db.read(call, use_cases.quote_sale, programme=self.programme, **query)

    @rpc(contract.OPEN_CHECKOUT)
    def open_checkout(self, call: Call, **command: Any) -> Reply:
        """Open an order."""
        return self.db.write(call, use_cases.open_checkout, programme=self.programme, **command)

    @rpc(contract.READY_CHECKOUT)
    def ready_checkout(self, call: Call, **command: Any) -> Reply:
        """Note that all an order needs is reserved."""
        return self.db.write(call, use_cases.ready_checkout, **command)

    @rpc(contract.CHECKOUT)
    def checkout(self, call: Call, **query: Any) -> Reply:
        """Return an order as it stands."""
        return self.db.read(call, use_cases.checkout, **query)

    @rpc(contract.COMPLETE_CHECKOUT)
    def complete_checkout(self, call: Call, **command: Any) -> Reply:
        """Make an order that is paid a sale."""
        programme = self.programme
        return self.db.write(call, use_cases.complete_checkout, programme=programme, **command)

    @rpc(contract.CANCEL_CHECKOUT)
    def cancel_checkout(self, call: Call, **command: Any) -> Reply:
        """Give an order up."""
        return self.db.write(call, use_cases.cancel_checkout, programme=self.programme, **command)

    @every(CHECKOUT_SWEEP_S)
    def close_overdue_checkouts(self) -> None:
        """Free what overdue orders reserved."""
        self.db.sweep("checkouts", use_cases.close_overdue)
