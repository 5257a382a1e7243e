"""Whether orders are whole: complete or undone in every service, and the sums of all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.faults.stack.clients import SPENT, Order, RewardOrder, TillSale, WebOrder
from tests.faults.stack.retail import FIRST_POINTS, REWARD_POINTS, STOCK, Retail
from tests.faults.sums import COUNTERS
from tests.support.waiting import eventually

_CHECKOUTS = "SELECT order_id, status FROM checkouts"
_SALES = (
    "SELECT sale_id, status, discount_minor, points_earned, points_redeemed, member_id FROM sales"
)
_HOLDS = "SELECT order_id, status, captured FROM holds"
_USES = "SELECT order_id, status, discount_minor FROM redemptions"
_COUPONS = "SELECT coupon_id, status FROM coupons"
_REWARDS = "SELECT reward_id, order_id, status, member_id FROM reward_orders"
_STOCK = (
    "SELECT r.reward_id, r.stock, coalesce(sum(h.taken), 0) AS taken"
    " FROM rewards r LEFT JOIN reward_holders h USING (reward_id) GROUP BY r.reward_id"
)
_STANDING = "completed"
_NOBODY_HAS_IT = {"issued"}
_GIVEN_BACK = {"restored", "issued"}


@dataclass
class _Books:
    """What points and coupons have written, by order."""

    checkouts: dict[str, str]
    sales: dict[str, Any]
    holds: dict[str, Counter[str]]
    uses: dict[str, dict[str, int]]
    coupons: dict[str, str]
    rewards: dict[str, list[Any]]
    stock: dict[str, Any]

    @classmethod
    def read(cls, retail: Retail) -> _Books:
        """Look into both databases."""
        points = partial(retail.stack.query, "points")
        coupons = partial(retail.stack.query, "coupons")
        holds: dict[str, Counter[str]] = defaultdict(Counter)
        for row in points(_HOLDS):
            holds[row.order_id][row.status] += row.captured
        uses: dict[str, dict[str, int]] = defaultdict(dict)
        for row in coupons(_USES):
            if row.status != "released":
                uses[row.order_id][row.status] = row.discount_minor
        rewards: dict[str, list[Any]] = defaultdict(list)
        for row in coupons(_REWARDS):
            rewards[str(row.reward_id)].append(row)
        return cls(
            {row.order_id: row.status for row in points(_CHECKOUTS)},
            {row.sale_id: row for row in points(_SALES)},
            holds,
            uses,
            {str(row.coupon_id): row.status for row in coupons(_COUPONS)},
            rewards,
            {str(row.reward_id): row for row in coupons(_STOCK)},
        )

    def halves(self, order: Order) -> list[str]:
        """Return what of an order contradicts itself, or what its client was told."""
        if isinstance(order, RewardOrder):
            return self._halves_of_reward(order)
        assert isinstance(order, WebOrder | TillSale)
        sale, uses = self.sales.get(order.order_id), self.uses.get(order.order_id, {})
        coupon = self.coupons[order.coupon.coupon_id] if order.coupon else None
        if sale is None:
            expected: dict[str, int] = {}
            statuses, captured = _NOBODY_HAS_IT, 0
        elif sale.status == _STANDING:
            expected = {"redeemed": sale.discount_minor}
            statuses, captured = {"redeemed"}, SPENT
        else:
            expected = {"restored": sale.discount_minor}
            statuses, captured = _GIVEN_BACK, SPENT
        found = {
            f"coupon is {coupon}": coupon is not None and coupon not in statuses,
            f"coupons are used as {uses}": uses != expected,
            f"not all promised is given: {sale}": sale is not None and not sale.discount_minor,
        }
        if isinstance(order, WebOrder):
            status, holds = self.checkouts.get(order.order_id), self.holds[order.order_id]
            found |= {
                f"checkout is {status}": (status == "completed") != (sale is not None),
                "checkout is open": status == "open",
                "was answered as cancelled": order.has_done("cancel") and status != "cancelled",
                f"holds are {holds}": "held" in holds or holds["captured"] != captured,
            }
        sold = order.has_done("complete") or order.has_done("sell")
        back = order.has_done("give_back") or order.has_done("undo")
        found |= {
            "was answered, and is no sale": sold and sale is None,
            "was answered as taken back": back and (sale is None or sale.status == _STANDING),
        }
        return [f"{order}: {half}" for half, is_so in found.items() if is_so]

    def _halves_of_reward(self, order: RewardOrder) -> list[str]:
        rows, stock = self.rewards[order.reward_id], self.stock[order.reward_id]
        kept = [row for row in rows if row.status == "ordered"]
        found = {
            f"ordered more than once: {rows}": len([r for r in rows if r.status != "released"]) > 1,
            f"stock is {stock}": (stock.stock, stock.taken) != (STOCK - len(kept), len(kept)),
            "was answered, and is no order": order.has_done("order") and not rows,
            "was answered as taken back": order.has_done("take_back") and bool(kept),
        }
        for row in rows:
            holds = self.holds[f"reward:{row.order_id}"]
            paid = 0 if row.status == "released" else REWARD_POINTS
            found |= {
                f"order is {row.status}": row.status not in ("ordered", "cancelled", "released"),
                f"holds are {holds}": "held" in holds or holds["captured"] != paid,
            }
        return [f"{order}: {half}" for half, is_so in found.items() if is_so]

    def worth(self, member_id: str) -> int:
        """Return what all orders of a member have given it or taken, in points."""
        sales = sum(
            sale.points_earned - sale.points_redeemed
            for sale in self.sales.values()
            if str(sale.member_id) == member_id and sale.status == _STANDING
        )
        rewards = [row for rows in self.rewards.values() for row in rows]
        ordered = [
            row for row in rewards if str(row.member_id) == member_id and row.status == "ordered"
        ]
        return int(sales) - REWARD_POINTS * len(ordered)


def assert_whole(retail: Retail, orders: Sequence[Order]) -> None:
    """Each order is complete or undone, once events have arrived, and all of it adds up.

    The time of all orders is over.
    """
    halves: list[str] = []

    def none_is_half() -> bool:
        books = _Books.read(retail)
        halves[:] = [half for order in orders for half in books.halves(order)]
        for member in retail.members:
            expected = FIRST_POINTS + books.worth(member.member_id)
            balances = retail.balances(member)
            if balances != {"available": expected, "pending": 0, "held": 0, "debt": 0}:
                halves.append(f"{member.phone} has {balances} instead of {expected}")
        return not halves

    try:
        eventually(none_is_half, within_s=20)
    except AssertionError:
        raise AssertionError("\n".join(halves)) from None
    counters = retail.stack.query("coupons", COUNTERS)
    assert [row for row in counters if row.used != row.counted] == []
    verified = retail.staff.post("/v1/points/verify", {})
    assert (verified["ok"], verified["drift"]) == (True, [])
    assert retail.stack.dead_letters() == []
