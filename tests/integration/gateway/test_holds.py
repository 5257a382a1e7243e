"""Holds over HTTP: who may, and what callers get to know."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"


@pytest.fixture
def till(platform: Platform) -> Person:
    return platform.terminal()


@pytest.fixture
def member_id(platform: Platform, till: Person) -> str:
    """Return a member who has 300 points, and of whom points has not heard from members."""
    made = till.post("/v1/members", {"phone": PHONE, "channel": "store"})
    sale = {
        "sale_id": "s-1",
        "occurred_at": rfc3339(platform.now()),
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "A", "quantity": 1, "net_minor": 30_000}],
    }
    till.post("/v1/sales", sale)
    return str(made["member_id"])


@pytest.mark.rule("L5", "A3")
def test_shop_holds_and_captures(platform: Platform, member_id: str) -> None:
    shop = platform.shop()
    wanted = {"member_id": member_id, "points": 200, "order_id": "o-1"}
    held = shop.post("/v1/points/holds", wanted)
    status, again, headers = shop.request("POST", "/v1/points/holds", wanted)
    assert (status, again, headers["Idempotency-Replayed"]) == (200, held, "true")
    path = f"/v1/points/holds/{held['hold_id']}"
    captured = shop.post(f"{path}/capture", {"points": 150}, status=200)
    assert (captured["status"], captured["captured"]) == ("captured", 150)
    assert shop.get(path) == captured
    assert shop.get("/v1/points/holds?status=captured")["items"] == [captured]
    refused = shop.post(f"{path}/release", status=409)
    assert refused["code"] == "hold_already_captured"
    shown = platform.shopper(PHONE).get("/v1/members/me/points")["balances"]
    assert shown == {"available": 150, "pending": 0, "held": 0, "debt": 0}


def test_hold_of_a_brand_new_member_is_refused_for_want_of_points(till: Person) -> None:
    made = till.post("/v1/members", {"phone": PHONE, "channel": "store"})
    wanted: dict[str, Any] = {"member_id": made["member_id"], "points": 1, "order_id": "o-1"}
    assert till.post("/v1/points/holds", wanted, status=422)["code"] == "insufficient_points"
    wanted["member_id"] = str(uuid4())
    assert till.post("/v1/points/holds", wanted, status=422)["code"] == "unknown_member"


@pytest.mark.parametrize(
    ("field", "value"), [("points", 0), ("ttl_s", 0), ("ttl_s", 86_401), ("order_id", "a b")]
)
def test_hold_out_of_range_is_refused(
    till: Person, member_id: str, field: str, value: object
) -> None:
    wanted = {"member_id": member_id, "points": 1, "order_id": "o-1", field: value}
    refused = till.post("/v1/points/holds", wanted, status=422)
    assert [error["field"] for error in refused["errors"]] == [field]


def test_only_tills_and_shops_hold_but_staff_may_look(
    platform: Platform, till: Person, member_id: str
) -> None:
    wanted = {"member_id": member_id, "points": 1, "order_id": "o-1"}
    held = till.post("/v1/points/holds", wanted)
    path = f"/v1/points/holds/{held['hold_id']}"
    support, shopper = platform.staff("support"), platform.shopper(PHONE)
    assert support.get(path) == held
    for person in (support, shopper):
        assert person.request("POST", "/v1/points/holds", wanted)[0] == 403
        assert person.request("POST", f"{path}/release", {})[0] == 403
    assert shopper.request("GET", path)[0] == 403
    assert platform.shop().request("GET", path)[0] == 404
    assert till.request("GET", f"/v1/points/holds/{uuid4()}")[0] == 404
