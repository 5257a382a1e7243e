"""Rewards as the gateway orders them of coupons, without points."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from shared.calls import Actor
from shared.contracts.coupons import rewards
from shared.contracts.points import events as points
from shared.ids import new_id
from tests.integration.coupons.harness import Body, Coupons

SUPPORT = Actor("staff", "support-1", roles=("support",))
POT = {"name": "Tea pot", "kind": "item", "points": 800}


class Desk:
    """Orders rewards as the gateway does, without points."""

    def __init__(self, coupons: Coupons) -> None:
        self.coupons = coupons

    def reward(self, **more: Any) -> str:
        """Return the id of a new reward."""
        made: str = self.coupons.call(rewards.CREATE, {**POT, **more})["reward_id"]
        return made

    def left(self, reward_id: str) -> int | None:
        """Return what is left of a reward."""
        stock: int | None = self.coupons.call(rewards.GET, {"reward_id": reward_id})["stock"]
        return stock

    def taken(self) -> list[int]:
        """Return what members have of rewards."""
        rows = self.coupons.database.query("SELECT taken FROM reward_holders ORDER BY taken")
        return [row.taken for row in rows]

    def reserve(self, reward_id: str, member_id: UUID, quantity: int = 1, **more: Any) -> Body:
        """Take stock."""
        command = {
            "reward_id": reward_id,
            "member_id": str(member_id),
            "quantity": quantity,
            "request_key": str(uuid4()),
            "fingerprint": f"{quantity}",
            **more,
        }
        actor = Actor("member", str(member_id))
        return self.coupons.call(rewards.RESERVE, command, actor=actor)

    def confirm(self, order: Body, hold_id: UUID) -> str:
        """Confirm; returns the status."""
        command = {"order_id": order["order_id"], "hold_id": str(hold_id)}
        status: str = self.coupons.call(rewards.CONFIRM, command)["status"]
        return status

    def complete(self, order: Body) -> Body:
        """Hand over what was paid."""
        return self.coupons.call(rewards.COMPLETE, {"order_id": order["order_id"]})

    def order(self, reward_id: str, member_id: UUID, quantity: int = 1) -> Body:
        """Order and pay."""
        reserved = self.reserve(reward_id, member_id, quantity)
        self.confirm(reserved, new_id())
        return self.complete(reserved)

    def cancel(self, order: Body, **more: Any) -> Body:
        """Cancel as support."""
        command = {"order_id": order["order_id"], **more}
        return self.coupons.call(rewards.CANCEL, command, actor=SUPPORT)

    def fulfil(self, order: Body) -> Body:
        """Hand it over the counter."""
        return self.coupons.call(rewards.FULFIL, {"order_id": order["order_id"]}, actor=SUPPORT)

    def hear(self, status: str, order: Body, hold_id: UUID) -> None:
        """Hear from points how the hold of an order ended."""
        data = {
            "member_id": new_id(),
            "transaction_id": new_id(),
            "order_id": rewards.hold_order_id(order["order_id"]),
            "points": 800,
        }
        if status == "captured":
            self.coupons.tell(points.REDEEMED, {**data, "sale_id": None})
        else:
            self.coupons.tell(points.RELEASED, {**data, "hold_id": hold_id, "status": status})

    def status(self, order: Body) -> str:
        """Return the status as it is stored."""
        (row,) = self.coupons.database.query(
            "SELECT status FROM reward_orders WHERE order_id = CAST(:id AS uuid)",
            id=order["order_id"],
        )
        return str(row.status)
