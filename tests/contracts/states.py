"""Provider states: how a provider comes to have something to tell, through its real use cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from shared.calls import CallContext
from shared.clock import rfc3339
from shared.contracts.points import rpc as points
from shared.contracts.privacy import HOLDERS
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"
CAMPAIGN = "0192f3a0-0000-7000-8000-00000000000c"
STORE = {"store_id": "s-9", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}


def till(platform: Platform) -> Person:
    """Return the first till."""
    return platform.terminal()


def enrol(platform: Platform) -> str:
    """Enrol a member at a till; returns its id."""
    person = {"phone": PHONE, "channel": "store", "birthday": "1990-05-17"}
    member = till(platform).post("/v1/members", person)
    return str(member["member_id"])


def change_name(platform: Platform) -> None:
    """Let a member change its name."""
    enrol(platform)
    platform.settle()
    status, body, _ = platform.shopper(PHONE).request("PATCH", "/v1/members/me", {"name": "Han"})
    assert status == 200, body


def sell(platform: Platform, *, net_minor: int = 12_000, **more: Any) -> tuple[Person, str]:
    """Enrol a member and record a sale; returns the till and the sale's id."""
    enrol(platform)
    platform.settle()
    sale_id = f"sale-{uuid4().hex[:8]}"
    selling = till(platform)
    selling.post("/v1/sales", sale(platform, sale_id, net_minor=net_minor, **more))
    return selling, sale_id


def sale(platform: Platform, sale_id: str, *, net_minor: int, **more: Any) -> dict[str, Any]:
    """Return a sale of two equal pieces on one line."""
    line = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": net_minor}
    return {
        "sale_id": sale_id,
        "occurred_at": rfc3339(platform.now()),
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [line],
        **more,
    }


def return_half(platform: Platform) -> None:
    """Let one of two pieces come back."""
    selling, sale_id = sell(platform)
    selling.post(
        f"/v1/sales/{sale_id}/returns",
        {
            "return_id": "r-1",
            "occurred_at": rfc3339(platform.now()),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": 6_000}],
            "reason_code": "customer_return",
        },
    )


def cancel(platform: Platform) -> None:
    """Cancel a sale as a whole."""
    selling, sale_id = sell(platform)
    selling.post(
        f"/v1/sales/{sale_id}/cancel", {"reason_code": "price_change", "merchant_fault": True},
        status=200,
    )  # fmt: skip


def open_store(platform: Platform) -> None:
    """Open a store."""
    platform.admin().post("/v1/stores", STORE)


def move_store(platform: Platform) -> None:
    """Open a store and move it to another time zone."""
    open_store(platform)
    path = f"/v1/stores/{STORE['store_id']}"
    status, body, _ = platform.admin().request("PATCH", path, {"time_zone": "Asia/Urumqi"})
    assert status == 200, body


def share(platform: Platform) -> None:
    """Let a member found a household and another one join it."""
    owner, other = enrol(platform), till(platform).post(
        "/v1/members", {"phone": "+8613900139000", "channel": "store"}
    )["member_id"]  # fmt: skip
    support = platform.staff("support")
    made = support.post("/v1/households", {"name": "Li", "owner_member_id": owner})
    support.post(f"/v1/households/{made['household_id']}/members", {"member_id": other})


def merge(platform: Platform) -> str:
    """Merge a member into another one, and let everybody do it; return the survivor's id."""
    source = enrol(platform)
    survivor: str = till(platform).post(
        "/v1/members", {"phone": "+8613900139000", "channel": "store"}
    )["member_id"]  # fmt: skip
    platform.settle()
    told = {"source_member_id": source, "reason": "One person."}
    platform.staff("manager").post(f"/v1/members/{survivor}/merge", told, status=200)
    platform.settle()
    return survivor


def unmerge(platform: Platform) -> None:
    """Undo a merge."""
    survivor = merge(platform)
    manager = platform.staff("manager")
    (made,) = manager.get(f"/v1/members/{survivor}/merges")["items"]
    source = {"source_member_id": made["source_member_id"]}
    manager.post(f"/v1/members/{survivor}/unmerge", source, status=200)
    platform.settle()


def bring_in(platform: Platform) -> None:
    """Import a member with points."""
    manager = platform.staff("manager")
    csv = f"phone,birthday,points,points_expire_on\n{PHONE},1990-05-17,1200,2030-12-31\n"
    sent = manager.client.post(
        "/v1/members/import",
        data=csv,
        content_type="text/csv",
        headers={"Authorization": f"Bearer {manager.token}", "Idempotency-Key": "k"},
    )
    assert sent.status_code == 202, sent.data
    platform.run_jobs()


def claim(platform: Platform) -> None:
    """Let a member claim a sale by its receipt code."""
    enrol(platform)
    platform.settle()
    anonymous = {**sale(platform, "sale-1", net_minor=600_000), "member": None}
    code = till(platform).post("/v1/sales", anonymous)["receipt_code"]
    shopper = platform.shopper(PHONE)
    shopper.post("/v1/sales/sale-1/claim", {"receipt_code": code}, status=200)


def rise(platform: Platform) -> None:
    """Let a member buy enough for a higher tier."""
    sell(platform, net_minor=600_000)
    platform.settle()


def let_checkout_lapse(platform: Platform) -> None:
    """Open a checkout as the gateway does for a sale with coupons, and let its time run out."""
    member_id = enrol(platform)
    platform.settle()
    order = {"order_id": "sale-1", "member_id": member_id, "digest": "d"}
    platform.backend.call(points.OPEN_CHECKOUT, order, CallContext("r-1"))
    platform.advance_clock(hours=25)


def export(platform: Platform) -> None:
    """Let staff ask for a member's export, and everybody send their parts."""
    member_id = enrol(platform)
    platform.settle()
    platform.staff("manager").post(f"/v1/members/{member_id}/export", status=202)
    platform.settle()
    platform.run_jobs()


def erase(platform: Platform) -> None:
    """Let staff erase a member, and everybody forget it."""
    path = f"/v1/members/{enrol(platform)}"
    platform.settle()
    status, body, _ = platform.staff("manager").request("DELETE", path, {"reason": "By letter."})
    assert status == 202, body
    (event,) = platform.outbox("members", "member.erased")
    for service in HOLDERS:
        platform.deliver(event, only=service)


def rich_member(platform: Platform) -> str:
    """Enrol a member who has 120 points; returns its id."""
    member_id = enrol(platform)
    platform.settle()
    till(platform).post("/v1/sales", sale(platform, "sale-1", net_minor=12_000))
    return member_id


def ordered_reward(platform: Platform) -> dict[str, Any]:
    """Let a member order a reward; returns the order."""
    rich_member(platform)
    reward = {"name": "Tea pot", "kind": "item", "points": 100}
    made = platform.staff("marketing").post("/v1/rewards", reward)
    return platform.shopper(PHONE).post(f"/v1/rewards/{made['reward_id']}/orders")


def cancel_reward(platform: Platform) -> None:
    """Let a member order a reward and cancel it."""
    order = ordered_reward(platform)
    platform.staff("support").post(f"/v1/reward-orders/{order['order_id']}/cancel", status=200)


def release_hold(platform: Platform) -> None:
    """Let a member's points be held for an order that is given up."""
    member_id = rich_member(platform)
    shop = platform.shop()
    hold = {"member_id": member_id, "points": 100, "order_id": "order-1"}
    held = shop.post("/v1/points/holds", hold)
    shop.post(f"/v1/points/holds/{held['hold_id']}/release", status=200)


def give_for_birthday(gift: Mapping[str, Any]) -> Callable[[Platform], None]:
    """Return the state in which a tier gave this for a member's birthday."""
    levels = [{"code": "BASIC", "name": "Basic", "rank": 0, "threshold": 0, "multiplier": "1"}]
    benefit = {"code": "BIRTHDAY", "kind": "birthday_gift", **gift}
    draft = {
        "name": "With a gift",
        "metric": "spend",
        "window": {"type": "lifetime"},
        "levels": [{**levels[0], "benefits": [benefit]}],
    }

    def give(platform: Platform) -> None:
        manager = platform.staff("manager")
        made = manager.post("/v1/tier-programmes", draft)
        manager.post(f"/v1/tier-programmes/{made['version']}/publish", status=200)
        born = f"1990-{platform.now():%m}-15"
        till(platform).post("/v1/members", {"phone": PHONE, "channel": "store", "birthday": born})
        platform.settle()
        platform.services["tiers"].due_work()

    return give


STATES: Mapping[str, Callable[[Platform], object]] = {
    "a member enrolled": enrol,
    "a member changed its name": change_name,
    "a sale was recorded": sell,
    "part of a sale was returned": return_half,
    "a sale was cancelled": cancel,
    "a sale was claimed": claim,
    "a checkout ran out of time": let_checkout_lapse,
    "a member rose to another tier": rise,
    "a member joined a household": share,
    "members merged": merge,
    "a member came with points": bring_in,
    "a merge undone": unmerge,
    "a member asked for an export": export,
    "a member was erased": erase,
    "points were given for a birthday": give_for_birthday({"value": 50}),
    "a coupon was given for a birthday": give_for_birthday({"campaign_id": CAMPAIGN}),
    "a reward was ordered": ordered_reward,
    "a reward order was cancelled": cancel_reward,
    "a hold was released": release_hold,
    "a store was opened": open_store,
    "a store moved": move_store,
}
