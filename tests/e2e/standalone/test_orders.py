"""A web shop's orders on the real thing: nameko, relays, events (H2, C2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.support.shop import Api
from tests.support.standalone import ADMIN_PASSWORD, Standalone
from tests.support.waiting import eventually

PASSWORD = "selling all day long"
PHONE = "+8613812345678"


@pytest.mark.rule("H1", "H2", "C2")
def test_order_reserves_and_lets_go_and_completes(running: Standalone) -> None:
    admin = Api(
        running.url, {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    )
    admin.post("/v1/staff", {"username": "eve", "password": PASSWORD, "roles": ["manager"]})
    staff = Api(running.url, {"grant_type": "password", "username": "eve", "password": PASSWORD})
    client = admin.post("/v1/clients", {"name": "web", "role": "shop"})
    secret = {name: client[name] for name in ("client_id", "client_secret")}
    shop = Api(running.url, {"grant_type": "client_credentials", **secret})
    member_id = shop.post("/v1/members", {"phone": PHONE, "channel": "web"})["member_id"]
    given = {"member_id": member_id, "points": 500, "reason_code": "goodwill", "note": "Sorry."}
    staff.post("/v1/points/adjustments", given)
    once = {"limits": {"per_member": 1}, "code": {"type": "public", "value": "SPRING"}}
    draft = {"name": "Spring", "kind": "amount_off", "value": 500, **once}
    made = staff.post("/v1/campaigns", {**draft, "validity": {"never_expires": True}})
    staff.post(f"/v1/campaigns/{made['campaign_id']}/publish", {})
    basket: dict[str, Any] = {
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 2_000}],
        "codes": ["SPRING"],
        "points_to_redeem": 200,
    }

    def is_free() -> bool:
        return bool(shop.post("/v1/quotes", basket)["coupons"]["applied"])

    def ordered() -> tuple[dict[str, Any], str]:
        quote = shop.post("/v1/quotes", basket)
        token = {"order_id": f"web-{uuid4()}", "quote_token": quote["quote_token"]}
        opened = shop.post("/v1/checkouts", token)
        assert (opened["totals"], opened["hold"]["points"]) == (quote["totals"], 200)
        assert not is_free()
        return quote, f"/v1/checkouts/{token['order_id']}"

    _, given_up = ordered()
    shop.post(f"{given_up}/cancel", {"reason_code": "payment_failed"})
    eventually(is_free)

    quote, order = ordered()
    paid_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    sale = shop.post(f"{order}/complete", {"paid_at": paid_at})
    assert sale["totals"] == quote["totals"]
    assert not is_free()
    balances = staff.get(f"/v1/members/{member_id}/points")["balances"]
    assert (balances["available"], balances["held"]) == (300 + sale["points"]["earned"], 0)
